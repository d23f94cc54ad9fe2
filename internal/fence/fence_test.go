package fence_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"reflect"
	"slices"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
	"github.com/holdfast-go/holdfast/internal/fence"
	"github.com/holdfast-go/holdfast/memstore"
	"github.com/holdfast-go/holdfast/storetest"
)

var post = driver.Key{Entity: "post", ID: "a"}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// backend is what a store needs that is to be fenced.
type backend interface {
	driver.Store
	driver.Deleter
	driver.Lister
	driver.Applier
}

// bind fences a store with a record that it puts there.
func bind(t *testing.T, s driver.Store) *fence.Store {
	t.Helper()
	must(t, s.Init(t.Context(), post.Entity))
	must(t, s.Put(t.Context(), post, []byte(`"ours"`)))
	return bound(t, s)
}

func bound(t *testing.T, s driver.Store) *fence.Store {
	t.Helper()
	rec, err := s.Get(t.Context(), post)
	must(t, err)
	return fence.New(s, post.Entity, post.ID, rec.Rev, "fenced", func(data []byte) error {
		return fmt.Errorf("%w: %s", driver.ErrFenced, data)
	})
}

// unseen is a fenced store without the record in its listings, and without
// Check, which counts it.
type unseen struct{ *fence.Store }

func (u unseen) Entities(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for e, err := range u.Store.Entities(ctx) {
			if e != post.Entity && !yield(e, err) {
				return
			}
		}
	}
}

func (u unseen) Lacks(capability any) bool {
	_, is := capability.(*driver.Checker)
	return is || u.Store.Lacks(capability)
}

func TestConformanceOverMemory(t *testing.T) {
	storetest.Run(t, func(t *testing.T) driver.Store { return unseen{bind(t, memory(t))} }, nil)
}

func TestConformanceOverFiles(t *testing.T) {
	storetest.Run(t, func(t *testing.T) driver.Store {
		s, err := filestore.Open(t.Context(), t.TempDir(), nil)
		must(t, err)
		t.Cleanup(func() { must(t, s.Close()) })
		return unseen{bind(t, s)}
	}, &storetest.Options{MayRefuse: func(k driver.Key) bool { return len(k.ID) > 200 || len(k.Entity) > 200 }})
}

func memory(t *testing.T) *memstore.Store {
	t.Helper()
	s := memstore.New()
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

// A method that is new here may be a change that nobody has fenced.
func TestEveryMethodIsKnown(t *testing.T) {
	passed := []string{"AppendGet", "Check", "Entities", "Flush", "Get", "Has", "History", "IDs", "Init", "Report", "Scan", "Watch"}
	fenced := []string{"Apply", "Clear", "Delete", "Put"}
	own := []string{"Close", "Hold", "Lacks", "Load", "Properties"}
	known := slices.Concat(passed, fenced, own)
	for m := range reflect.TypeFor[*fence.Store]().Methods() {
		if !slices.Contains(known, m.Name) {
			t.Errorf("%s: does it change anything?", m.Name)
		}
	}
}

// changes are all ways to change something, of which none may pass.
func changes(ctx context.Context, s backend, k driver.Key) map[string]error {
	rec, _ := s.Get(ctx, k)
	return map[string]error{
		"Put":                 s.Put(ctx, k, []byte(`2`)),
		"Put of a new value":  s.Put(ctx, driver.Key{Entity: k.Entity, ID: "new"}, []byte(`2`)),
		"Delete":              s.Delete(ctx, k),
		"Delete of nothing":   s.Delete(ctx, driver.Key{Entity: k.Entity, ID: "absent"}),
		"Clear":               s.Clear(ctx, k.Entity),
		"Clear of nothing":    s.Clear(ctx, "empty"),
		"Apply":               s.Apply(ctx, nil, []driver.Op{{Key: k, Data: []byte(`2`)}}),
		"Apply on a true one": s.Apply(ctx, []driver.Cond{{Key: k, Rev: rec.Rev}}, []driver.Op{{Key: k, Delete: true}}),
		"Apply on a false":    s.Apply(ctx, []driver.Cond{{Key: k, Rev: "x"}}, []driver.Op{{Key: k, Delete: true}}),
		"Apply of nothing":    s.Apply(ctx, nil, nil),
	}
}

func TestFencedStoreChangesNothing(t *testing.T) {
	k, ctx := driver.Key{Entity: "e", ID: "a"}, t.Context()
	for name, move := range map[string]func(*memstore.Store) error{
		"taken":    func(s *memstore.Store) error { return s.Put(ctx, post, []byte(`"theirs"`)) },
		"the same": func(s *memstore.Store) error { return s.Put(ctx, post, []byte(`"ours"`)) },
		"removed":  func(s *memstore.Store) error { return s.Delete(ctx, post) },
		"made again": func(s *memstore.Store) error {
			return errors.Join(s.Delete(ctx, post), s.Put(ctx, post, []byte(`"ours"`)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			inner := memory(t)
			s := bind(t, inner)
			must(t, s.Put(ctx, k, []byte(`1`)))
			must(t, move(inner))
			for change, err := range changes(ctx, s, k) {
				if !errors.Is(err, driver.ErrFenced) || errors.Is(err, driver.ErrConflict) {
					t.Errorf("%s: %v, want %v", change, err, driver.ErrFenced)
				}
			}
			rec, err := s.Get(ctx, k)
			if err != nil || string(rec.Data) != `1` {
				t.Errorf("got %s, %v", rec.Data, err)
			}
			if has, err := s.Has(ctx, driver.Key{Entity: "e", ID: "new"}); has || err != nil {
				t.Errorf("a fenced store made a new value: %v", err)
			}
		})
	}
}

// A conflict of the caller's own stays one, as long as the fence holds.
func TestConflictOfTheCaller(t *testing.T) {
	s, ctx := bind(t, memory(t)), t.Context()
	k := driver.Key{Entity: "e", ID: "a"}
	must(t, s.Put(ctx, k, []byte(`1`)))
	err := s.Apply(ctx, []driver.Cond{{Key: k, Rev: "x"}}, []driver.Op{{Key: k, Delete: true}})
	if !errors.Is(err, driver.ErrConflict) || errors.Is(err, driver.ErrFenced) {
		t.Errorf("got %v, want %v", err, driver.ErrConflict)
	}
}

var errCut = errors.New("connection reset")

// hooked runs a function before the nth Get or after each Apply.
type hooked struct {
	backend
	get   func() error
	apply func()
}

func (h *hooked) Get(ctx context.Context, k driver.Key) (driver.Record, error) {
	if h.get != nil {
		if err := h.get(); err != nil {
			return driver.Record{}, err
		}
	}
	return h.backend.Get(ctx, k)
}

func (h *hooked) Apply(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
	err := h.backend.Apply(ctx, conds, ops)
	if h.apply != nil {
		h.apply()
	}
	return err
}

// Where it cannot be seen whose condition failed, the error says so, and one
// that only the fence can have refused is not in doubt.
func TestConflictThatCannotBeExplained(t *testing.T) {
	ctx, k := t.Context(), driver.Key{Entity: "e", ID: "a"}
	h := &hooked{backend: memory(t)}
	s := bind(t, h)
	h.get = func() error { return errCut }
	err := s.Apply(ctx, []driver.Cond{{Key: k, Rev: "x"}}, nil)
	if !errors.Is(err, driver.ErrConflict) || !errors.Is(err, errCut) || errors.Is(err, driver.ErrFenced) {
		t.Errorf("with a condition of the caller: %v", err)
	}
	must(t, h.backend.Put(ctx, post, []byte(`"theirs"`)))
	if err := s.Put(ctx, k, []byte(`1`)); !errors.Is(err, driver.ErrFenced) {
		t.Errorf("without: %v", err)
	}
}

// Between a conflict of the caller's own and the look at the record somebody
// may take over: fenced is then as true.
func TestTakenOverWhileItIsAsked(t *testing.T) {
	ctx, k := t.Context(), driver.Key{Entity: "e", ID: "a"}
	h := &hooked{backend: memory(t)}
	s := bind(t, h)
	h.apply = func() { must(t, h.backend.Put(ctx, post, []byte(`"theirs"`))) }
	if err := s.Apply(ctx, []driver.Cond{{Key: k, Rev: "x"}}, nil); !errors.Is(err, driver.ErrFenced) {
		t.Errorf("got %v, want %v", err, driver.ErrFenced)
	}
}

// A Clear that is overtaken stops where it is.
func TestClearIsFencedInEachStep(t *testing.T) {
	ctx := t.Context()
	h := &hooked{backend: memory(t)}
	s := bind(t, h)
	for i := range 1000 {
		must(t, s.Put(ctx, driver.Key{Entity: "e", ID: fmt.Sprint(i)}, []byte(`1`)))
	}
	steps := 0
	h.apply = func() {
		if steps++; steps == 2 {
			must(t, h.backend.Put(ctx, post, []byte(`"theirs"`)))
		}
	}
	if err := s.Clear(ctx, "e"); !errors.Is(err, driver.ErrFenced) {
		t.Errorf("got %v, want %v", err, driver.ErrFenced)
	}
	left := 0
	for _, err := range s.IDs(ctx, "e") {
		must(t, err)
		left++
	}
	if left != 1000-2*256 {
		t.Errorf("%d values are left", left)
	}
	if s.Properties().AtomicClear {
		t.Error("Properties say that Clear is atomic")
	}
}

// A value that changes between the two steps of Delete is deleted all the same.
func TestDeleteOfWhatChanges(t *testing.T) {
	ctx, k := t.Context(), driver.Key{Entity: "e", ID: "a"}
	inner := memory(t)
	times := 0
	s := bind(t, &changing{inner, func() {
		if times++; times == 2 { // behind the Get of Delete
			must(t, inner.Put(ctx, k, []byte(`2`)))
		}
	}})
	must(t, s.Put(ctx, k, []byte(`1`)))
	must(t, s.Delete(ctx, k))
	if _, err := inner.Get(ctx, k); !errors.Is(err, driver.ErrNotFound) || times < 4 {
		t.Errorf("after Delete: %v, %d reads", err, times)
	}
}

// changing changes something behind each Get.
type changing struct {
	backend
	f func()
}

func (c *changing) Get(ctx context.Context, k driver.Key) (driver.Record, error) {
	rec, err := c.backend.Get(ctx, k)
	c.f()
	return rec, err
}

// Load would make values that no condition binds.
func TestNothingIsLoadedPastTheFence(t *testing.T) {
	inner, k := memory(t), driver.Key{Entity: "e", ID: "a"}
	s := bind(t, inner)
	if _, ok := driver.As[driver.Loader](driver.Store(s)); ok {
		t.Error("there is a way to load")
	}
	if errs := s.Load(t.Context(), []driver.Value{{Key: k, Data: []byte(`1`)}}); len(errs) != 1 || !errors.Is(errs[0], errors.ErrUnsupported) {
		t.Errorf("got %v", errs)
	}
	if has, err := inner.Has(t.Context(), k); has || err != nil {
		t.Errorf("it was made: %v", err)
	}
}

// The inner store is not closed with the fence, and does not seem to be.
func TestCloseIsTheOwners(t *testing.T) {
	inner := memory(t)
	s := bind(t, inner)
	if _, ok := driver.As[io.Closer](driver.Store(s)); ok {
		t.Error("there is something to close")
	}
	must(t, s.Close())
	must(t, inner.Put(t.Context(), post, []byte(`1`)))
}
