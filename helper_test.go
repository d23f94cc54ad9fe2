package holdfast_test

import (
	"context"
	"errors"
	"iter"
	"testing"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/memstore"
)

func newStore(t *testing.T, d driver.Store) *holdfast.Store {
	t.Helper()
	s, err := holdfast.New(d, nil)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

func collection[T any](t *testing.T, s *holdfast.Store, entity string) *holdfast.Collection[T] {
	t.Helper()
	c, err := holdfast.NewCollection[T](s, entity, nil)
	must(t, err)
	return c
}

func put[T any](t *testing.T, c *holdfast.Collection[T], id string, v T) {
	t.Helper()
	must(t, c.Put(t.Context(), id, v))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got error %v, want %v", err, want)
	}
}

// hooked is the reference backend with calls that the test may take over.
type hooked struct {
	*memstore.Store
	init  func(entity string) error
	get   func(k driver.Key) error // before the real one
	ids   func(seq iter.Seq2[string, error]) iter.Seq2[string, error]
	apply func(conds []driver.Cond, ops []driver.Op) error // before the real one
}

func (h *hooked) Init(ctx context.Context, entity string) error {
	if h.init != nil {
		if err := h.init(entity); err != nil {
			return err
		}
	}
	return h.Store.Init(ctx, entity)
}

func (h *hooked) Get(ctx context.Context, k driver.Key) (driver.Record, error) {
	if h.get != nil {
		if err := h.get(k); err != nil {
			return driver.Record{}, err
		}
	}
	return h.Store.Get(ctx, k)
}

func (h *hooked) IDs(ctx context.Context, entity string) iter.Seq2[string, error] {
	if h.ids != nil {
		return h.ids(h.Store.IDs(ctx, entity))
	}
	return h.Store.IDs(ctx, entity)
}

func (h *hooked) Apply(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
	if h.apply != nil {
		if err := h.apply(conds, ops); err != nil {
			return err
		}
	}
	return h.Store.Apply(ctx, conds, ops)
}
