package redisstore

import (
	"context"
	_ "embed"
	"errors"
	"time"

	"github.com/holdfast-go/holdfast/driver"
)

// A batch of nothing but new values, as a copy makes it, needs no look at what
// is there: a script of its own asks once whether anything is.
//
//go:embed create.lua
var createSource string

var createProgram = newProgram(createSource)

// createsOnly tells whether all that a batch does is to make values where there
// is none: one condition of absence for each, and no two ops on one key.
func createsOnly(conds []driver.Cond, ops []driver.Op) bool {
	if len(conds) != len(ops) || len(ops) < 2 {
		return false
	}
	absent := make(map[driver.Key]bool, len(conds))
	for _, c := range conds {
		if c.Rev != "" || absent[c.Key] {
			return false
		}
		absent[c.Key] = true
	}
	for _, op := range ops {
		if op.Delete || !absent[op.Key] {
			return false
		}
		absent[op.Key] = false
	}
	return true
}

// create makes values. Where one is there already, apply.lua is asked what that
// is, as damage is more than a conflict.
func (s *Store) create(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
	err := s.changes.do(&call{ctx: ctx, change: s.newCreation(ops)})
	if errors.Is(err, driver.ErrConflict) {
		return s.changes.do(&call{ctx: ctx, change: s.newScript(conds, ops)})
	}
	return err
}

// newCreation makes a run of the script.
func (s *Store) newCreation(ops []driver.Op) *change {
	n, bytes, now := len(ops), 0, time.Now()
	x := &script{program: createProgram, keys: make([]string, 0, 2*n), args: make([]any, 2*n, 4*n)}
	for i, op := range ops {
		m := mark{rev: s.newRev(), at: now, digest: digest(op.Data)}
		x.keys = append(x.keys, s.keys.value(op.Key), s.keys.rev(op.Key))
		x.args[2*i], x.args[2*i+1] = op.Data, m.String()
		x.args = append(x.args, suffix(op.Key), m.rev)
		bytes += len(op.Data)
	}
	return &change{script: x, log: s.keys.log(), bytes: bytes}
}
