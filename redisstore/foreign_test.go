package redisstore_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/internal/testserver"
)

// Other programs, such as backtest-kit's adapters, put and read plain strings
// under entity:id.
func TestOtherPrograms(t *testing.T) {
	r := testserver.StartRedis(t)
	s, other := open(t, r.URL("")), client(t, r)
	ctx := t.Context()
	must(t, s.Put(ctx, btc, []byte(`{"a": 1}`)))
	if got := other.Get(ctx, "signal/strategy-a:BTCUSDT").Val(); got != `{"a": 1}` {
		t.Errorf("others read %s", got)
	}
	must(t, other.Set(ctx, "signal/strategy-a:ETH:USDT", `{"b":2}`, 0).Err())
	eth := driver.Key{Entity: btc.Entity, ID: "ETH:USDT"}
	if rec := wantValue(t, s, eth, `{"b":2}`); rec.Rev == "" || !rec.ModTime.IsZero() {
		t.Errorf("of what others have put: %+v", rec)
	}
	var ids []string
	for id, err := range s.IDs(ctx, btc.Entity) {
		must(t, err)
		ids = append(ids, id)
	}
	if !slices.Equal(ids, []string{"BTCUSDT", "ETH:USDT"}) {
		t.Errorf("listed: %q", ids)
	}
	if keys := other.Keys(ctx, "signal/strategy-a:*").Val(); len(keys) != 2 {
		t.Errorf("others list %q", keys)
	}
}

// A change by another program is a change of the revision, and a condition on the
// revision holds for such values, too.
func TestRevisionsOfOthers(t *testing.T) {
	r := testserver.StartRedis(t)
	s, other := open(t, r.URL("")), client(t, r)
	ctx, seen := t.Context(), map[string]string{}
	note := func(what, data string) string {
		t.Helper()
		rev := wantValue(t, s, btc, data).Rev
		if before, again := seen[rev]; again {
			t.Errorf("the revision of %s is that of %s", what, before)
		}
		seen[rev] = what
		return rev
	}
	set := func(data string) { must(t, other.Set(ctx, "signal/strategy-a:BTCUSDT", data, 0).Err()) }
	swap := func(rev, data string) error {
		return s.Apply(ctx, []driver.Cond{{Key: btc, Rev: rev}}, []driver.Op{{Key: btc, Data: []byte(data)}})
	}
	set(`1`)
	first := note("theirs, without a mark", `1`)
	must(t, swap(first, `2`))
	mine := note("ours", `2`)
	set(`3`)
	theirs := note("theirs, over ours", `3`)
	for _, old := range []string{first, mine, ""} {
		if err := swap(old, `4`); !errors.Is(err, driver.ErrConflict) {
			t.Errorf("under the revision %q: %v", old, err)
		}
	}
	must(t, swap(theirs, `4`))
	note("ours, over theirs", `4`)
	for i := range 3 { // ours back and forth
		must(t, s.Put(ctx, btc, []byte(`2`)))
		note(fmt.Sprint("ours, again ", i), `2`)
	}
	set(`1`)
	note("theirs, over ours, with the first data", `1`)
	must(t, other.Del(ctx, "signal/strategy-a:BTCUSDT").Err())
	if _, err := s.Get(ctx, btc); !errors.Is(err, driver.ErrNotFound) {
		t.Errorf("after their removal: %v", err)
	}
	must(t, swap("", `5`))
	note("ours, after their removal", `5`)
}

func TestCheckTellsOfOthers(t *testing.T) {
	r := testserver.StartRedis(t)
	s, other := open(t, r.URL("")), client(t, r)
	ctx := t.Context()
	for i := range 200 {
		must(t, s.Put(ctx, driver.Key{Entity: fmt.Sprint("e", i%3), ID: fmt.Sprint(i)}, []byte(`1`)))
	}
	must(t, other.Set(ctx, "e0:0", `2`, 0).Err())     // edited
	must(t, other.Set(ctx, "e1:1", `{`, 0).Err())     // invalid
	must(t, other.Set(ctx, "e2:2", ``, 0).Err())      // empty
	must(t, other.Del(ctx, "e0:3").Err())             // gone
	must(t, other.Set(ctx, "e3:new", `{}`, 0).Err())  // theirs alone: as good as any
	must(t, other.HSet(ctx, "e3:hash", "a", 1).Err()) // wrong type
	must(t, other.Set(ctx, "nocolon", `{`, 0).Err())  // not ours
	must(t, other.Set(ctx, "a%253B:x", `1`, 0).Err()) // no key that we would make
	report, err := s.Check(ctx, nil)
	must(t, err)
	var got []string
	for _, f := range report.Findings {
		got = append(got, fmt.Sprint(f.Entity, ":", f.ID, " ", f.Problem, " ", f.Damage()))
	}
	slices.Sort(got)
	want := []string{"e0:0 edited false", "e1:1 invalid-json true", "e2:2 empty true", "e3:hash invalid-json true"}
	if !slices.Equal(got, want) || report.Values != 201 || report.Entities != 4 {
		t.Errorf("%d values in %d entities: %q, want %q", report.Values, report.Entities, got, want)
	}
}

// An entity with a colon has a key of its own, and its name is readable as far as
// it goes.
func TestKeys(t *testing.T) {
	r := testserver.StartRedis(t)
	s, other := open(t, r.URL("prefix=app-1:")), client(t, r)
	for entity, key := range map[string]string{
		"signal/a": "app-1:signal/a:x", "a:b": "app-1:a%3Ab:x", "a%3Ab": "app-1:a%253Ab:x", "a%25": "app-1:a%2525:x", "100%": "app-1:100%:x",
	} {
		must(t, s.Put(t.Context(), driver.Key{Entity: entity, ID: "x"}, []byte(`"`+entity+`"`)))
		if got := other.Get(t.Context(), key).Val(); got != `"`+entity+`"` {
			t.Errorf("under %s there is %s", key, got)
		}
	}
	must(t, s.Close())
	if keys := other.Keys(t.Context(), "app-1::lane:*").Val(); len(keys) != 0 {
		t.Errorf("after Close there is %q", keys)
	}
	if all := other.Keys(t.Context(), "*").Val(); len(all) != 11 { // values, marks, log
		t.Errorf("there is %q", all)
	}
}
