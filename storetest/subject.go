package storetest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
)

// subject is the store that one case judges.
type subject struct {
	*testing.T
	*suite
	ctx   context.Context
	store driver.Store
	exact bool
	inits map[string]bool // entities whose Init succeeded on store
}

func (su *suite) subject(t *testing.T, needs need) *subject {
	t.Helper()
	s := &subject{T: t, suite: su, ctx: t.Context()}
	s.use(su.open(t))
	if missing := su.lacks(s.store, needs); missing != "" {
		t.Skip("the backend has no " + missing)
	}
	s.exact = exactBytes(s.store)
	return s
}

// within is the same store judged in a subtest of its own.
func (s *subject) within(name string, f func(*subject)) {
	s.Run(name, func(t *testing.T) {
		inner := *s
		inner.T, inner.ctx = t, t.Context()
		f(&inner)
		s.store, s.inits = inner.store, inner.inits
	})
}

func (s *subject) use(d driver.Store) {
	if d == nil {
		s.Fatal("the test's own function gave no store")
	}
	s.store, s.inits = d, map[string]bool{}
}

func (s *subject) rand() *rand.Rand { return rand.New(rand.NewPCG(s.Seed, 0)) }

func (s *subject) reopen() { s.Helper(); s.use(s.Reopen(s.T, s.store)) }

func (s *subject) damage(k driver.Key) { s.Helper(); s.use(s.Damage(s.T, s.store, k)) }

// portable is the type that users meet, over the same store.
func (s *subject) portable() *holdfast.Store {
	s.Helper()
	p, err := holdfast.New(s.store, nil)
	s.ok(err, "holdfast.New")
	return p
}

func (s *subject) deleter() driver.Deleter { return s.store.(driver.Deleter) }
func (s *subject) lister() driver.Lister   { return s.store.(driver.Lister) }
func (s *subject) applier() driver.Applier { return s.store.(driver.Applier) }

func (s *subject) mayRefuse(k driver.Key) bool { return s.MayRefuse != nil && s.MayRefuse(k) }

// ok ends the test if err is one.
func (s *subject) ok(err error, format string, args ...any) {
	s.Helper()
	if err != nil {
		s.Fatalf("%s: %v", fmt.Sprintf(format, args...), err)
	}
}

// is ends the test if err is not want.
func (s *subject) is(err, want error, format string, args ...any) {
	s.Helper()
	if !errors.Is(err, want) {
		s.Fatalf("%s: got error %v, want %v", fmt.Sprintf(format, args...), err, want)
	}
}

// init does what package holdfast does before anything else on an entity.
func (s *subject) init(entity string) error {
	if s.inits[entity] {
		return nil
	}
	err := s.store.Init(s.ctx, entity)
	s.inits[entity] = err == nil
	return err
}

func (s *subject) tryPut(k driver.Key, data []byte) error {
	if err := s.init(k.Entity); err != nil {
		return err
	}
	return s.store.Put(s.ctx, k, data)
}

func (s *subject) put(k driver.Key, data string) {
	s.Helper()
	s.ok(s.tryPut(k, []byte(data)), "Put %s", k)
}

// putOdd is put of a key that the backend may refuse: false if it did.
func (s *subject) putOdd(k driver.Key, data string) bool {
	s.Helper()
	err := s.tryPut(k, []byte(data))
	if errors.Is(err, driver.ErrInvalidName) && s.mayRefuse(k) {
		return false
	}
	s.ok(err, "Put %q %q", k.Entity, k.ID)
	return true
}

func (s *subject) get(k driver.Key) driver.Record {
	s.Helper()
	s.ok(s.init(k.Entity), "Init %s", k.Entity)
	rec, err := s.store.Get(s.ctx, k)
	s.ok(err, "Get %s", k)
	if rec.Key != k {
		s.Fatalf("Get %s: the record says that its key is %s", k, rec.Key)
	}
	return rec
}

func (s *subject) delete(k driver.Key) {
	s.Helper()
	s.ok(s.init(k.Entity), "Init %s", k.Entity)
	s.ok(s.deleter().Delete(s.ctx, k), "Delete %s", k)
}

func (s *subject) clear(entity string) {
	s.Helper()
	s.ok(s.init(entity), "Init %s", entity)
	s.ok(s.deleter().Clear(s.ctx, entity), "Clear %q", entity)
}

func (s *subject) apply(conds []driver.Cond, ops ...driver.Op) error {
	s.Helper()
	for _, op := range ops {
		if err := s.init(op.Key.Entity); err != nil {
			return err
		}
	}
	for _, c := range conds {
		if err := s.init(c.Key.Entity); err != nil {
			return err
		}
	}
	return s.applier().Apply(s.ctx, conds, ops)
}

// wantValue checks that Get and Has find data under k.
func (s *subject) wantValue(k driver.Key, data string) {
	s.Helper()
	rec := s.get(k)
	if err := s.same(rec.Data, []byte(data)); err != nil {
		s.Fatalf("Get %s: %v", k, err)
	}
	has, err := s.store.Has(s.ctx, k)
	s.ok(err, "Has %s", k)
	if !has {
		s.Fatalf("Has %s: false, though Get finds a value", k)
	}
}

// wantAbsent checks that Get and Has find nothing under k.
func (s *subject) wantAbsent(k driver.Key) {
	s.Helper()
	s.ok(s.init(k.Entity), "Init %s", k.Entity)
	rec, err := s.store.Get(s.ctx, k)
	s.is(err, driver.ErrNotFound, "Get %s, which is absent (data %.80q)", k, rec.Data)
	has, err := s.store.Has(s.ctx, k)
	s.ok(err, "Has %s, which is absent", k)
	if has {
		s.Fatalf("Has %s: true, though Get finds nothing", k)
	}
}

// wantDamaged checks that Get and Has answer ErrDamaged under k.
func (s *subject) wantDamaged(k driver.Key) {
	s.Helper()
	s.ok(s.init(k.Entity), "Init %s", k.Entity)
	rec, err := s.store.Get(s.ctx, k)
	s.is(err, driver.ErrDamaged, "Get %s, which is damaged (data %.80q)", k, rec.Data)
	has, err := s.store.Has(s.ctx, k)
	s.is(err, driver.ErrDamaged, "Has %s, which is damaged (answer %v)", k, has)
}

func (s *subject) ids(entity string) []string {
	s.Helper()
	s.ok(s.init(entity), "Init %s", entity)
	return s.collect(s.lister().IDs(s.ctx, entity), "IDs of "+entity)
}

func (s *subject) entities() []string {
	s.Helper()
	return s.collect(s.lister().Entities(s.ctx), "Entities")
}

func (s *subject) collect(seq iter.Seq2[string, error], what string) []string {
	s.Helper()
	var names []string
	for name, err := range seq {
		s.ok(err, "%s", what)
		names = append(names, name)
	}
	return names
}

func (s *subject) wantIDs(entity string, want ...string) {
	s.Helper()
	if got := s.ids(entity); !slices.Equal(got, want) {
		s.Fatalf("IDs of %q: got %q, want %q", entity, got, want)
	}
}

func (s *subject) wantEntities(want ...string) {
	s.Helper()
	if got := s.entities(); !slices.Equal(got, want) {
		s.Fatalf("Entities: got %q, want %q", got, want)
	}
}

// state describes everything that is known of the keys, and all listings, so
// that two states can be compared.
func (s *subject) state(keys ...driver.Key) string {
	s.Helper()
	var b strings.Builder
	for _, k := range keys {
		s.ok(s.init(k.Entity), "Init %s", k.Entity)
		rec, err := s.store.Get(s.ctx, k)
		has, hasErr := s.store.Has(s.ctx, k)
		fmt.Fprintf(&b, "%q: %.200q rev %q error %v; has %v %v\n", k, rec.Data, rec.Rev, err, has, hasErr)
	}
	if !is[driver.Lister](s.store) {
		return b.String()
	}
	for _, entity := range s.entities() {
		fmt.Fprintf(&b, "%q lists %q\n", entity, s.ids(entity))
	}
	return b.String()
}

// unchanged checks that f leaves everything as it is.
func (s *subject) unchanged(what string, f func(), keys ...driver.Key) {
	s.Helper()
	before := s.state(keys...)
	f()
	if after := s.state(keys...); after != before {
		s.Fatalf("%s: it must not change anything; before:\n%safter:\n%s", what, before, after)
	}
}

// soon runs f and ends the test if it takes longer than Patience. f runs on
// another goroutine: it returns what is wrong.
func (s *subject) soon(what string, f func(ctx context.Context) error) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, s.Patience)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	select {
	case err := <-done:
		s.ok(err, "%s", what)
	case <-ctx.Done():
		select {
		case err := <-done:
			s.ok(err, "%s", what)
		default:
			s.Fatalf("%s: still not done after %v", what, s.Patience)
		}
	}
}

// key is an ordinary one.
func key(id string) driver.Key { return driver.Key{Entity: "signal/strategy-a", ID: id} }
