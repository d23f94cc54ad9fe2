// Package cachestore keeps what was read from a store over a network, for a
// moment. Nothing uses it unless it is asked for:
//
//	backend, err := redisstore.Open(ctx, …)
//	store, err := holdfast.New(cachestore.New(backend, nil), nil)
//
// # How old an answer may be
//
// A value from the cache was the store's within the last Options.TTL, counted from
// before it was asked for. What this Store itself has changed is seen at once, by
// everybody who uses it. What others change is seen after the TTL at the latest,
// and mostly sooner where the backend can watch: each change that it tells of is
// forgotten here. Whoever watches through this Store never finds an older value
// than the one it was told of.
//
// Only Get and Has answer from the cache, and only with values: that there is
// none, damage, and every other error come from the store each time. Conditions of
// Apply are always the store's own, so that compare-and-swap, batches and leases
// mean what they mean without a cache: a value that was too old is a conflict, and
// is read anew by the next attempt. Listings and history are not cached; an id
// that is listed may still answer with a value of a moment before.
//
// It makes no sense over files, which have a cache that is never too old.
package cachestore

import (
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/internal/wrap"
)

// The defaults of Options.
const (
	DefaultTTL      = time.Second
	DefaultMaxBytes = 16 << 20
)

// Options of New. Nil stands for the zero value, which stands for the defaults.
type Options struct {
	// TTL is how old an answer may be. Default DefaultTTL.
	TTL time.Duration
	// MaxBytes bounds what is kept: ids and data, and 256 bytes for each value.
	// What was used longest ago goes first. Default DefaultMaxBytes.
	MaxBytes int64
}

// Store is a store with a cache in front. It has the capabilities of what it
// wraps, and owns it: Close closes both.
type Store struct {
	wrap.Store
	ttl  time.Duration
	life context.Context // of the goroutines that watch
	end  context.CancelFunc
	all  sync.WaitGroup

	mu    sync.Mutex
	cache cache
	watch map[string]bool // entities whose changes are, or cannot be, watched
}

// maxWatched bounds how many entities are watched: the others live with the TTL
// alone.
const maxWatched = 64

// New puts a cache in front of a store.
func New(inner driver.Store, o *Options) *Store {
	s := &Store{Store: wrap.New(inner), ttl: DefaultTTL, watch: map[string]bool{}}
	limit := int64(DefaultMaxBytes)
	if o != nil && o.TTL > 0 {
		s.ttl = o.TTL
	}
	if o != nil && o.MaxBytes > 0 {
		limit = o.MaxBytes
	}
	s.cache = newCache(limit)
	s.life, s.end = context.WithCancel(context.Background())
	return s
}

// Stats counts what the cache was good for.
type Stats struct {
	Hits, Misses uint64 // of Get and Has
	Values       int    // that are kept now
	Bytes        int64  // that they take
}

// Stats returns the numbers of the moment.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{Hits: s.cache.hits, Misses: s.cache.misses, Values: len(s.cache.entries), Bytes: s.cache.bytes}
}

// Close implements io.Closer.
func (s *Store) Close() error {
	s.mu.Lock()
	s.end()
	s.cache.clear()
	s.mu.Unlock()
	s.all.Wait()
	return s.Store.Close()
}

// Properties implements driver.Describer.
func (s *Store) Properties() driver.Properties {
	p := s.Store.Properties()
	p.Notes = append(slices.Clone(p.Notes), fmt.Sprintf("read through a cache: a value may be up to %v old", s.ttl))
	return p
}

// Get implements driver.Store.
func (s *Store) Get(ctx context.Context, k driver.Key) (driver.Record, error) {
	return s.AppendGet(ctx, k, nil)
}

// AppendGet implements driver.AppendGetter, whether the inner store does or not.
func (s *Store) AppendGet(ctx context.Context, k driver.Key, dst []byte) (driver.Record, error) {
	if err := ctx.Err(); err != nil {
		return driver.Record{}, err
	}
	rec, f, ok := s.look(k)
	if !ok {
		began := time.Now()
		var err error
		rec, err = s.Store.Get(ctx, k)
		s.land(k, f, rec, began, err)
		if err != nil || dst == nil { // what came is the caller's
			return rec, err
		}
	}
	rec.Data = append(dst, rec.Data...)
	return rec, nil
}

// Lacks implements driver.Partial.
func (s *Store) Lacks(capability any) bool {
	if _, own := capability.(*driver.AppendGetter); own {
		return false
	}
	return s.Store.Lacks(capability)
}

// Has implements driver.Store.
func (s *Store) Has(ctx context.Context, k driver.Key) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	s.mu.Lock()
	_, ok := s.cache.get(k)
	s.mu.Unlock()
	if ok {
		return true, nil
	}
	return s.Store.Has(ctx, k)
}

// look finds a value in the cache, or begins a flight to the store.
func (s *Store) look(k driver.Key) (driver.Record, *flight, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if rec, ok := s.cache.get(k); ok {
		return rec, nil, true
	}
	return driver.Record{}, s.cache.depart(k), false
}

// land ends a flight, and keeps what it has brought if nothing has happened to
// the value since.
func (s *Store) land(k driver.Key, f *flight, rec driver.Record, began time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fresh := s.cache.arrive(k, f)
	if err != nil || !fresh || s.life.Err() != nil {
		return
	}
	rec.Data = slices.Clone(rec.Data)
	s.cache.put(k, rec, began.Add(s.ttl))
	s.follow(k.Entity)
}

// Put implements driver.Store.
func (s *Store) Put(ctx context.Context, k driver.Key, data []byte) error {
	defer s.writing(k)()
	return s.Store.Put(ctx, k, data)
}

// Delete implements driver.Deleter.
func (s *Store) Delete(ctx context.Context, k driver.Key) error {
	defer s.writing(k)()
	return s.Store.Delete(ctx, k)
}

// Clear implements driver.Deleter.
func (s *Store) Clear(ctx context.Context, entity string) error {
	defer s.writing(driver.Key{Entity: entity})()
	return s.Store.Clear(ctx, entity)
}

// Apply implements driver.Applier.
func (s *Store) Apply(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
	keys := make([]driver.Key, 0, len(conds)+len(ops))
	for _, op := range ops {
		keys = append(keys, op.Key)
	}
	for _, c := range conds {
		keys = append(keys, c.Key) // if it fails, what was believed of them is too old
	}
	defer s.writing(keys...)()
	return s.Store.Apply(ctx, conds, ops)
}

// Load implements driver.Loader.
func (s *Store) Load(ctx context.Context, values []driver.Value) []error {
	keys := make([]driver.Key, len(values))
	for i, v := range values {
		keys[i] = v.Key
	}
	defer s.writing(keys...)()
	return s.Store.Load(ctx, values)
}

// writing forgets the values of keys until the write, which is to follow, has
// been answered: nobody is given the old value by the cache after another has
// seen the new one. A key without an id stands for its entity. The returned
// function ends it, whatever the answer was: a write that failed may have taken
// effect.
func (s *Store) writing(keys ...driver.Key) (written func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range keys {
		s.cache.close(k)
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, k := range keys {
			s.cache.open(k)
		}
	}
}

// forget drops what is known of a key.
func (s *Store) forget(k driver.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cache.drop(k)
}

// Watch implements driver.Watcher.
func (s *Store) Watch(ctx context.Context, entity string) iter.Seq2[driver.Change, error] {
	changes := s.Store.Watch(ctx, entity)
	return func(yield func(driver.Change, error) bool) {
		for c, err := range changes {
			if err == nil {
				s.forget(c.Key)
			}
			if !yield(c, err) {
				return
			}
		}
	}
}

// follow begins to watch an entity of which values are kept, where the backend
// can, and can be closed: nobody would end the watching else. The caller holds
// mu, and the store is not closed.
func (s *Store) follow(entity string) {
	if s.watch[entity] || len(s.watch) >= maxWatched || s.Lacks((*driver.Watcher)(nil)) || s.Lacks((*io.Closer)(nil)) {
		return
	}
	s.watch[entity] = true
	s.all.Go(func() { s.following(entity) })
}

// following forgets what others change, until the watching ends. Then nothing
// is known of what changes, and the next value that is kept begins it anew.
func (s *Store) following(entity string) {
	var failed error
	for c, err := range s.Store.Watch(s.life, entity) {
		if failed = err; err != nil {
			break
		}
		s.forget(c.Key)
	}
	s.mu.Lock()
	s.cache.drop(driver.Key{Entity: entity})
	s.mu.Unlock()
	// Not at once, where it fails at once: a value that is kept meanwhile has the
	// TTL as before.
	t := time.NewTimer(rewatchAfter)
	defer t.Stop()
	select {
	case <-s.life.Done():
		return
	case <-t.C:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !isUnsupported(failed) {
		delete(s.watch, entity)
	}
}
