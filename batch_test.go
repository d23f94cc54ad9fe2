package holdfast_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/memstore"
)

func TestBatchSeesItsOwnChanges(t *testing.T) {
	s := newStore(t, memstore.New())
	c := collection[int](t, s, "e")
	put(t, c, "a", 1)
	put(t, c, "b", 1)
	must(t, s.Update(t.Context(), func(b *holdfast.Batch) error {
		in := c.In(b)
		must(t, in.Put("a", 2))
		must(t, in.Put("a", 3))
		must(t, in.Delete("b"))
		must(t, in.Delete("never was"))
		if got, err := in.Get("a"); got != 3 || err != nil {
			t.Errorf("Get of what was put: %d, %v", got, err)
		}
		_, err := in.Get("b")
		wantError(t, err, holdfast.ErrNotFound)
		if got, err := c.Get(t.Context(), "a"); got != 1 || err != nil {
			t.Errorf("others see it already: %d, %v", got, err)
		}
		return nil
	}))
	if got, err := c.Get(t.Context(), "a"); got != 3 || err != nil {
		t.Errorf("afterwards: %d, %v", got, err)
	}
	_, err := c.Get(t.Context(), "b")
	wantError(t, err, holdfast.ErrNotFound)
}

func TestBatchKeepsCopies(t *testing.T) {
	s := newStore(t, memstore.New())
	must(t, s.Update(t.Context(), func(b *holdfast.Batch) error {
		data := []byte(`"mine"`)
		must(t, b.Put("e", "x", data))
		copy(data, `"evil"`)
		rec, err := b.Get("e", "x")
		must(t, err)
		copy(rec.Data, `"evil"`)
		return nil
	}))
	if got, err := collection[string](t, s, "e").Get(t.Context(), "x"); got != "mine" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// Another writer changes what the function has read: it runs again and sees
// the newer value. What it has only written is not a condition.
func TestUpdateRunsAgainOnConflict(t *testing.T) {
	h := &hooked{Store: memstore.New()}
	s := newStore(t, h)
	c, runs := collection[int](t, s, "e"), 0
	put(t, c, "written", 1)
	must(t, s.Update(t.Context(), func(b *holdfast.Batch) error {
		runs++
		n, err := c.In(b).Get("read")
		if runs == 1 {
			wantError(t, err, holdfast.ErrNotFound)
			put(t, c, "read", 10) // the others
		}
		put(t, c, "written", 2)
		return c.In(b).Put("written", n+1)
	}))
	if got, err := c.Get(t.Context(), "written"); runs != 2 || got != 11 || err != nil {
		t.Errorf("after %d runs: %d, %v", runs, got, err)
	}
}

// Two reads of one value that differ can never be applied together, so that
// the function is told at once, and run again.
func TestUpdateRunsAgainWhenReadsDiffer(t *testing.T) {
	s := newStore(t, memstore.New())
	c, runs := collection[int](t, s, "e"), 0
	put(t, c, "x", 1)
	must(t, s.Update(t.Context(), func(b *holdfast.Batch) error {
		runs++
		first, err := c.In(b).Get("x")
		must(t, err)
		if runs == 1 {
			put(t, c, "x", 2) // the others
		}
		second, err := c.In(b).Get("x")
		if err != nil {
			wantError(t, err, holdfast.ErrConflict)
			return err
		}
		return c.In(b).Put("sum", first+second)
	}))
	if got, err := c.Get(t.Context(), "sum"); runs != 2 || got != 4 || err != nil {
		t.Errorf("after %d runs: %d, %v", runs, got, err)
	}
}

// A conflict of another Update, which the function met, is its own affair.
func TestConflictOfTheFunctionIsNotRepeated(t *testing.T) {
	s, runs := newStore(t, memstore.New()), 0
	err := s.Update(t.Context(), func(*holdfast.Batch) error {
		runs++
		return holdfast.ErrConflict
	})
	wantError(t, err, holdfast.ErrConflict)
	if runs != 1 {
		t.Errorf("%d runs", runs)
	}
}

func TestErrorOfTheFunctionChangesNothing(t *testing.T) {
	s := newStore(t, &hooked{Store: memstore.New(), apply: func([]driver.Cond, []driver.Op) error {
		t.Error("Apply was called")
		return nil
	}})
	mine := errors.New("mine")
	err := s.Update(t.Context(), func(b *holdfast.Batch) error {
		return errors.Join(b.Put("e", "x", []byte(`1`)), mine)
	})
	wantError(t, err, mine)
	wantError(t, s.Update(t.Context(), func(b *holdfast.Batch) error { return b.Put("e", "x", []byte(`{`)) }), holdfast.ErrInvalidJSON)
	wantError(t, s.Update(t.Context(), func(b *holdfast.Batch) error { return b.Put("e", "", []byte(`1`)) }), holdfast.ErrInvalidName)
	wantError(t, s.Update(t.Context(), func(b *holdfast.Batch) error { return b.Delete("a//b", "x") }), holdfast.ErrInvalidName)
	must(t, s.Update(t.Context(), func(*holdfast.Batch) error { return nil }))
}

// Losing without end means a backend that is wrong, and must end.
func TestUpdateGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		s := newStore(t, &hooked{Store: memstore.New(), apply: func([]driver.Cond, []driver.Op) error { return driver.ErrConflict }})
		err := s.Update(t.Context(), func(b *holdfast.Batch) error {
			runs++
			return b.Put("e", "x", []byte(`1`))
		})
		wantError(t, err, holdfast.ErrConflict)
		if runs != 1000 {
			t.Errorf("%d runs", runs)
		}
	})
}

func TestUpdateEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		runs := 0
		s := newStore(t, &hooked{Store: memstore.New(), apply: func([]driver.Cond, []driver.Op) error {
			if runs++; runs == 3 {
				cancel()
			}
			return driver.ErrConflict
		}})
		err := s.Update(ctx, func(b *holdfast.Batch) error { return b.Put("e", "x", []byte(`1`)) })
		wantError(t, err, context.Canceled)
		if runs != 3 {
			t.Errorf("%d runs", runs)
		}
	})
}

// An error of the backend that is no conflict is not tried again.
func TestUpdateDoesNotRepeatOtherErrors(t *testing.T) {
	runs, mine := 0, errors.New("of the disk")
	s := newStore(t, &hooked{Store: memstore.New(), apply: func([]driver.Cond, []driver.Op) error {
		runs++
		return mine
	}})
	wantError(t, s.Update(t.Context(), func(b *holdfast.Batch) error { return b.Put("e", "x", []byte(`1`)) }), mine)
	if runs != 1 {
		t.Errorf("%d runs", runs)
	}
}

// The conditions of a batch are what was read; its ops are one for each key.
func TestWhatUpdateApplies(t *testing.T) {
	var conds []driver.Cond
	var ops []driver.Op
	h := &hooked{Store: memstore.New(), apply: func(c []driver.Cond, o []driver.Op) error {
		conds, ops = c, o
		return nil
	}}
	s := newStore(t, h)
	must(t, s.Update(t.Context(), func(b *holdfast.Batch) error {
		_, err := b.Get("e", "absent")
		wantError(t, err, holdfast.ErrNotFound)
		return errors.Join(b.Put("e", "x", []byte(`1`)), b.Delete("e", "y"), b.Put("e", "x", []byte(`2`)))
	}))
	if len(conds) != 1 || conds[0] != (driver.Cond{Key: driver.Key{Entity: "e", ID: "absent"}}) {
		t.Errorf("conditions: %+v", conds)
	}
	if len(ops) != 2 || string(ops[0].Data) != "2" || !ops[1].Delete {
		t.Errorf("ops: %+v", ops)
	}
}

func TestUpdateOfDamagedChangesNothing(t *testing.T) {
	h := &hooked{Store: memstore.New(), get: func(k driver.Key) error {
		return &driver.DamagedError{Path: k.String(), Reason: "torn"}
	}, apply: func([]driver.Cond, []driver.Op) error {
		t.Error("Apply was called")
		return nil
	}}
	c := collection[int](t, newStore(t, h), "e")
	wantError(t, c.Update(t.Context(), "x", func(int, bool) (int, error) { return 1, nil }), holdfast.ErrDamaged)
}

func TestUpdateUnsupported(t *testing.T) {
	s := newStore(t, struct{ driver.Store }{memstore.New()})
	err := s.Update(t.Context(), func(*holdfast.Batch) error {
		t.Error("the function ran")
		return nil
	})
	wantError(t, err, errors.ErrUnsupported)
}

func TestBatchOfAnotherStorePanics(t *testing.T) {
	s := newStore(t, memstore.New())
	other := collection[int](t, newStore(t, memstore.New()), "e")
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	_ = s.Update(t.Context(), func(b *holdfast.Batch) error { return other.In(b).Put("x", 1) })
}
