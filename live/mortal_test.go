package live_test

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/driver"
)

// backend is what the tests need of a store.
type backend interface {
	driver.Store
	driver.Deleter
	driver.Lister
	driver.Applier
}

var errDead = errors.New("the process is dead")

// mortal is a store whose process dies at its nth write: just before that
// takes effect, or just after, unacknowledged. From then on it refuses
// everything. With scope "key" it takes no batch over several keys.
type mortal struct {
	backend
	scope driver.BatchScope
	dieAt int // the nth write; 0 for never
	after bool

	mu     sync.Mutex
	writes int
	dead   bool
	wrote  func(ops []driver.Op) // told of each write that took effect
}

func (m *mortal) alive() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return errDead
	}
	return nil
}

func (m *mortal) write(ops []driver.Op, do func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return errDead
	}
	m.writes++
	if m.dead = m.writes == m.dieAt; m.dead && !m.after {
		return errDead
	}
	err := do()
	if err == nil && m.wrote != nil {
		m.wrote(ops)
	}
	if m.dead {
		return errDead
	}
	return err
}

func (m *mortal) Init(ctx context.Context, entity string) error {
	return first(m.alive(), m.backend.Init(ctx, entity))
}

func (m *mortal) Get(ctx context.Context, k driver.Key) (driver.Record, error) {
	if err := m.alive(); err != nil {
		return driver.Record{}, err
	}
	return m.backend.Get(ctx, k)
}

func (m *mortal) Put(ctx context.Context, k driver.Key, data []byte) error {
	return m.write([]driver.Op{{Key: k, Data: slices.Clone(data)}}, func() error { return m.backend.Put(ctx, k, data) })
}

func (m *mortal) Delete(ctx context.Context, k driver.Key) error {
	return m.write([]driver.Op{{Key: k, Delete: true}}, func() error { return m.backend.Delete(ctx, k) })
}

func (m *mortal) Apply(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
	keys := map[driver.Key]bool{}
	for _, op := range ops {
		keys[op.Key] = true
	}
	for _, c := range conds {
		keys[c.Key] = true
	}
	if m.scope == driver.BatchNone || m.scope == driver.BatchKey && len(keys) > 1 {
		return errors.ErrUnsupported
	}
	return m.write(ops, func() error { return m.backend.Apply(ctx, conds, ops) })
}

func (m *mortal) Properties() driver.Properties {
	return driver.Properties{Backend: "mortal", Batch: m.scope, MaxData: driver.MaxData}
}

func (m *mortal) Close() error { return nil }

// disk is a store that can be copied cheaply: the state after a crash.
type disk struct {
	values map[driver.Key]driver.Record
	seq    int
}

func newDisk() *disk { return &disk{values: map[driver.Key]driver.Record{}} }

func (d *disk) copy() *disk { return &disk{values: maps.Clone(d.values), seq: d.seq} }

func (d *disk) Init(context.Context, string) error { return nil }

func (d *disk) Get(_ context.Context, k driver.Key) (driver.Record, error) {
	rec, ok := d.values[k]
	if !ok {
		return rec, driver.ErrNotFound
	}
	rec.Data = slices.Clone(rec.Data)
	return rec, nil
}

func (d *disk) Has(_ context.Context, k driver.Key) (bool, error) {
	_, ok := d.values[k]
	return ok, driver.ValidateKey(k)
}

func (d *disk) Put(ctx context.Context, k driver.Key, data []byte) error {
	return d.Apply(ctx, nil, []driver.Op{{Key: k, Data: data}})
}

func (d *disk) Delete(ctx context.Context, k driver.Key) error {
	return d.Apply(ctx, nil, []driver.Op{{Key: k, Delete: true}})
}

func (d *disk) Clear(context.Context, string) error { return errors.ErrUnsupported }

func (d *disk) Apply(_ context.Context, conds []driver.Cond, ops []driver.Op) error {
	for _, c := range conds {
		if d.values[c.Key].Rev != c.Rev {
			return driver.ErrConflict
		}
	}
	for _, op := range ops {
		if d.seq++; op.Delete {
			delete(d.values, op.Key)
			continue
		}
		d.values[op.Key] = driver.Record{Key: op.Key, Data: slices.Clone(op.Data), Rev: strconv.Itoa(d.seq), ModTime: time.UnixMilli(1)}
	}
	return nil
}

func (d *disk) IDs(_ context.Context, entity string) iter.Seq2[string, error] {
	return d.names(func(k driver.Key) (string, bool) { return k.ID, k.Entity == entity })
}

func (d *disk) Entities(context.Context) iter.Seq2[string, error] {
	return d.names(func(k driver.Key) (string, bool) { return k.Entity, true })
}

func (d *disk) names(name func(driver.Key) (string, bool)) iter.Seq2[string, error] {
	found := map[string]bool{}
	for k := range d.values {
		if n, ok := name(k); ok {
			found[n] = true
		}
	}
	return func(yield func(string, error) bool) {
		for _, n := range slices.Sorted(maps.Keys(found)) {
			if !yield(n, nil) {
				return
			}
		}
	}
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
