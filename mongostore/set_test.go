package mongostore_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/holdfast-go/holdfast/driver"
)

// The whole suite against what stands for a replica set: batches over several
// values, and watching.
func TestStoreOnFakeSet(t *testing.T) { conformance(t, newFakeSet(t).host()) }

func twoKeys() (a, b driver.Key) { return key("a"), driver.Key{Entity: "risk/r", ID: "b"} }

// On a replica set a change whose answer was lost is repeated by the driver under
// its number, and made once.
func TestLostAnswersOnASet(t *testing.T) {
	f := newFakeSet(t)
	s := open(t, f.host().place(t).url)
	ctx := t.Context()
	a, b := twoKeys()
	must(t, errors.Join(s.Init(ctx, a.Entity), s.Init(ctx, b.Entity)))
	repeated := func(want int) {
		t.Helper()
		if got := f.Repeats(); got != want {
			t.Errorf("%d answers were given again, want %d", got, want)
		}
	}
	f.Lose("update", 2)
	must(t, s.Put(ctx, a, []byte(`1`)))
	repeated(2)
	f.Lose("delete", 1)
	must(t, s.Delete(ctx, a))
	repeated(1)
	f.Lose("commitTransaction", 1)
	must(t, s.Apply(ctx, nil, []driver.Op{{Key: a, Data: []byte(`2`)}, {Key: b, Data: []byte(`3`)}}))
	repeated(1)
	for k, want := range map[driver.Key]string{a: `2`, b: `3`} {
		if rec, err := s.Get(ctx, k); err != nil || string(rec.Data) != want {
			t.Errorf("%s: %s, %v", k, rec.Data, err)
		}
	}
}

// A condition on a value that the batch does not change collides with a change
// of that value, present or absent; and leaves it with its revision.
func TestConditionsHoldTheirValues(t *testing.T) {
	for name, h := range setsToTest(t) {
		t.Run(name, func(t *testing.T) { conditionsHold(t, h.place(t)) })
	}
}

func conditionsHold(t *testing.T, p *place) {
	s, other := open(t, p.url), open(t, p.url)
	ctx := t.Context()
	a, lease := twoKeys()
	must(t, errors.Join(s.Init(ctx, a.Entity), s.Init(ctx, lease.Entity)))
	must(t, s.Put(ctx, lease, []byte(`"mine"`)))
	rec, err := s.Get(ctx, lease)
	must(t, err)
	mine := []driver.Cond{{Key: lease, Rev: rec.Rev}}
	for range 3 {
		must(t, s.Apply(ctx, mine, []driver.Op{{Key: a, Data: []byte(`1`)}}))
	}
	if now, err := s.Get(ctx, lease); err != nil || now.Rev != rec.Rev {
		t.Errorf("the revision of what was only looked at went from %s to %s, %v", rec.Rev, now.Rev, err)
	}
	must(t, other.Put(ctx, lease, []byte(`"theirs"`)))
	if err := s.Apply(ctx, mine, []driver.Op{{Key: a, Data: []byte(`2`)}}); !errors.Is(err, driver.ErrConflict) {
		t.Errorf("after the lease was lost: %v", err)
	}
	must(t, other.Delete(ctx, lease))
	must(t, s.Apply(ctx, []driver.Cond{{Key: lease}}, []driver.Op{{Key: a, Data: []byte(`3`)}}))
	if has, err := s.Has(ctx, lease); has || err != nil {
		t.Errorf("a condition of absence has left something: %v, %v", has, err)
	}
}

// Two batches that each look at what the other changes: one of them only is
// made.
func TestNoWriteSkew(t *testing.T) {
	for name, h := range setsToTest(t) {
		t.Run(name, func(t *testing.T) {
			p := h.place(t)
			s := open(t, p.url)
			ctx := t.Context()
			a, b := twoKeys()
			must(t, errors.Join(s.Init(ctx, a.Entity), s.Init(ctx, b.Entity)))
			for round := range 30 {
				var conds [2][]driver.Cond
				for i, k := range []driver.Key{a, b} {
					if round%2 == 0 {
						must(t, s.Put(ctx, k, []byte(`0`)))
					} else {
						must(t, s.Apply(ctx, nil, []driver.Op{{Key: k, Delete: true}}))
					}
					rec, err := s.Get(ctx, k)
					if err != nil && !errors.Is(err, driver.ErrNotFound) {
						t.Fatal(err)
					}
					conds[1-i] = []driver.Cond{{Key: k, Rev: rec.Rev}}
				}
				results := make(chan error, 2)
				for i, k := range []driver.Key{a, b} {
					go func() { results <- s.Apply(ctx, conds[i], []driver.Op{{Key: k, Data: []byte(`1`)}}) }()
				}
				first, second := <-results, <-results
				if (first == nil) == (second == nil) || first != nil && !errors.Is(first, driver.ErrConflict) || second != nil && !errors.Is(second, driver.ErrConflict) {
					t.Fatalf("round %d: %v and %v; want one of them made, and %v", round, first, second, driver.ErrConflict)
				}
			}
		})
	}
}

// setsToTest is what stands for a replica set, and the real server if there is
// one.
func setsToTest(t *testing.T) map[string]*host {
	t.Helper()
	sets := map[string]*host{"fake": newFakeSet(t).host()}
	if real := os.Getenv(serverEnv); real != "" {
		sets["real"] = &host{url: real}
	}
	return sets
}

// Watching goes on behind a lost connection, and tells of what other hands do.
func TestWatchOnASet(t *testing.T) {
	f := newFakeSet(t)
	p := f.host().place(t)
	s := open(t, p.url)
	must(t, s.Init(t.Context(), signals))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	changes := openAny(t, p.url).(driver.Watcher).Watch(ctx, signals)
	must(t, s.Put(ctx, key("a"), []byte(`1`)))
	n := 0
	for c, err := range changes {
		must(t, err)
		if n++; n == 1 {
			f.Lose("getMore", 1)
			p.insert(t, eq("entityId", "theirs"), eq("data", bson.D{eq("x", 1)}))
			must(t, s.Delete(ctx, key("a")))
			continue
		}
		if want := (driver.Change{Key: key("theirs")}); n == 2 && c != want {
			t.Errorf("told of %+v, want %+v", c, want)
		}
		if want := (driver.Change{Key: key("a"), Deleted: true}); n == 3 && c != want {
			t.Errorf("told of %+v, want %+v", c, want)
		}
		if n == 3 {
			return
		}
	}
}

// A collection that is dropped ends the watching of it with an error, not in
// silence.
func TestWatchOfWhatIsDropped(t *testing.T) {
	for name, h := range setsToTest(t) {
		t.Run(name, func(t *testing.T) {
			p := h.place(t)
			s := openAny(t, p.url)
			must(t, s.Init(t.Context(), signals))
			changes := s.(driver.Watcher).Watch(t.Context(), signals)
			must(t, p.raw().Drop(t.Context()))
			for c, err := range changes {
				if err == nil || !strings.Contains(err.Error(), "dropped") {
					t.Errorf("told of %+v, %v", c, err)
				}
			}
		})
	}
}
