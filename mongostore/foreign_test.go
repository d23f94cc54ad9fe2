package mongostore_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/mongostore"
)

func eq(name string, value any) bson.E { return bson.E{Key: name, Value: value} }

// adapter writes as backtest-kit's MongoDB adapters do.
func (p *place) adapter(t *testing.T, id string, data any) {
	t.Helper()
	_, err := p.raw().UpdateOne(t.Context(), bson.D{eq("entityId", id)},
		bson.D{eq("$set", bson.D{eq("entityId", id), eq("data", data), eq("updatedAt", time.Now())})}, options.UpdateOne().SetUpsert(true))
	must(t, err)
}

func get(t *testing.T, s store, id string) driver.Record {
	t.Helper()
	rec, err := s.Get(t.Context(), key(id))
	must(t, err)
	return rec
}

// What another hand wrote, without our fields, is read, listed and changed under
// conditions; what it changes has a new revision; and it reads what we write.
func TestDocumentsOfAnAdapter(t *testing.T) {
	p := newPlace(t)
	s := open(t, p.url)
	p.adapter(t, "BTCUSDT", bson.D{eq("priceOpen", 50000.5), eq("n", int64(7)), eq("note", nil)})
	must(t, s.Init(t.Context(), signals))
	rec := get(t, s, "BTCUSDT")
	if string(rec.Data) != `{"priceOpen":50000.5,"n":7,"note":null}` || time.Since(rec.ModTime).Abs() > time.Hour {
		t.Fatalf("got %s of %v", rec.Data, rec.ModTime)
	}
	var entities, ids []string
	for e, err := range s.Entities(t.Context()) {
		must(t, err)
		entities = append(entities, e)
	}
	for id, err := range s.IDs(t.Context(), signals) {
		must(t, err)
		ids = append(ids, id)
	}
	if !slices.Equal(entities, []string{signals}) || !slices.Equal(ids, []string{"BTCUSDT"}) {
		t.Errorf("listed: %q, %q", entities, ids)
	}
	when := []driver.Cond{{Key: rec.Key, Rev: rec.Rev}}
	must(t, s.Apply(t.Context(), when, []driver.Op{{Key: rec.Key, Data: []byte(`{"ours":1}`)}}))
	if err := s.Apply(t.Context(), when, []driver.Op{{Key: rec.Key, Data: []byte(`2`)}}); !errors.Is(err, driver.ErrConflict) {
		t.Errorf("under the revision of what is gone: %v", err)
	}
	var doc struct{ Data bson.M }
	must(t, p.raw().FindOne(t.Context(), bson.D{eq("entityId", "BTCUSDT")}).Decode(&doc))
	if doc.Data["ours"] != int32(1) {
		t.Errorf("the adapter reads %v", doc.Data)
	}
	before := get(t, s, "BTCUSDT").Rev
	p.adapter(t, "BTCUSDT", bson.D{eq("theirs", 2)}) // leaves our rev as it is
	after := get(t, s, "BTCUSDT")
	if after.Rev == before || string(after.Data) != `{"theirs":2}` {
		t.Errorf("after the adapter's change: %+v, was %s", after, before)
	}
	err := s.Apply(t.Context(), []driver.Cond{{Key: rec.Key, Rev: before}}, []driver.Op{{Key: rec.Key, Delete: true}})
	if !errors.Is(err, driver.ErrConflict) {
		t.Errorf("under the revision before the adapter's change: %v", err)
	}
}

// A change by hand of one field, updatedAt left alone, makes a new revision too.
func TestEveryEditChangesTheRevision(t *testing.T) {
	p := newPlace(t)
	s := open(t, p.url)
	must(t, s.Init(t.Context(), signals))
	must(t, s.Put(t.Context(), key("a"), []byte(`{"n":1,"x":{"y":[1,2]}}`)))
	seen := map[string]string{}
	for name, edit := range map[string]bson.D{
		"none":   {eq("$set", bson.D{eq("theirs", 5)})}, // not of the value
		"number": {eq("$set", bson.D{eq("data.n", 2)})}, "deep": {eq("$set", bson.D{eq("data.x.y", bson.A{1, 3})})},
		"added": {eq("$set", bson.D{eq("data.new", true)})}, "removed": {eq("$unset", bson.D{eq("data.x", "")})},
		"time": {eq("$set", bson.D{eq("updatedAt", time.Unix(5, 0))})}, "rev": {eq("$set", bson.D{eq("rev", bson.NewObjectID())})},
		"no rev": {eq("$unset", bson.D{eq("rev", "")})},
	} {
		before := get(t, s, "a").Rev
		_, err := p.raw().UpdateOne(t.Context(), bson.D{eq("entityId", "a")}, edit)
		must(t, err)
		after := get(t, s, "a").Rev
		if (after == before) != (name == "none") {
			t.Errorf("%s: the revision went from %s to %s", name, before, after)
		}
		if other := seen[after]; other != "" && name != "none" {
			t.Errorf("%s: the revision %s has been there after %s", name, after, other)
		}
		seen[after] = name
		must(t, s.Put(t.Context(), key("a"), []byte(`{"n":1,"x":{"y":[1,2]}}`)))
	}
	raw, err := p.raw().FindOne(t.Context(), bson.D{eq("entityId", "a")}).Raw()
	must(t, err)
	if p.ferret == nil && raw.Lookup("theirs").Int32() != 5 {
		t.Errorf("a Put has dropped a field that is not ours: %s", raw)
	}
}

// A value that differs from the old one in the names of its members alone: what
// FerretDB 1 takes for the same.
func TestNamesAloneDiffer(t *testing.T) {
	p := newPlace(t)
	s := open(t, p.url)
	must(t, s.Init(t.Context(), signals))
	for _, data := range []string{`{"a":1}`, `{"b":1}`, `{"x":{"c":1}}`, `{"x":{"d":1}}`, `[{"a":1}]`, `[{"b":1}]`} {
		must(t, s.Put(t.Context(), key("a"), []byte(data)))
		if got := get(t, s, "a"); string(got.Data) != data {
			t.Fatalf("Put of %s, and Get finds %s", data, got.Data)
		}
		must(t, s.Apply(t.Context(), []driver.Cond{{Key: key("a"), Rev: get(t, s, "a").Rev}}, []driver.Op{{Key: key("a"), Data: []byte(data)}}))
	}
}

// oid is an ObjectId in hex.
const oid = "65920080a1b2c3d4e5f60718"

// Types that JSON lacks are read where they have one meaning, else damaged, with
// the place named. This is the reading alone: not every server stores them all.
func TestTypesThatJSONLacks(t *testing.T) {
	id, err := bson.ObjectIDFromHex(oid)
	must(t, err)
	price, err := bson.ParseDecimal128("50000.10")
	must(t, err)
	notOne, err := bson.ParseDecimal128("NaN")
	must(t, err)
	uuid := []byte("\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff")
	for _, x := range []struct {
		name       string
		value      any
		want, fail string
	}{
		{"date", time.Date(2024, 1, 2, 3, 4, 5, 678e6, time.UTC), `"2024-01-02T03:04:05.678Z"`, ""},
		{"object id", id, `"` + oid + `"`, ""},
		{"decimal", price, `50000.10`, ""},
		{"uuid", bson.Binary{Subtype: 4, Data: uuid}, `"00112233-4455-6677-8899-aabbccddeeff"`, ""},
		{"control characters", "\x01\n\u2028", `"\u0001\n` + "\u2028" + `"`, ""},
		{"nested", bson.D{eq("a.b", bson.A{bson.D{eq("$c", id)}})}, `{"a.b":[{"$c":"` + oid + `"}]}`, ""},
		{"NaN", math.NaN(), "", "NaN"}, {"infinity", math.Inf(-1), "", "Inf"}, {"decimal NaN", notOne, "", "NaN"},
		{"binary", bson.Binary{Data: []byte("x")}, "", "binary"}, {"regex", bson.Regex{Pattern: "x"}, "", "regex"},
		{"timestamp", bson.Timestamp{T: 1}, "", "timestamp"}, {"min key", bson.MinKey{}, "", "min key"},
		{"code", bson.JavaScript("x"), "", "javascript"}, {"undefined", bson.Undefined{}, "", "undefined"},
		{"text not UTF-8", "a\xff", "", "UTF-8"}, {"name not UTF-8", bson.D{eq("a\xff", 1)}, "", "UTF-8"},
		{"twice", bson.D{eq("a", 1), eq("a", 2)}, "", "data.a stands there twice"},
		{"place", bson.D{eq("a", bson.A{1, bson.D{eq("b", math.NaN())}})}, "", "data.a[1].b is NaN"},
	} {
		raw, err := bson.Marshal(bson.D{eq("data", x.value)})
		must(t, err)
		data, _, err := mongostore.Decode(raw)
		if string(data) != x.want || (err != nil) != (x.fail != "") || err != nil && !strings.Contains(err.Error(), x.fail) {
			t.Errorf("%s: got %s, %v; want %s, %q", x.name, data, err, x.want, x.fail)
		}
	}
}

// Damaged is what cannot be read as a value: never absent, always listed, found
// by Check, healed by Put.
func TestDamage(t *testing.T) {
	p := newPlace(t)
	s := open(t, p.url)
	ctx := t.Context()
	must(t, s.Init(ctx, signals))
	damaged := map[string]bson.D{
		"no-data":     {},
		"encoding":    {eq("data", "1"), eq("encoding", "xml")},
		"encoding-5":  {eq("data", "1"), eq("encoding", 5)},
		"not-text":    {eq("data", bson.D{}), eq("encoding", "json")},
		"empty-text":  {eq("data", ""), eq("encoding", "json")},
		"cut":         {eq("data", `{"a":`), eq("encoding", "json")},
		"binary":      {eq("data", bson.D{eq("a", bson.Binary{Data: []byte("x")})})},
		"two-values":  {eq("data", "1 2"), eq("encoding", "json")},
		"data-is-bin": {eq("data", bson.Binary{Data: []byte("1")})},
	}
	for id, fields := range damaged {
		p.insert(t, append(bson.D{eq("entityId", id)}, fields...)...)
	}
	p.insert(t, eq("entityId", 5), eq("data", 1)) // not a value of ours at all
	p.insert(t, eq("note", "x"))
	report, err := s.Check(ctx, nil)
	must(t, err)
	if report.Values != len(damaged) || report.Damaged() != len(damaged)+2 {
		t.Errorf("Check: %d values, %d damaged: %+v", report.Values, report.Damaged(), report.Findings)
	}
	for id := range damaged {
		_, err := s.Get(ctx, key(id))
		has, hasErr := s.Has(ctx, key(id))
		if !errors.Is(err, driver.ErrDamaged) || !errors.Is(hasErr, driver.ErrDamaged) || has {
			t.Errorf("%s: %v; %v, %v", id, err, has, hasErr)
		}
		err = s.Apply(ctx, []driver.Cond{{Key: key(id), Rev: ""}}, []driver.Op{{Key: key(id), Data: []byte(`1`)}})
		if !errors.Is(err, driver.ErrDamaged) {
			t.Errorf("%s: Apply under a condition: %v", id, err)
		}
		must(t, s.Put(ctx, key(id), []byte(`{"good":true}`)))
		if got := get(t, s, id); string(got.Data) != `{"good":true}` {
			t.Errorf("%s: after Put: %s", id, got.Data)
		}
	}
	must(t, s.Clear(ctx, signals))
	if n, err := p.raw().CountDocuments(ctx, bson.D{}); n != 2 || err != nil {
		t.Errorf("Clear has left %d documents, %v; want the two that are no values", n, err)
	}
}

// A collection in which ids could be mixed up, or values get lost, is refused.
func TestInitRefuses(t *testing.T) {
	p := newPlace(t)
	s := open(t, p.url)
	ctx := t.Context()
	for range 2 {
		_, err := p.db.Collection("twice").InsertOne(ctx, bson.D{eq("entityId", "a"), eq("data", 1)})
		must(t, err)
	}
	// FerretDB has other words for it.
	if err := s.Init(ctx, "twice"); err == nil || p.ferret == nil && !strings.Contains(err.Error(), "two documents with one entityId") {
		t.Errorf("two documents of one id: %v", err)
	}
	_, err := p.db.Collection("loose").Indexes().CreateOne(ctx, mongo.IndexModel{Keys: bson.D{eq("entityId", 1)}})
	must(t, err)
	if err := s.Init(ctx, "loose"); err == nil || !strings.Contains(err.Error(), "drop that index") {
		t.Errorf("an index that is not unique: %v", err)
	}
	must(t, p.db.CreateCollection(ctx, "capped", options.CreateCollection().SetCapped(true).SetSizeInBytes(1<<20)))
	if err := s.Init(ctx, "capped"); err == nil || !strings.Contains(err.Error(), "capped") {
		t.Errorf("a capped collection: %v", err)
	}
	if p.ferret == nil { // FerretDB has no collations
		must(t, p.db.CreateCollection(ctx, "collated", options.CreateCollection().SetCollation(&options.Collation{Locale: "en", Strength: 1})))
		if err := s.Init(ctx, "collated"); err == nil || !strings.Contains(err.Error(), "collation") {
			t.Errorf("a collation: %v", err)
		}
	}
	if err := s.Init(ctx, strings.Repeat("n", 300)); !errors.Is(err, driver.ErrInvalidName) || !strings.Contains(err.Error(), "limit") {
		t.Errorf("a long name: %v", err)
	}
}

func TestReadOnly(t *testing.T) {
	p := newPlace(t)
	w := open(t, p.url)
	ctx := t.Context()
	must(t, w.Init(ctx, signals))
	must(t, w.Put(ctx, key("a"), []byte(`1`)))
	s := open(t, p.with("mode=ro"))
	must(t, s.Init(ctx, "new/entity"))
	if !s.Properties().ReadOnly || string(get(t, s, "a").Data) != "1" {
		t.Errorf("%+v", s.Properties())
	}
	for name, err := range map[string]error{
		"Put": s.Put(ctx, key("a"), []byte(`2`)), "Delete": s.Delete(ctx, key("a")), "Clear": s.Clear(ctx, signals),
		"Apply": s.Apply(ctx, nil, []driver.Op{{Key: key("a"), Delete: true}}),
	} {
		if !errors.Is(err, driver.ErrReadOnly) {
			t.Errorf("%s: %v", name, err)
		}
	}
	names, err := p.db.ListCollectionNames(ctx, bson.D{})
	if err != nil || !slices.Equal(names, []string{signals}) {
		t.Errorf("collections: %q, %v", names, err)
	}
}

// More ids than one query lists.
func TestPages(t *testing.T) {
	p := newPlace(t)
	s := open(t, p.url)
	must(t, s.Init(t.Context(), signals))
	var want []string
	var docs []any
	for i := range 2*mongostore.PageSize + 1 {
		want = append(want, fmt.Sprintf("k%05d", i))
		docs = append(docs, bson.D{eq("entityId", want[i]), eq("data", i)})
	}
	docs = append(docs, bson.D{eq("entityId", 5)}, bson.D{eq("entityId", nil)}) // no values
	_, err := p.raw().InsertMany(t.Context(), docs)
	must(t, err)
	var got []string
	for id, err := range s.IDs(t.Context(), signals) {
		must(t, err)
		if got = append(got, id); len(got) > len(want) {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d ids, want %d", len(got), len(want))
	}
	last := 0
	report, err := s.Check(t.Context(), func(values int) { last = values })
	if err != nil || report.Values != len(want) || len(report.Findings)-len(s.Report().Findings) != 2 || last == 0 {
		t.Errorf("Check: %d values, %d findings, told of %d: %v", report.Values, len(report.Findings), last, err)
	}
}

// A value at the limit is stored, one above is refused before anything is
// written.
func TestLargeValues(t *testing.T) {
	t.Run("alone", func(t *testing.T) { largeValues(t, newPlace(t), false) })
	t.Run("set", func(t *testing.T) { largeValues(t, newFakeSet(t).host().place(t), true) })
}

func largeValues(t *testing.T, p *place, transactions bool) {
	s := open(t, p.url)
	ctx := t.Context()
	must(t, s.Init(ctx, signals))
	most := []byte(`"` + strings.Repeat("x", mongostore.MaxData-2) + `"`)
	k := key(strings.Repeat("i", driver.MaxName))
	must(t, s.Put(ctx, k, most))
	rec, err := s.Get(ctx, k)
	if err != nil || string(rec.Data) != string(most) {
		t.Fatalf("%d bytes, %v", len(rec.Data), err)
	}
	if err := s.Put(ctx, k, append(most, ' ')); err == nil || !strings.Contains(err.Error(), "16 MiB") {
		t.Errorf("above the limit: %v", err)
	}
	if transactions = transactions || p.ferret == nil; transactions {
		err = s.Apply(ctx, []driver.Cond{{Key: k, Rev: "x"}}, []driver.Op{{Key: k, Data: []byte(`1`)}})
		if !errors.Is(err, driver.ErrConflict) {
			t.Errorf("under a false condition: %v", err)
		}
		must(t, s.Apply(ctx, []driver.Cond{{Key: k, Rev: rec.Rev}}, []driver.Op{{Key: k, Data: []byte(`1`)}}))
		return
	}
	err = s.Apply(ctx, []driver.Cond{{Key: k, Rev: rec.Rev}}, []driver.Op{{Key: k, Data: []byte(`1`)}})
	if !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("under a condition, without transactions: %v", err)
	}
	if got, err := s.Get(ctx, k); err != nil || got.Rev != rec.Rev {
		t.Errorf("after what was refused: %s, %v; was %s", got.Rev, err, rec.Rev)
	}
}
