package filestore_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
)

// past returns the history of a value, newest first, and checks what holds of
// every history: times fall, revisions differ, and the newest is what Get finds.
func past(t testing.TB, s *filestore.Store, k driver.Key) []driver.Version {
	t.Helper()
	var all []driver.Version
	revs := map[string]bool{}
	for v, err := range s.History(t.Context(), k) {
		must(t, err)
		if n := len(all); n > 0 && !v.ModTime.Before(all[n-1].ModTime) {
			t.Fatalf("state %d is of %v, the one after it of %v", n, v.ModTime, all[n-1].ModTime)
		}
		if v.Key != k || v.Deleted != (v.Rev == "") || v.Deleted != (v.Data == nil) || v.Rev != "" && revs[v.Rev] {
			t.Fatalf("state %d: %+v", len(all), v)
		}
		revs[v.Rev] = true
		all = append(all, v)
	}
	if len(all) == 0 {
		return nil
	}
	rec, err := s.Get(t.Context(), k)
	if all[0].Deleted != errors.Is(err, driver.ErrNotFound) ||
		err == nil && (rec.Rev != all[0].Rev || string(rec.Data) != string(all[0].Data) || !rec.ModTime.Equal(all[0].ModTime)) {
		t.Fatalf("the newest state is %+v; Get: %+v, %v", all[0], rec, err)
	}
	return all
}

// wantPast compares a history, oldest first; "-" is a removal.
func wantPast(t testing.TB, s *filestore.Store, k driver.Key, want ...string) {
	t.Helper()
	var got []string
	for _, v := range slices.Backward(past(t, s, k)) {
		if v.Deleted {
			got = append(got, "-")
		} else {
			got = append(got, string(v.Data))
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("history of %s: %q, want %q", k, got, want)
	}
}

// History has every state, whoever made it, through restarts of all kinds; and
// no state that never was.
func TestHistoryOfEveryKindOfChange(t *testing.T) {
	t.Parallel()
	dir := ramDir(t)
	s := journal(t, dir, nil)
	put(t, s, btc, `1`)
	put(t, s, btc, `1`) // a change, too
	must(t, s.Delete(t.Context(), btc))
	must(t, s.Apply(t.Context(), nil, []driver.Op{{Key: btc, Data: []byte(`2`)}, {Key: eth, Delete: true}, {Key: safe, Data: []byte(`[]`)}}))
	must(t, s.Clear(t.Context(), btc.Entity))
	must(t, s.Clear(t.Context(), btc.Entity)) // of nothing
	must(t, s.Apply(t.Context(), nil, []driver.Op{{Key: btc, Data: []byte(`0`)}, {Key: btc, Data: []byte(`3`)}}))
	want := []string{"1", "1", "-", "2", "-", "3"}
	check := func(s *filestore.Store) {
		t.Helper()
		wantPast(t, s, btc, want...)
		wantPast(t, s, eth)
		wantPast(t, s, safe, `[]`)
	}
	check(s)
	must(t, s.Flush(t.Context()))
	check(s)
	check(follower(t, dir, filestore.Options{}))
	filestore.Kill(s)
	s = journal(t, dir, nil)
	check(s)
	closeStore(t, s)
	write(t, dir, btcFile, `"by hand"`)
	write(t, dir, "signal/strategy-a/ETHUSDT.json", `"new by hand"`)
	s = journal(t, dir, nil)
	want = append(want, `"by hand"`)
	wantPast(t, s, btc, want...)
	wantPast(t, s, eth, `"new by hand"`)
	closeStore(t, s)
	s = open(t, dir, nil) // directly: no history of these
	put(t, s, btc, `"direct"`)
	put(t, s, btc, `"directly"`)
	must(t, s.Delete(t.Context(), eth))
	closeStore(t, s)
	s = journal(t, dir, nil)
	wantPast(t, s, btc, append(want, `"directly"`)...)
	wantPast(t, s, eth, `"new by hand"`, "-")
	wantPast(t, follower(t, dir, filestore.Options{}), btc, append(want, `"directly"`)...)
}

// A value that was there before the journal has its present state.
func TestHistoryOfFilesFound(t *testing.T) {
	t.Parallel()
	dir := ramDir(t)
	write(t, dir, btcFile, `"found"`)
	s := journal(t, dir, nil)
	wantPast(t, s, btc, `"found"`)
	wantPast(t, s, eth)
	closeStore(t, s)
	f := follower(t, dir, filestore.Options{}) // there is a snapshot, and no journal yet
	wantPast(t, f, btc, `"found"`)
	s = journal(t, dir, nil)
	put(t, s, btc, `2`)
	wantPast(t, s, btc, `2`) // what was found is in no journal
	wantPast(t, f, btc, `2`)
}

// numbers reads the numbers of sized values, and checks that none is missing.
func numbers(t testing.TB, all []driver.Version) []int {
	t.Helper()
	var got []int
	for _, v := range all {
		var n int
		if _, err := fmt.Sscanf(string(v.Data), `"%d `, &n); err != nil {
			t.Fatalf("%.50q: %v", v.Data, err)
		}
		if len(got) > 0 && n != got[len(got)-1]-1 {
			t.Fatalf("state %d is missing, before %d comes %d", got[len(got)-1]-1, got[len(got)-1], n)
		}
		got = append(got, n)
	}
	return got
}

// The oldest states go first, and no more of them than the size asks for.
func TestHistoryIsBoundedBySize(t *testing.T) {
	t.Parallel()
	for _, size := range []int64{4 << 20, 8 << 20} {
		dir := ramDir(t)
		s := journal(t, dir, &filestore.Options{HistorySize: size})
		for i := range 300 {
			put(t, s, btc, sized(i, 50_000))
		}
		closeStore(t, s) // which waits for whoever is giving up space
		s = journal(t, dir, &filestore.Options{HistorySize: size})
		n := len(numbers(t, past(t, s, btc)))
		if took := int64(n) * 50_000; n == 300 || took > size || took < size/4 {
			t.Errorf("%d states of 50,000 bytes in %d bytes", n, size)
		}
		r, err := s.Check(t.Context(), nil)
		must(t, err)
		if h := r.History; h == nil || h.Size > size || h.MaxSize != size || h.Versions != int64(n) || h.Oldest.IsZero() || h.Oldest.After(past(t, s, btc)[n-2].ModTime) {
			t.Errorf("Check tells %+v of %d states", r.History, n)
		}
		closeStore(t, s)
		s = journal(t, dir, &filestore.Options{HistorySize: size})
		if again := len(numbers(t, past(t, s, btc))); again != n {
			t.Errorf("%d states, %d after opening again", n, again)
		}
	}
}

// States that are too old go, though there is room for them.
func TestHistoryIsBoundedByAge(t *testing.T) {
	t.Parallel()
	for age, most := range map[time.Duration]int{time.Nanosecond: 60, -1: 120, time.Hour: 120} {
		s := journal(t, ramDir(t), &filestore.Options{HistoryAge: age})
		for i := range 120 {
			put(t, s, btc, sized(i, 50_000))
			if i%10 == 9 {
				must(t, s.Flush(t.Context())) // what is not in the files stays in any case
			}
		}
		if n := len(numbers(t, past(t, s, btc))); n == 0 || n > most || most == 120 && n != 120 {
			t.Errorf("states not older than %v: %d", age, n)
		}
	}
}

// A history that is read while its space is being reused has no gap, and tells of
// what was there when it began.
func TestHistoryBesideReuse(t *testing.T) {
	t.Parallel()
	dir := ramDir(t)
	s := journal(t, dir, &filestore.Options{HistorySize: 4 << 20})
	f := follower(t, dir, filestore.Options{})
	put(t, s, btc, sized(0, 20_000))
	var last atomic.Int64
	done := make(chan error, 1)
	go func() {
		for i := range 700 {
			if err := s.Put(t.Context(), btc, []byte(sized(i+1, 20_000))); err != nil {
				done <- err
				return
			}
			last.Store(int64(i + 1))
		}
		done <- nil
	}()
	for n := 0; ; n++ {
		by := []*filestore.Store{s, f}[n%2]
		least := last.Load()
		var all []driver.Version
		for v, err := range by.History(t.Context(), btc) {
			if err != nil {
				t.Errorf("History: %v", err)
				break
			}
			all = append(all, v)
		}
		if got := numbers(t, all); len(got) == 0 || int64(got[0]) < least {
			t.Errorf("after %d: %v", least, got)
		}
		select {
		case err := <-done:
			must(t, err)
			t.Logf("%d histories", n)
			return
		default:
		}
	}
}

// State as of a time, and undo, over a directory.
func TestHistoryThroughACollection(t *testing.T) {
	t.Parallel()
	dir := ramDir(t)
	s, err := holdfast.Open(t.Context(), "file:"+dir, nil)
	must(t, err)
	defer func() { s.Close() }()
	c, err := holdfast.NewCollection[json.RawMessage](s, "signal/strategy-a", nil)
	must(t, err)
	var times []time.Time
	note := func(err error) {
		t.Helper()
		must(t, err)
		for v, err := range c.History(t.Context(), "BTCUSDT") {
			must(t, err)
			times = append(times, v.ModTime)
			break
		}
	}
	note(c.Put(t.Context(), "BTCUSDT", json.RawMessage(`{ "n": 1.0 }`)))
	note(c.Put(t.Context(), "BTCUSDT", json.RawMessage(`2`)))
	note(c.Delete(t.Context(), "BTCUSDT"))
	note(c.Put(t.Context(), "BTCUSDT", json.RawMessage(`3`)))
	must(t, s.Close())
	s, err = holdfast.Open(t.Context(), "file:"+dir, nil)
	must(t, err)
	c, err = holdfast.NewCollection[json.RawMessage](s, "signal/strategy-a", nil)
	must(t, err)
	for i, want := range []string{`{ "n": 1.0 }`, `2`, "", `3`} {
		e, err := c.At(t.Context(), "BTCUSDT", times[i])
		if string(e.Value) != want || (want == "") != errors.Is(err, holdfast.ErrNotFound) || want != "" && err != nil {
			t.Errorf("as of state %d: %q, %v; want %q", i, e.Value, err, want)
		}
	}
	if _, err := c.At(t.Context(), "BTCUSDT", times[0].Add(-time.Second)); !errors.Is(err, holdfast.ErrNotKept) {
		t.Errorf("before the first state: %v", err)
	}
	for i, want := range []string{"removed", "3", "removed", "3"} {
		v, err := c.Undo(t.Context(), "BTCUSDT")
		must(t, err)
		got, err := c.Get(t.Context(), "BTCUSDT")
		if v.Deleted != (want == "removed") || !v.Deleted && string(got) != want || v.Deleted && !errors.Is(err, holdfast.ErrNotFound) {
			t.Errorf("undo %d: %+v, then %s, %v; want %s", i, v, got, err, want)
		}
	}
	if got := strings.Count(tree(t, dir), "BTCUSDT.json"); got > 1 {
		t.Errorf("%d files", got)
	}
}
