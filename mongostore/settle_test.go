package mongostore_test

import (
	"errors"
	"fmt"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/internal/testserver"
)

// behindProxy is a store that reaches a server that stands alone through a
// proxy. (On a replica set the driver itself repeats what was lost.)
func behindProxy(t *testing.T) (store, *proxy, *place) {
	t.Helper()
	h := newFerret(t, testserver.FerretOptions{})
	p := newProxy(t, h.ferret.Addr)
	at := h.place(t)
	s := open(t, "mongodb://"+p.addr()+"/"+at.db.Name()+"?directConnection=true")
	must(t, s.Init(t.Context(), signals))
	return s, p, at
}

// The server has made the change and its answer is lost: that it was made is
// found out, and it is not made twice.
func TestLostAnswers(t *testing.T) {
	s, p, at := behindProxy(t)
	ctx, k := t.Context(), key("a")
	before, verb := 0, ""
	lose := func(name string) {
		verb, before = name, p.came(name)
		p.lose(answer, verb)
	}
	done := func(err error) {
		t.Helper()
		must(t, err)
		// A second one has waited for the journal, since what a server alone shows
		// need not be in there yet. (A reading is just made again.)
		if n := p.came(verb) - before; n != 2 {
			t.Fatalf("%d commands %s, want 2", n, verb)
		}
		if p.lost() != 1 {
			t.Fatalf("%d answers were lost, want 1", p.lost())
		}
	}
	wants := func(want string) {
		t.Helper()
		if rec := get(t, s, "a"); string(rec.Data) != want {
			t.Fatalf("there is %s, want %s", rec.Data, want)
		}
	}
	lose("update")
	done(s.Put(ctx, k, []byte(`1`)))
	wants(`1`)
	lose("update")
	done(s.Put(ctx, k, []byte(`2`)))
	wants(`2`)
	lose("update")
	done(s.Apply(ctx, []driver.Cond{{Key: k, Rev: get(t, s, "a").Rev}}, []driver.Op{{Key: k, Data: []byte(`3`)}}))
	wants(`3`)
	lose("delete")
	done(s.Delete(ctx, k))
	lose("update")
	done(s.Apply(ctx, []driver.Cond{{Key: k, Rev: ""}}, []driver.Op{{Key: k, Data: []byte(`4`)}}))
	wants(`4`)
	lose("delete")
	done(s.Clear(ctx, signals))
	for _, verb := range []string{"find", "find"} { // reading is repeated
		lose(verb)
		has, err := s.Has(ctx, k)
		done(err)
		if has {
			t.Fatal("it is there after Clear")
		}
	}
	if n, err := at.raw().CountDocuments(ctx, bson.D{}); n != 0 || err != nil {
		t.Fatalf("%d documents are left, %v", n, err)
	}
}

// The request is lost: a Put must not be repeated, since nobody knows whether
// it was overwritten meanwhile; one under a condition can be.
func TestLostRequests(t *testing.T) {
	s, p, _ := behindProxy(t)
	ctx, k := t.Context(), key("a")
	must(t, s.Put(ctx, k, []byte(`1`)))
	for name, change := range map[string]func() error{
		"Put":    func() error { p.lose(request, "update"); return s.Put(ctx, k, []byte(`2`)) },
		"Delete": func() error { p.lose(request, "delete"); return s.Delete(ctx, k) },
		"Clear":  func() error { p.lose(request, "delete"); return s.Clear(ctx, signals) },
		"create": func() error {
			p.lose(request, "update")
			return s.Apply(ctx, []driver.Cond{{Key: key("b")}}, []driver.Op{{Key: key("b"), Data: []byte(`2`)}})
		},
	} {
		if err := change(); !errors.Is(err, driver.ErrUnknown) || p.lost() != 1 {
			t.Errorf("%s: %v, after %d losses", name, err, p.lost())
		}
		if rec := get(t, s, "a"); string(rec.Data) != `1` {
			t.Errorf("%s: there is %s", name, rec.Data)
		}
	}
	p.lose(request, "update")
	must(t, s.Apply(ctx, []driver.Cond{{Key: k, Rev: get(t, s, "a").Rev}}, []driver.Op{{Key: k, Data: []byte(`3`)}}))
	if rec := get(t, s, "a"); string(rec.Data) != `3` || p.lost() != 1 {
		t.Errorf("there is %s, after %d losses", rec.Data, p.lost())
	}
	p.lose(request, "delete")
	must(t, s.Apply(ctx, []driver.Cond{{Key: k, Rev: get(t, s, "a").Rev}}, []driver.Op{{Key: k, Delete: true}}))
	if has, err := s.Has(ctx, k); has || err != nil || p.lost() != 1 {
		t.Errorf("%v, %v, after %d losses", has, err, p.lost())
	}
}

// Another hand falls between the check of a condition and the change: whatever
// it does, the change is not made.
func TestEditBetween(t *testing.T) {
	s, p, at := behindProxy(t)
	ctx, k := t.Context(), key("a")
	find := bson.D{eq("entityId", "a")}
	for name, edit := range map[string]bson.D{
		"data": {eq("$set", bson.D{eq("data.n", 2)})}, "all data": {eq("$set", bson.D{eq("data", "other")})},
		"updatedAt": {eq("$currentDate", bson.D{eq("updatedAt", true)})}, "encoding": {eq("$set", bson.D{eq("encoding", "json")})},
		"rev": {eq("$set", bson.D{eq("rev", bson.NewObjectID())})}, "no rev": {eq("$unset", bson.D{eq("rev", "")})},
	} {
		for verb, op := range map[string]driver.Op{"update": {Key: k, Data: []byte(`"ours"`)}, "delete": {Key: k, Delete: true}} {
			must(t, s.Put(ctx, k, []byte(`{"n":1}`)))
			when := []driver.Cond{{Key: k, Rev: get(t, s, "a").Rev}}
			p.before(verb, func() {
				if _, err := at.raw().UpdateOne(ctx, find, edit); err != nil {
					t.Error(err)
				}
			})
			err := s.Apply(ctx, when, []driver.Op{op})
			if want := errors.Is(err, driver.ErrConflict) || name == "encoding" && errors.Is(err, driver.ErrDamaged); !want || p.lost() != 1 {
				t.Errorf("%s before the %s: %v, want %v", name, verb, err, driver.ErrConflict)
			}
		}
	}
	must(t, s.Delete(ctx, k))
	p.before("update", func() { at.insert(t, eq("entityId", "a"), eq("data", 1)) })
	err := s.Apply(ctx, []driver.Cond{{Key: k}}, []driver.Op{{Key: k, Data: []byte(`"ours"`)}})
	if !errors.Is(err, driver.ErrConflict) || string(get(t, s, "a").Data) != `1` {
		t.Errorf("an insertion before the creation: %v, and there is %s", err, get(t, s, "a").Data)
	}
}

// Two stores put the same new ids at the same time: both upserts find nothing,
// one document can be made, and neither caller hears of it.
func TestRacingUpserts(t *testing.T) {
	p := newPlace(t)
	stores := []store{open(t, p.url), open(t, p.url)}
	must(t, stores[0].Init(t.Context(), signals))
	for round := range 40 {
		results := make(chan error, len(stores))
		for _, s := range stores {
			go func() { results <- s.Put(t.Context(), key(fmt.Sprint("k", round)), []byte(`1`)) }()
		}
		for range stores {
			if err := <-results; err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
		}
	}
	if n, err := p.raw().CountDocuments(t.Context(), bson.D{}); n != 40 || err != nil {
		t.Errorf("%d documents, %v", n, err)
	}
}
