package redisstore

import (
	"context"
	_ "embed"
	"errors"
	"time"

	"github.com/holdfast-go/holdfast/driver"
)

// A batch of nothing but new values, as a copy makes it, needs no script that
// looks at each: MSETNX makes all of them, or none if there is one. The script
// behind it adds them to the log, if they were made.
//
//go:embed told.lua
var toldSource string

var toldProgram = newProgram(toldSource)

// createsOnly tells whether all that a batch does is to make values where there
// is none: for each op the condition that its key is absent, in the same order.
// (MSETNX is like Apply in that of several ops on one key the last counts.)
func createsOnly(conds []driver.Cond, ops []driver.Op) bool {
	if len(conds) != len(ops) || len(ops) < 2 {
		return false
	}
	for i, c := range conds {
		if c.Rev != "" || ops[i].Delete || ops[i].Key != c.Key {
			return false
		}
	}
	return true
}

// create makes values. Where one is there already, apply.lua is asked what that
// is, as damage is more than a conflict; and where there is but the mark of one
// that others have removed, it is in the way of MSETNX alone.
func (s *Store) create(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
	err := s.changes.do(&call{ctx: ctx, change: s.newCreation(ops)})
	if errors.Is(err, driver.ErrConflict) {
		return s.changes.do(&call{ctx: ctx, change: s.newScript(conds, lastOps(ops))})
	}
	return err
}

// newCreation makes the two commands. The script goes whole each time: if the
// server did not know it, the values would be made and not told of.
func (s *Store) newCreation(ops []driver.Op) *change {
	n, bytes, now := len(ops), 0, time.Now()
	x := &script{program: toldProgram, full: true, args: make([]any, 1, 1+2*n)}
	x.before = append(make([]any, 0, 1+4*n), "MSETNX")
	for i, op := range ops {
		m := mark{rev: s.newRev(), at: now, digest: digest(op.Data)}
		name, text := suffix(op.Key), m.String()
		key := s.keys.revOf(name)
		x.before = append(x.before, s.keys.valueOf(name), op.Data, key, text)
		x.args = append(x.args, name, m.rev)
		if bytes += len(op.Data); i == n-1 { // the last: no other one has replaced its mark
			x.keys, x.args[0] = []string{key}, text
		}
	}
	return &change{script: x, log: s.keys.log(), bytes: bytes}
}
