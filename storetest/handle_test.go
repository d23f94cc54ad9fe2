package storetest_test

import (
	"context"
	"errors"
	"iter"
	"sync"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/memstore"
	"github.com/holdfast-go/holdfast/storetest"
)

// core is what lies behind the handles: it outlives them, and can be damaged.
type core struct {
	mu      sync.Mutex
	mem     *memstore.Store
	damaged map[driver.Key]bool
}

func newCore() *core { return &core{mem: memstore.New(), damaged: map[driver.Key]bool{}} }

// handle is an open store over a core: the reference backend, with restarts
// and damage.
type handle struct {
	*core
	life context.Context
	end  context.CancelCauseFunc
}

func (c *core) open() *handle {
	life, end := context.WithCancelCause(context.Background())
	return &handle{core: c, life: life, end: end}
}

// base is how a handle is found beneath what embeds it.
func (h *handle) base() *handle { return h }

// Close waits for the call that is under way.
func (h *handle) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.end(driver.ErrClosed)
	return nil
}

// locked runs f alone, unless the handle was closed.
func (h *handle) locked(f func() error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := context.Cause(h.life); err != nil {
		return err
	}
	return f()
}

func (h *handle) whole(k driver.Key) error {
	if h.damaged[k] {
		return &driver.DamagedError{Path: k.String(), Reason: "by the test"}
	}
	return nil
}

func (h *handle) Init(ctx context.Context, entity string) error {
	return h.locked(func() error { return h.mem.Init(ctx, entity) })
}

func (h *handle) Get(ctx context.Context, k driver.Key) (rec driver.Record, err error) {
	err = h.locked(func() error {
		if rec, err = h.mem.Get(ctx, k); err == nil {
			err = h.whole(k)
		}
		return err
	})
	return rec, err
}

func (h *handle) Has(ctx context.Context, k driver.Key) (has bool, err error) {
	err = h.locked(func() error {
		if has, err = h.mem.Has(ctx, k); err == nil {
			err = h.whole(k)
		}
		return err
	})
	return has && err == nil, err
}

func (h *handle) Put(ctx context.Context, k driver.Key, data []byte) error {
	return h.Apply(ctx, nil, []driver.Op{{Key: k, Data: data}})
}

func (h *handle) Delete(ctx context.Context, k driver.Key) error {
	return h.locked(func() error {
		err := h.mem.Delete(ctx, k)
		if err == nil {
			delete(h.damaged, k)
		}
		return err
	})
}

func (h *handle) Clear(ctx context.Context, entity string) error {
	return h.locked(func() error {
		err := h.mem.Clear(ctx, entity)
		for k := range h.damaged {
			if err == nil && k.Entity == entity {
				delete(h.damaged, k)
			}
		}
		return err
	})
}

func (h *handle) Apply(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
	return h.locked(func() error {
		for _, c := range conds {
			if err := h.whole(c.Key); err != nil {
				return err
			}
		}
		err := h.mem.Apply(ctx, conds, ops)
		for _, op := range ops {
			if err == nil {
				delete(h.damaged, op.Key)
			}
		}
		return err
	})
}

func (h *handle) IDs(ctx context.Context, entity string) iter.Seq2[string, error] {
	return h.gated(h.mem.IDs(ctx, entity))
}

func (h *handle) Entities(ctx context.Context) iter.Seq2[string, error] {
	return h.gated(h.mem.Entities(ctx))
}

func (h *handle) gated(seq iter.Seq2[string, error]) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := context.Cause(h.life); err != nil {
			yield("", err)
			return
		}
		seq(yield)
	}
}

func (h *handle) Load(ctx context.Context, values []driver.Value) (errs []error) {
	if err := h.locked(func() error { errs = h.mem.Load(ctx, values); return nil }); err != nil {
		return driver.FailAll(values, err)
	}
	return errs
}

func (h *handle) Scan(ctx context.Context, entity string) iter.Seq2[driver.Record, error] {
	return func(yield func(driver.Record, error) bool) {
		for id, err := range h.IDs(ctx, entity) {
			rec := driver.Record{Key: driver.Key{Entity: entity, ID: id}}
			if err == nil {
				rec, err = h.Get(ctx, rec.Key)
			}
			switch {
			case errors.Is(err, driver.ErrNotFound):
				continue
			case errors.Is(err, driver.ErrDamaged):
				rec = driver.Record{Key: driver.Key{Entity: entity, ID: id}}
			}
			if !yield(rec, err) {
				return
			}
		}
	}
}

func (h *handle) History(ctx context.Context, k driver.Key) iter.Seq2[driver.Version, error] {
	return func(yield func(driver.Version, error) bool) {
		if err := context.Cause(h.life); err != nil {
			yield(driver.Version{}, err)
			return
		}
		h.mem.History(ctx, k)(yield)
	}
}

func (h *handle) Watch(ctx context.Context, entity string) iter.Seq2[driver.Change, error] {
	inner, cancel := context.WithCancelCause(ctx)
	context.AfterFunc(h.life, func() { cancel(driver.ErrClosed) })
	changes := h.mem.Watch(inner, entity)
	return func(yield func(driver.Change, error) bool) {
		for c, err := range changes {
			if err != nil {
				err = context.Cause(inner)
			}
			if !yield(c, err) {
				return
			}
		}
	}
}

func (h *handle) Properties() driver.Properties { return h.mem.Properties() }

func (h *handle) Check(ctx context.Context, progress func(int)) (driver.Report, error) {
	var r driver.Report
	for entity, err := range h.Entities(ctx) {
		if err != nil {
			return r, err
		}
		r.Entities++
		for id, err := range h.IDs(ctx, entity) {
			if err != nil {
				return r, err
			}
			r.Values++
			h.mu.Lock()
			if k := (driver.Key{Entity: entity, ID: id}); h.damaged[k] {
				r.Findings = append(r.Findings, driver.Finding{Entity: entity, ID: id, Problem: driver.ProblemInvalid, Action: driver.ActionNone})
			}
			h.mu.Unlock()
			if progress != nil {
				progress(r.Values)
			}
		}
	}
	return r, context.Cause(ctx)
}

// backend is how the suite gets at handles, or at what wraps them.
type backend struct {
	wrap    func(*handle) driver.Store
	restart func(*core) // what goes wrong at a restart; may be nil
}

func (b backend) open(t *testing.T) driver.Store {
	h := newCore().open()
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return b.wrap(h)
}

func (b backend) options() *storetest.Options {
	return &storetest.Options{
		Reopen: func(t *testing.T, s driver.Store) driver.Store {
			h := s.(interface{ base() *handle }).base()
			if err := h.Close(); err != nil {
				t.Error(err)
			}
			if b.restart != nil {
				b.restart(h.core)
			}
			return b.wrap(h.core.open())
		},
		Damage: func(_ *testing.T, s driver.Store, k driver.Key) driver.Store {
			h := s.(interface{ base() *handle }).base()
			h.mu.Lock()
			defer h.mu.Unlock()
			h.damaged[k] = true
			return s
		},
	}
}
