// Package fence binds the changes of a store to the state of one record in it:
// they happen while the record has a certain revision, and are refused, by the
// store itself, once it has another.
package fence

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/internal/wrap"
)

// Store is a store whose every change carries the condition. Reading, history
// and watching pass through. It does not own what it wraps: there is no Close.
//
// Whatever a driver.Store learns to change in future has to be fenced here: a
// test knows all methods.
type Store struct {
	wrap.Store
	post   driver.Cond
	note   string
	fenced func(data []byte) error
}

// clearAtOnce is how many values Clear removes in one step.
const clearAtOnce = 256

// New binds a store that can Apply over any keys to the record entity id in the
// revision rev. fenced is asked for the error of a change that was refused since
// the record has another revision now, of which it gets the data; nil if there
// is none or it could not be read. note is added to the Properties.
func New(inner driver.Store, entity, id, rev, note string, fenced func(data []byte) error) *Store {
	return &Store{
		Store:  wrap.New(inner),
		post:   driver.Cond{Key: driver.Key{Entity: entity, ID: id}, Rev: rev},
		note:   note,
		fenced: fenced,
	}
}

// Lacks implements driver.Partial.
func (s *Store) Lacks(capability any) bool {
	switch capability.(type) {
	case *io.Closer, *driver.Loader:
		return true
	}
	return s.Store.Lacks(capability)
}

// Load makes nothing: values that are made each for itself cannot be bound to a
// condition on another one. Apply makes them under it.
func (s *Store) Load(_ context.Context, values []driver.Value) []error {
	return driver.FailAll(values, errors.ErrUnsupported)
}

// Close has no effect: the inner store is its owner's.
func (s *Store) Close() error { return nil }

// Properties implements driver.Describer.
func (s *Store) Properties() driver.Properties {
	p := s.Store.Properties()
	p.AtomicClear = false
	p.Notes = append(slices.Clone(p.Notes), s.note)
	return p
}

// Hold asks the store whether the record is as it was, and changes nothing.
func (s *Store) Hold(ctx context.Context) error { return s.Apply(ctx, nil, nil) }

// Apply implements driver.Applier.
func (s *Store) Apply(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
	all := make([]driver.Cond, 0, len(conds)+1)
	all = append(append(all, s.post), conds...)
	err := s.Store.Apply(ctx, all, ops)
	if errors.Is(err, driver.ErrConflict) {
		return s.conflict(ctx, err, len(conds) > 0)
	}
	return err
}

// conflict tells whose condition it was that did not hold. There is no race in
// looking only now: a revision that is gone does not come back, so that the
// record, if it still has ours, had it then.
func (s *Store) conflict(ctx context.Context, err error, others bool) error {
	rec, read := s.Get(context.WithoutCancel(ctx), s.post.Key)
	switch {
	case read == nil && rec.Rev == s.post.Rev:
		return err
	case read == nil:
		return s.fenced(rec.Data)
	case !others, errors.Is(read, driver.ErrNotFound):
		return s.fenced(nil)
	}
	// Nothing was changed, and the caller who starts again will learn why.
	return fmt.Errorf("%w, or fenced: %w", err, read)
}

// Put implements driver.Store.
func (s *Store) Put(ctx context.Context, k driver.Key, data []byte) error {
	return s.Apply(ctx, nil, []driver.Op{{Key: k, Data: data}})
}

// Delete implements driver.Deleter. Of several that remove one value, one is
// told that it did.
func (s *Store) Delete(ctx context.Context, k driver.Key) error {
	gone := []driver.Op{{Key: k, Delete: true}}
	for {
		rec, err := s.Get(ctx, k)
		switch {
		case errors.Is(err, driver.ErrDamaged):
			return s.Apply(ctx, nil, gone) // no condition holds for what cannot be read
		case errors.Is(err, driver.ErrNotFound):
			return first(s.Hold(ctx), err)
		case err != nil:
			return err
		}
		err = s.Apply(ctx, []driver.Cond{{Key: k, Rev: rec.Rev}}, gone)
		if err == nil || !errors.Is(err, driver.ErrConflict) {
			return err
		}
	}
}

// Clear implements driver.Deleter: in steps, of which each is fenced.
func (s *Store) Clear(ctx context.Context, entity string) error {
	var ops []driver.Op
	for id, err := range s.IDs(ctx, entity) {
		if err != nil {
			return err
		}
		ops = append(ops, driver.Op{Key: driver.Key{Entity: entity, ID: id}, Delete: true})
	}
	if len(ops) == 0 {
		return s.Hold(ctx)
	}
	for step := range slices.Chunk(ops, clearAtOnce) {
		if err := s.Apply(ctx, nil, step); err != nil {
			return err
		}
	}
	return nil
}

// first returns the first that is an error.
func first(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
