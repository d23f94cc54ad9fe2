package holdfast

import (
	"context"
	"errors"
	"fmt"

	"github.com/holdfast-go/holdfast/driver"
)

// Undo takes back the newest change of a value: it makes the state before it
// the newest again, as a change of its own, byte for byte, and returns that
// state as history has it. Where that is a removal, it removes the value.
// History keeps what was undone, so a second Undo takes back the first (redo).
//
// If others change the value meanwhile, Undo starts again: what it takes back
// is the newest change of the moment in which it happens, and nothing else is
// lost. ErrNotFound says that there is no value and history knows of none;
// ErrNotKept that history does not have the state before the newest. That is so
// of a value put once, too: it is not recorded whether it was new then, and
// nothing is removed on a guess. A damaged value is ErrDamaged. A state that is
// not a T (ErrCleared for null, where T has none) is not put back but an error.
// In each case nothing has changed. errors.ErrUnsupported says that the backend
// keeps no history, or cannot write under a condition.
func (c *Collection[T]) Undo(ctx context.Context, id string) (Version[T], error) {
	k := c.key(id)
	applier, ok := driver.As[driver.Applier](c.s.d)
	for attempt := 1; ; attempt++ {
		if err := first(c.s.writable(), c.s.usable(ctx, ok)); err != nil {
			return Version[T]{}, fail("undo", k, err)
		}
		u, err := c.undoing(ctx, id)
		if err == nil {
			err = c.s.apply(ctx, applier, u.conds, u.ops)
		}
		if err == nil {
			return u.back, nil
		}
		if errors.Is(err, ErrConflict) && attempt < maxAttempts {
			err = backoff(ctx, attempt)
		}
		if err != nil {
			return Version[T]{}, fail("undo", k, err)
		}
	}
}

// undoing is what Undo has to do, and under which condition.
type undoing[T any] struct {
	conds []driver.Cond
	ops   []driver.Op
	back  Version[T] // what that makes the newest again
}

func (c *Collection[T]) undoing(ctx context.Context, id string) (undoing[T], error) {
	k := c.key(id)
	var states []driver.Version
	for v, err := range c.versions(ctx, "undo", id) {
		if err != nil {
			return undoing[T]{}, err
		}
		if states = append(states, v); len(states) == 2 {
			break
		}
	}
	switch len(states) {
	case 0:
		_, err := c.s.d.Get(ctx, k) // tells whether that is because there is nothing
		if err == nil {
			err = fmt.Errorf("%w: no state of it is kept", ErrNotKept)
		}
		return undoing[T]{}, err
	case 1:
		return undoing[T]{}, fmt.Errorf("%w: the state before that of %s", ErrNotKept, stamp(states[0].ModTime))
	}
	back, err := c.version(states[1])
	return undoing[T]{
		conds: []driver.Cond{{Key: k, Rev: states[0].Rev}}, // of a removal "": there must be no value
		ops:   []driver.Op{{Key: k, Data: states[1].Data, Delete: states[1].Deleted}},
		back:  back,
	}, err
}
