package wrap_test

import (
	"context"
	"errors"
	"io"
	"reflect"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/internal/wrap"
	"github.com/holdfast-go/holdfast/memstore"
	"github.com/holdfast-go/holdfast/storetest"
)

// full is memory with all that memory has; bare is the same without any
// capability.
func full(t *testing.T) driver.Store {
	t.Helper()
	s := memstore.New()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func bare(t *testing.T) driver.Store { return struct{ driver.Store }{full(t)} }

func wrapped(s driver.Store) driver.Store {
	w := wrap.New(s)
	return &w
}

func TestConformance(t *testing.T) {
	for name, open := range map[string]func(*testing.T) driver.Store{"full": full, "bare": bare} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) driver.Store { return wrapped(wrapped(open(t))) }, nil)
		})
	}
}

// capabilities is what a store has, by the name of the interface.
func capabilities(s driver.Store) map[string]bool {
	return map[string]bool{
		"Deleter":      has[driver.Deleter](s),
		"Lister":       has[driver.Lister](s),
		"Applier":      has[driver.Applier](s),
		"Loader":       has[driver.Loader](s),
		"Scanner":      has[driver.Scanner](s),
		"AppendGetter": has[driver.AppendGetter](s),
		"Historian":    has[driver.Historian](s),
		"Watcher":      has[driver.Watcher](s),
		"Recoverer":    has[driver.Recoverer](s),
		"Checker":      has[driver.Checker](s),
		"Flusher":      has[driver.Flusher](s),
		"Describer":    has[driver.Describer](s),
		"Closer":       has[io.Closer](s),
	}
}

func has[C any](s driver.Store) bool {
	_, ok := driver.As[C](s)
	return ok
}

// lacking has one capability less than the full store that it embeds.
type lacking struct {
	wrap.Store
	what reflect.Type
}

func (s *lacking) Lacks(capability any) bool {
	return reflect.TypeOf(capability) == s.what || s.Store.Lacks(capability)
}

func TestWrapperHasWhatTheInnerStoreHas(t *testing.T) {
	for _, open := range []func(*testing.T) driver.Store{full, bare} {
		s := open(t)
		want, got := capabilities(s), capabilities(wrapped(wrapped(s)))
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got  %v\nwant %v", got, want)
		}
	}
	// One that is partial itself is asked, not asserted.
	s := &lacking{wrap.New(full(t)), reflect.TypeFor[*driver.Historian]()}
	if got := capabilities(wrapped(s)); got["Historian"] || !got["Watcher"] {
		t.Errorf("around one that lacks a historian: %v", got)
	}
}

// A method that is there while its capability is not has no effect.
func TestMethodsOfWhatIsLacking(t *testing.T) {
	w, ctx, k := wrap.New(bare(t)), context.Background(), driver.Key{Entity: "e", ID: "a"}
	if err := w.Put(ctx, k, []byte(`1`)); err != nil {
		t.Fatal(err)
	}
	_, check := w.Check(ctx, nil)
	for name, err := range map[string]error{
		"Load":   w.Load(ctx, []driver.Value{{Key: k}})[0],
		"Delete": w.Delete(ctx, k), "Clear": w.Clear(ctx, "e"), "Apply": w.Apply(ctx, nil, nil), "Check": check,
	} {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: %v, want %v", name, err, errors.ErrUnsupported)
		}
	}
	for _, err := range w.IDs(ctx, "e") {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("IDs: %v", err)
		}
	}
	for _, err := range w.Scan(ctx, "e") {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("Scan: %v", err)
		}
	}
	if err := errors.Join(w.Flush(ctx), w.Close()); err != nil {
		t.Error(err)
	}
	if p := w.Properties(); p.Backend == "" || p.Batch != driver.BatchNone || p.MaxData == 0 {
		t.Errorf("%+v", p)
	}
	if has, err := w.Has(ctx, k); !has || err != nil {
		t.Errorf("Has: %v, %v", has, err)
	}
}
