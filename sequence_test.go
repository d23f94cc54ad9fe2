package holdfast_test

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/memstore"
)

// described is what a sequence yields, as text; it stops behind stopAfter.
func described(seq iter.Seq2[holdfast.Entry[int], error], stopAfter int) []string {
	var got []string
	for e, err := range seq {
		switch {
		case errors.Is(err, holdfast.ErrDamaged):
			got = append(got, e.ID+" damaged")
		case err != nil:
			got = append(got, e.ID+" "+err.Error())
		default:
			got = append(got, fmt.Sprint(e.ID, "=", e.Value))
		}
		if len(got) == stopAfter {
			break
		}
	}
	return got
}

// mixed holds log-1 to log-12, of which log-2 and log-10 are damaged and log-3
// is removed after it was listed.
func mixed(t *testing.T) *holdfast.Collection[int] {
	h := &hooked{Store: memstore.New()}
	h.get = func(k driver.Key) error {
		switch k.ID {
		case "log-2", "log-10":
			return &driver.DamagedError{Path: k.String(), Reason: "torn"}
		case "log-3":
			return driver.ErrNotFound
		}
		return nil
	}
	c := collection[int](t, newStore(t, h), "e")
	for i := range 12 {
		put(t, c, fmt.Sprint("log-", i+1), i+1)
	}
	return c
}

func TestSequencesGoOnBehindErrors(t *testing.T) {
	c, ctx := mixed(t), t.Context()
	even := func(n int) bool { return n%2 == 0 }
	for name, x := range map[string]struct {
		seq  iter.Seq2[holdfast.Entry[int], error]
		stop int
		want []string
	}{
		"All":              {c.All(ctx), 0, []string{"log-1=1", "log-2 damaged", "log-4=4", "log-5=5", "log-6=6", "log-7=7", "log-8=8", "log-9=9", "log-10 damaged", "log-11=11", "log-12=12"}},
		"All, left early":  {c.All(ctx), 2, []string{"log-1=1", "log-2 damaged"}},
		"Filter":           {c.Filter(ctx, even), 0, []string{"log-2 damaged", "log-4=4", "log-6=6", "log-8=8", "log-10 damaged", "log-12=12"}},
		"Filter, left":     {c.Filter(ctx, even), 1, []string{"log-2 damaged"}},
		"Take 2":           {c.Take(ctx, 2, nil), 0, []string{"log-1=1", "log-2 damaged", "log-4=4"}},
		"Take 2, left":     {c.Take(ctx, 2, nil), 2, []string{"log-1=1", "log-2 damaged"}},
		"Take 4 even ones": {c.Take(ctx, 4, even), 0, []string{"log-2 damaged", "log-4=4", "log-6=6", "log-8=8", "log-10 damaged", "log-12=12"}},
		"Take 0":           {c.Take(ctx, 0, nil), 0, nil},
		"Take -1":          {c.Take(ctx, -1, nil), 0, nil},
	} {
		if got := described(x.seq, x.stop); !slices.Equal(got, x.want) {
			t.Errorf("%s: got %q, want %q", name, got, x.want)
		}
	}
	if n, err := c.Len(ctx); n != 12 || err != nil {
		t.Errorf("Len: %d, %v", n, err)
	}
}

// An error of listing ends every sequence: what follows is not known.
func TestErrorOfListingEndsSequences(t *testing.T) {
	mine := errors.New("of listing")
	h := &hooked{Store: memstore.New()}
	h.ids = func(seq iter.Seq2[string, error]) iter.Seq2[string, error] {
		return func(yield func(string, error) bool) {
			for id := range seq {
				if !yield(id, nil) || !yield("", mine) {
					return
				}
			}
		}
	}
	c, ctx := collection[int](t, newStore(t, h), "e"), t.Context()
	put(t, c, "a", 1)
	put(t, c, "b", 2)
	want := []string{" list e: of listing"}
	all := func(int) bool { return true }
	for name, seq := range map[string]iter.Seq2[holdfast.Entry[int], error]{
		"All": c.All(ctx), "Filter": c.Filter(ctx, all), "Take": c.Take(ctx, 5, all),
	} {
		if got := described(seq, 0); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if n, err := c.Len(ctx); n != 0 || !errors.Is(err, mine) {
		t.Errorf("Len: %d, %v", n, err)
	}
	for id, err := range c.Keys(ctx) {
		if id != "" || !errors.Is(err, mine) {
			t.Errorf("Keys: %q, %v", id, err)
		}
	}
}

func TestKeysAreInNaturalOrder(t *testing.T) {
	c := collection[int](t, newStore(t, memstore.New()), "e")
	want := []string{"1", "2", "10", "Alpha", "beta", "log-2", "LOG-2", "log-10"}
	slices.SortFunc(want[5:7], func(a, b string) int { return slices.Compare([]byte(a), []byte(b)) })
	for _, id := range []string{"log-10", "log-2", "beta", "10", "LOG-2", "2", "1", "Alpha"} {
		put(t, c, id, 1)
	}
	var got []string
	for id, err := range c.Keys(t.Context()) {
		must(t, err)
		got = append(got, id)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestEntitiesAreThoseWithValues(t *testing.T) {
	s := newStore(t, memstore.New())
	put(t, collection[int](t, s, "b"), "x", 1)
	put(t, collection[int](t, s, "a/b"), "x", 1)
	must(t, collection[int](t, s, "empty").Init(t.Context()))
	var got []string
	for e, err := range s.Entities(t.Context()) {
		must(t, err)
		got = append(got, e)
	}
	if want := []string{"a/b", "b"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
