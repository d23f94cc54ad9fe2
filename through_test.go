package holdfast_test

import (
	"fmt"
	"testing"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/memstore"
)

// A Store that Through made of another one sees its changes as its own, and the
// other way round, and so do all that are made of one.
func TestAllSeesChangesThroughAWrapper(t *testing.T) {
	processors(t, 4)
	base := newStore(t, memstore.New())
	var stores []*holdfast.Store
	for range 2 {
		s, err := base.Through(&hooked{Store: base.Driver().(*memstore.Store)})
		must(t, err)
		stores = append(stores, s)
	}
	for name, x := range map[string][2]*holdfast.Store{
		"upwards": {base, stores[0]}, "downwards": {stores[0], base}, "sideways": {stores[0], stores[1]},
	} {
		looking, changing := collection[int](t, x[0], "e"), collection[int](t, x[1], "e")
		for n := range 300 {
			put(t, looking, fmt.Sprint("log-", n), n)
		}
		n := 0
		for e, err := range looking.All(t.Context()) {
			must(t, err)
			if e.ID != fmt.Sprint("log-", n) {
				t.Fatalf("%s: %s is yielded, and log-%d is next", name, e.ID, n)
			}
			must(t, changing.Delete(t.Context(), fmt.Sprint("log-", n+1)))
			n += 2
		}
		if n != 300 {
			t.Errorf("%s: ended before log-%d", name, n)
		}
		must(t, changing.Clear(t.Context()))
	}
}

// A store for looking alone stays one.
func TestThroughKeepsTheOptions(t *testing.T) {
	s, err := holdfast.New(memstore.New(), &holdfast.Options{ReadOnly: true})
	must(t, err)
	again, err := s.Through(s.Driver())
	must(t, err)
	wantError(t, collection[int](t, again, "e").Put(t.Context(), "a", 1), holdfast.ErrReadOnly)
	if _, err := s.Through(nil); err == nil {
		t.Error("through nothing")
	}
}
