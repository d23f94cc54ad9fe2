// Package wrap is the ground on which stores stand that wrap another: a fence,
// a cache, a meter.
package wrap

import (
	"context"
	"errors"
	"io"
	"iter"

	"github.com/holdfast-go/holdfast/driver"
)

// Store hands every call on to the store that it wraps, and lacks what that
// lacks. A wrapper embeds it and overrides the methods in which it differs,
// calling those of the embedded Store. It gives nobody the inner store: beneath
// a wrapper there is nothing to be had.
type Store struct {
	inner driver.Store

	// What the inner store has, nil if it has not.
	deleter   driver.Deleter
	lister    driver.Lister
	applier   driver.Applier
	loader    driver.Loader
	scanner   driver.Scanner
	appender  driver.AppendGetter
	historian driver.Historian
	watcher   driver.Watcher
	recoverer driver.Recoverer
	checker   driver.Checker
	flusher   driver.Flusher
	describer driver.Describer
	closer    io.Closer
}

// New wraps a store.
func New(inner driver.Store) Store {
	return Store{
		inner:     inner,
		deleter:   as[driver.Deleter](inner),
		lister:    as[driver.Lister](inner),
		applier:   as[driver.Applier](inner),
		loader:    as[driver.Loader](inner),
		scanner:   as[driver.Scanner](inner),
		appender:  as[driver.AppendGetter](inner),
		historian: as[driver.Historian](inner),
		watcher:   as[driver.Watcher](inner),
		recoverer: as[driver.Recoverer](inner),
		checker:   as[driver.Checker](inner),
		flusher:   as[driver.Flusher](inner),
		describer: as[driver.Describer](inner),
		closer:    as[io.Closer](inner),
	}
}

func as[C any](s driver.Store) C {
	c, _ := driver.As[C](s)
	return c
}

// Lacks implements driver.Partial.
func (s *Store) Lacks(capability any) bool {
	switch capability.(type) {
	case *driver.Deleter:
		return s.deleter == nil
	case *driver.Lister:
		return s.lister == nil
	case *driver.Applier:
		return s.applier == nil
	case *driver.Loader:
		return s.loader == nil
	case *driver.Scanner:
		return s.scanner == nil
	case *driver.AppendGetter:
		return s.appender == nil
	case *driver.Historian:
		return s.historian == nil
	case *driver.Watcher:
		return s.watcher == nil
	case *driver.Recoverer:
		return s.recoverer == nil
	case *driver.Checker:
		return s.checker == nil
	case *driver.Flusher:
		return s.flusher == nil
	case *driver.Describer:
		return s.describer == nil
	case *io.Closer:
		return s.closer == nil
	}
	return false
}

// Init implements driver.Store.
func (s *Store) Init(ctx context.Context, entity string) error { return s.inner.Init(ctx, entity) }

// Get implements driver.Store.
func (s *Store) Get(ctx context.Context, k driver.Key) (driver.Record, error) {
	return s.inner.Get(ctx, k)
}

// AppendGet implements driver.AppendGetter.
func (s *Store) AppendGet(ctx context.Context, k driver.Key, dst []byte) (driver.Record, error) {
	if s.appender == nil {
		return driver.Record{}, errors.ErrUnsupported
	}
	return s.appender.AppendGet(ctx, k, dst)
}

// Has implements driver.Store.
func (s *Store) Has(ctx context.Context, k driver.Key) (bool, error) { return s.inner.Has(ctx, k) }

// Put implements driver.Store.
func (s *Store) Put(ctx context.Context, k driver.Key, data []byte) error {
	return s.inner.Put(ctx, k, data)
}

// Delete implements driver.Deleter.
func (s *Store) Delete(ctx context.Context, k driver.Key) error {
	if s.deleter == nil {
		return errors.ErrUnsupported
	}
	return s.deleter.Delete(ctx, k)
}

// Clear implements driver.Deleter.
func (s *Store) Clear(ctx context.Context, entity string) error {
	if s.deleter == nil {
		return errors.ErrUnsupported
	}
	return s.deleter.Clear(ctx, entity)
}

// IDs implements driver.Lister.
func (s *Store) IDs(ctx context.Context, entity string) iter.Seq2[string, error] {
	if s.lister == nil {
		return unsupported[string]()
	}
	return s.lister.IDs(ctx, entity)
}

// Entities implements driver.Lister.
func (s *Store) Entities(ctx context.Context) iter.Seq2[string, error] {
	if s.lister == nil {
		return unsupported[string]()
	}
	return s.lister.Entities(ctx)
}

// Apply implements driver.Applier.
func (s *Store) Apply(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
	if s.applier == nil {
		return errors.ErrUnsupported
	}
	return s.applier.Apply(ctx, conds, ops)
}

// Load implements driver.Loader.
func (s *Store) Load(ctx context.Context, values []driver.Value) []error {
	if s.loader == nil {
		return driver.FailAll(values, errors.ErrUnsupported)
	}
	return s.loader.Load(ctx, values)
}

// Scan implements driver.Scanner.
func (s *Store) Scan(ctx context.Context, entity string) iter.Seq2[driver.Record, error] {
	if s.scanner == nil {
		return unsupported[driver.Record]()
	}
	return s.scanner.Scan(ctx, entity)
}

// History implements driver.Historian.
func (s *Store) History(ctx context.Context, k driver.Key) iter.Seq2[driver.Version, error] {
	if s.historian == nil {
		return unsupported[driver.Version]()
	}
	return s.historian.History(ctx, k)
}

// Watch implements driver.Watcher.
func (s *Store) Watch(ctx context.Context, entity string) iter.Seq2[driver.Change, error] {
	if s.watcher == nil {
		return unsupported[driver.Change]()
	}
	return s.watcher.Watch(ctx, entity)
}

// Report implements driver.Recoverer.
func (s *Store) Report() driver.Report {
	if s.recoverer == nil {
		return driver.Report{}
	}
	return s.recoverer.Report()
}

// Check implements driver.Checker.
func (s *Store) Check(ctx context.Context, progress func(values int)) (driver.Report, error) {
	if s.checker == nil {
		return driver.Report{}, errors.ErrUnsupported
	}
	return s.checker.Check(ctx, progress)
}

// Flush implements driver.Flusher.
func (s *Store) Flush(ctx context.Context) error {
	if s.flusher == nil {
		return nil
	}
	return s.flusher.Flush(ctx)
}

// Properties implements driver.Describer. Of a store that does not say it is
// assumed what package holdfast assumes.
func (s *Store) Properties() driver.Properties {
	if s.describer == nil {
		return driver.Properties{Backend: "custom", Batch: driver.BatchNone, MaxData: driver.MaxData}
	}
	return s.describer.Properties()
}

// Close implements io.Closer.
func (s *Store) Close() error {
	if s.closer == nil {
		return nil
	}
	return s.closer.Close()
}

func unsupported[V any]() iter.Seq2[V, error] {
	return func(yield func(V, error) bool) {
		var zero V
		yield(zero, errors.ErrUnsupported)
	}
}
