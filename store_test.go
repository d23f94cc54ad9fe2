package holdfast_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/memstore"
)

// bare is a backend of the four required methods.
type bare struct{ driver.Store }

func TestInitOncePerEntity(t *testing.T) {
	var mu sync.Mutex
	calls, mine := map[string]int{}, errors.New("not yet")
	s := newStore(t, &hooked{Store: memstore.New(), init: func(entity string) error {
		mu.Lock()
		defer mu.Unlock()
		if calls[entity]++; calls[entity] == 1 && entity == "late" {
			return mine
		}
		return nil
	}})
	ctx := t.Context()
	late, early := collection[int](t, s, "late"), collection[int](t, s, "early")
	wantError(t, late.Put(ctx, "x", 1), mine)
	for range 3 {
		must(t, late.Put(ctx, "x", 1))
		must(t, early.Init(ctx))
		_, err := early.Len(ctx)
		must(t, err)
	}
	if calls["late"] != 2 || calls["early"] != 1 {
		t.Errorf("Init was called %v times", calls)
	}
}

func TestBackendThatSaysNothing(t *testing.T) {
	s := newStore(t, bare{memstore.New()})
	if p := s.Properties(); p.Backend != "custom" || p.Durable || p.ExactBytes || p.Batch != driver.BatchNone {
		t.Errorf("Properties: %+v", p)
	}
	if r := s.Report(); len(r.Findings) != 0 {
		t.Errorf("Report: %+v", r)
	}
	_, err := s.Check(t.Context(), nil)
	wantError(t, err, errors.ErrUnsupported)
	if _, ok := s.Driver().(bare); !ok {
		t.Errorf("Driver: %T", s.Driver())
	}
}

// examined has what a recovery and a check tell.
type examined struct {
	driver.Store
	closed int
}

func (*examined) Report() driver.Report { return driver.Report{Values: 7} }

func (*examined) Check(_ context.Context, progress func(int)) (driver.Report, error) {
	progress(3)
	return driver.Report{Values: 3}, driver.ErrStopped
}

func (e *examined) Close() error {
	e.closed++
	return driver.ErrStopped
}

func TestReportCheckAndCloseAreHandedThrough(t *testing.T) {
	e := &examined{Store: memstore.New()}
	s, err := holdfast.New(e, nil)
	must(t, err)
	if s.Report().Values != 7 {
		t.Errorf("Report: %+v", s.Report())
	}
	seen := 0
	report, err := s.Check(t.Context(), func(n int) { seen = n })
	if seen != 3 || report.Values != 3 || !errors.Is(err, holdfast.ErrStopped) {
		t.Errorf("Check: %+v, %v, progress %d", report, err, seen)
	}
	wantError(t, s.Close(), holdfast.ErrStopped)
	must(t, s.Close())
	if e.closed != 1 {
		t.Errorf("the backend was closed %d times", e.closed)
	}
}

// A read-only store refuses before the backend hears of it.
func TestReadOnlyAsksNobody(t *testing.T) {
	h := &hooked{Store: memstore.New(), init: func(string) error {
		t.Error("Init was called")
		return nil
	}}
	s, err := holdfast.New(h, &holdfast.Options{ReadOnly: true})
	must(t, err)
	c := collection[int](t, s, "e")
	for name, err := range map[string]error{
		"Put":    c.Put(t.Context(), "x", 1),
		"Delete": c.Delete(t.Context(), "x"),
		"Clear":  c.Clear(t.Context()),
		"Update": s.Update(t.Context(), func(*holdfast.Batch) error {
			t.Error("the function ran")
			return nil
		}),
	} {
		if !errors.Is(err, holdfast.ErrReadOnly) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if !s.Properties().ReadOnly {
		t.Error("Properties.ReadOnly is false")
	}
}

func TestWatchTellsOfChanges(t *testing.T) {
	c := collection[int](t, newStore(t, memstore.New()), "e")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	changes := c.Watch(ctx)
	put(t, c, "a", 1)
	put(t, c, "b", 1)
	must(t, c.Delete(ctx, "b"))
	var got []holdfast.Change
	var end error
	for ch, err := range changes {
		if end = err; err == nil {
			got = append(got, ch)
		}
		if len(got) == 2 {
			cancel()
		}
	}
	if len(got) != 2 || got[0] != (holdfast.Change{ID: "a"}) || got[1] != (holdfast.Change{ID: "b", Deleted: true}) {
		t.Errorf("told of %+v", got)
	}
	wantError(t, end, context.Canceled)
	if want := "watch e: context canceled"; end.Error() != want {
		t.Errorf("got %q, want %q", end, want)
	}
}
