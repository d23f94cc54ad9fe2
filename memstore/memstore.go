// Package memstore is the reference backend: every capability that memory can
// have (there is nothing to recover or to check), in as few lines as make its
// meaning plain. It is for tests, for mocks, and for reading beside the contract
// in package driver. Importing it registers the
// URL scheme "mem:"; each Open makes a store of its own, which is gone with the
// process.
package memstore

import (
	"context"
	"iter"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/internal/watch"
)

func init() {
	driver.Register("mem", func(_ context.Context, u *url.URL, _ driver.OpenOptions) (driver.Store, error) {
		if err := driver.Params(u, nil); err != nil {
			return nil, err
		}
		return New(), nil
	})
}

// Store keeps values in memory. Its zero value is not ready: use New.
type Store struct {
	mu      sync.RWMutex
	values  map[driver.Key]driver.Record
	history map[driver.Key][]driver.Version // the oldest first
	seq     uint64                          // of changes: the next revision
	closed  bool
	hub     watch.Hub
}

// kept is how many states of each value History goes back.
const kept = 16

// New makes an empty store.
func New() *Store {
	return &Store{values: map[driver.Key]driver.Record{}, history: map[driver.Key][]driver.Version{}}
}

// Init implements driver.Store.
func (s *Store) Init(ctx context.Context, entity string) error {
	return first(ctx.Err(), driver.ValidateEntity(entity), s.open())
}

// Get implements driver.Store.
func (s *Store) Get(ctx context.Context, k driver.Key) (driver.Record, error) {
	if err := first(ctx.Err(), driver.ValidateKey(k), s.open()); err != nil {
		return driver.Record{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	rec, ok := s.values[k]
	if !ok {
		return driver.Record{}, driver.ErrNotFound
	}
	rec.Data = slices.Clone(rec.Data)
	return rec, nil
}

// Has implements driver.Store.
func (s *Store) Has(ctx context.Context, k driver.Key) (bool, error) {
	if err := first(ctx.Err(), driver.ValidateKey(k), s.open()); err != nil {
		return false, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, ok := s.values[k]
	return ok, nil
}

// Put implements driver.Store.
func (s *Store) Put(ctx context.Context, k driver.Key, data []byte) error {
	return s.Apply(ctx, nil, []driver.Op{{Key: k, Data: data}})
}

// Delete implements driver.Deleter.
func (s *Store) Delete(ctx context.Context, k driver.Key) error {
	if err := first(ctx.Err(), driver.ValidateKey(k), s.open()); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.values[k]; !ok {
		return driver.ErrNotFound
	}
	s.change(driver.Op{Key: k, Delete: true})
	return nil
}

// Clear implements driver.Deleter.
func (s *Store) Clear(ctx context.Context, entity string) error {
	if err := first(ctx.Err(), driver.ValidateEntity(entity), s.open()); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.values {
		if k.Entity == entity {
			s.change(driver.Op{Key: k, Delete: true})
		}
	}
	return nil
}

// IDs implements driver.Lister: a snapshot.
func (s *Store) IDs(ctx context.Context, entity string) iter.Seq2[string, error] {
	return s.list(ctx, driver.ValidateEntity(entity), func(k driver.Key) (string, bool) { return k.ID, k.Entity == entity })
}

// Entities implements driver.Lister: a snapshot.
func (s *Store) Entities(ctx context.Context) iter.Seq2[string, error] {
	return s.list(ctx, nil, func(k driver.Key) (string, bool) { return k.Entity, true })
}

func (s *Store) list(ctx context.Context, invalid error, name func(driver.Key) (string, bool)) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := first(ctx.Err(), invalid, s.open()); err != nil {
			yield("", err)
			return
		}
		names := map[string]struct{}{}
		s.mu.RLock()
		for k := range s.values {
			if n, ok := name(k); ok {
				names[n] = struct{}{}
			}
		}
		s.mu.RUnlock()
		for _, n := range slices.Sorted(maps.Keys(names)) {
			if err := ctx.Err(); err != nil {
				yield("", err)
				return
			}
			if !yield(n, nil) {
				return
			}
		}
	}
}

// Apply implements driver.Applier.
func (s *Store) Apply(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
	err := first(ctx.Err(), s.open())
	for _, op := range ops {
		err = first(err, driver.ValidateKey(op.Key))
		if !op.Delete {
			err = first(err, driver.ValidateData(op.Data))
		}
	}
	for _, c := range conds {
		err = first(err, driver.ValidateKey(c.Key))
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range conds {
		if s.values[c.Key].Rev != c.Rev {
			return driver.ErrConflict
		}
	}
	for _, op := range ops {
		s.change(op)
	}
	return nil
}

// change makes one change. The caller holds mu, so that watchers are told in
// the order of the changes.
func (s *Store) change(op driver.Op) {
	s.seq++
	v := driver.Version{Record: driver.Record{Key: op.Key, ModTime: time.Now()}, Deleted: op.Delete}
	if op.Delete {
		if _, ok := s.values[op.Key]; !ok {
			return
		}
		delete(s.values, op.Key)
	} else {
		v.Data, v.Rev = slices.Clone(op.Data), strconv.FormatUint(s.seq, 10)
		s.values[op.Key] = v.Record
	}
	h := append(s.history[op.Key], v)
	s.history[op.Key] = h[max(0, len(h)-kept):]
	s.hub.Publish(op.Key, op.Delete)
}

// History implements driver.Historian: the last 16 states of the value.
func (s *Store) History(ctx context.Context, k driver.Key) iter.Seq2[driver.Version, error] {
	return func(yield func(driver.Version, error) bool) {
		if err := first(ctx.Err(), driver.ValidateKey(k), s.open()); err != nil {
			yield(driver.Version{}, err)
			return
		}
		s.mu.RLock()
		versions := slices.Clone(s.history[k])
		s.mu.RUnlock()
		for _, v := range slices.Backward(versions) {
			v.Data = slices.Clone(v.Data)
			if !yield(v, nil) {
				return
			}
		}
	}
}

// Watch implements driver.Watcher.
func (s *Store) Watch(ctx context.Context, entity string) iter.Seq2[driver.Change, error] {
	return s.hub.Watch(ctx, entity)
}

// Properties implements driver.Describer.
func (s *Store) Properties() driver.Properties {
	return driver.Properties{
		Backend: "mem", Location: "memory", ExactBytes: true, AtomicClear: true, History: true,
		Batch: driver.BatchAny, MaxData: driver.MaxData,
		Notes: []string{"gone with the process"},
	}
}

// Close implements io.Closer.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.hub.Close()
	return nil
}

func (s *Store) open() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return driver.ErrClosed
	}
	return nil
}

// first returns the first of errs that is an error.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
