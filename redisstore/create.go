package redisstore

import (
	"context"
	_ "embed"
	"errors"

	"github.com/holdfast-go/holdfast/driver"
)

// A batch of nothing but new values, as a copy makes it, needs no script that
// looks at each: MSETNX makes all of them, or none if there is one. The script
// behind it adds them to the log, if they were made.
//
//go:embed told.lua
var toldSource string

// creation is what one call has MSETNX and told.lua do.
type creation struct{ puts []put }

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

func (s *Store) newCreation(ops []driver.Op) *change {
	c := s.newPuts(ops)
	c.creation, c.puts = &creation{c.puts}, nil
	return c
}

// append adds the two commands. The script goes whole each time: if the server
// did not know it, the values would be made and not told of.
func (x *creation) append(m message, marker, log string, slot int) message {
	n := len(x.puts)
	last := &x.puts[n-1] // no other one has replaced its mark
	m = m.command(1 + 4*n).word("MSETNX").puts(x.puts)
	m = m.command(8 + 2*n).word("EVAL").word(toldSource).number(3).word(marker).word(log).word(last.mark)
	return m.number(slot).word(last.markText).news(x.puts)
}

// settle reads the script's answer to a call.
func (x *creation) settle(c *call, answer any) {
	switch v := answer.(type) {
	case int64: // made
	case []any:
		c.err = driver.ErrConflict
	case error:
		c.err = explain(v)
	default:
		c.err = errGarbled
	}
}
