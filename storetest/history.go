package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
)

func historyCases() []testCase {
	return []testCase{
		{"history has every state, the newest first", historian | deleter, (*subject).historyStates},
		{"the newest state is what Get finds", historian, (*subject).historyNewest},
		{"a value that never was has no history", historian, (*subject).historyNone},
		{"history hands out copies", historian, (*subject).historyCopies},
		{"time never goes backwards along history", historian | deleter, (*subject).historyTime},
		{"each put in history has a revision of its own", historian, (*subject).historyRevisions},
		{"a cleared value is a state and no removal", historian, (*subject).historyCleared},
		{"Clear is a removal of each value", historian | deleter, (*subject).historyClear},
		{"a batch is one state of each of its values", historian | anyBatch, (*subject).historyBatch},
		{"what changes nothing is no state", historian | applier, (*subject).historyNoChange},
		{"history is that of one moment", historian, (*subject).historySnapshot},
		{"history ends where its consumer stops", historian, (*subject).historyBreak},
		{"history outlives a restart", historian | deleter | reopener, (*subject).historyRestart},
		{"the portable type has history", historian | deleter, (*subject).historyPortable},
		{"At finds the state of its time", historian | deleter, (*subject).historyAt},
		{"Undo puts back what was changed or removed", historian | deleter | applier, (*subject).historyUndo},
	}
}

// history reads all states of a value.
func (s *subject) history(k driver.Key) []driver.Version {
	s.Helper()
	s.ok(s.init(k.Entity), "Init")
	var versions []driver.Version
	for v, err := range s.store.(driver.Historian).History(s.ctx, k) {
		s.ok(err, "History")
		versions = append(versions, v)
	}
	return versions
}

// makeHistory puts, removes and puts k among changes of another value.
func (s *subject) makeHistory(k driver.Key) {
	s.Helper()
	other := driver.Key{Entity: k.Entity, ID: k.ID + "-other"}
	s.put(k, `1`)
	s.put(other, `"other"`)
	s.put(k, `2`)
	s.ok(s.deleter().Delete(s.ctx, k), "Delete")
	s.put(other, `"again"`)
	s.put(k, `3`)
}

// states are those of k, the newest first, in words.
func (s *subject) states(k driver.Key) string {
	s.Helper()
	var got []string
	for _, v := range s.history(k) {
		switch {
		case v.Key != k:
			s.Fatalf("History of %s has a state of %s", k, v.Key)
		case v.Deleted && (v.Data != nil || v.Rev != ""):
			s.Fatalf("a removal has data %q and revision %q", v.Data, v.Rev)
		case v.Deleted:
			got = append(got, "removed")
		default:
			got = append(got, string(v.Data))
		}
	}
	return strings.Join(got, " ")
}

func (s *subject) wantStates(k driver.Key, want string) {
	s.Helper()
	if got := s.states(k); got != want {
		s.Fatalf("History of %s has %q, want %q", k, got, want)
	}
}

func (s *subject) historyStates() {
	s.makeHistory(key("a"))
	s.wantStates(key("a"), "3 removed 2 1")
}

func (s *subject) historyNewest() {
	k := key("a")
	s.put(k, `1`)
	s.put(k, `2`)
	rec, versions := s.get(k), s.history(k)
	if len(versions) == 0 || versions[0].Rev != rec.Rev || string(versions[0].Data) != string(rec.Data) || !versions[0].ModTime.Equal(rec.ModTime) {
		s.Fatalf("Get finds %+v, and History %+v", rec, versions)
	}
}

func (s *subject) historyNone() {
	s.put(key("a"), `1`)
	if versions := s.history(key("b")); len(versions) != 0 {
		s.Fatalf("got %+v", versions)
	}
}

func (s *subject) historyCopies() {
	k := key("a")
	s.put(k, owned)
	data := s.history(k)[0].Data
	before := string(data)
	scribble(data)
	s.wantValue(k, owned)
	if got := string(s.history(k)[0].Data); got != before {
		s.Fatalf("a caller has changed the history from %q to %q", before, got)
	}
}

func (s *subject) historyTime() {
	k := key("a")
	s.makeHistory(k)
	s.put(k, `4`)
	var newer time.Time
	for i, v := range s.history(k) {
		if v.ModTime.IsZero() {
			s.Fatalf("state %d has no time", i)
		}
		if i > 0 && v.ModTime.After(newer) {
			s.Fatalf("state %d is of %s, and the one after it of %s", i, v.ModTime, newer)
		}
		newer = v.ModTime
	}
}

func (s *subject) historyRevisions() {
	k, seen := key("a"), map[string]int{}
	for range 10 {
		s.put(k, `{"same":true}`)
		seen[s.get(k).Rev] = 1 // as Get found it
	}
	for i, v := range s.history(k) {
		if seen[v.Rev] != 1 {
			s.Fatalf("state %d of %d has the revision %q: not one that Get found, or again", i, len(seen), v.Rev)
		}
		seen[v.Rev]++
	}
}

func (s *subject) historyCleared() {
	k := key("a")
	s.put(k, `1`)
	s.put(k, `null`)
	s.wantStates(k, "null 1")
	s.put(k, `2`)
	s.wantStates(k, "2 null 1")
}

func (s *subject) historyClear() {
	a, b, other := key("a"), key("b"), driver.Key{Entity: "risk/conservative", ID: "a"}
	for _, k := range []driver.Key{a, b, other} {
		s.put(k, `1`)
	}
	s.clear(a.Entity)
	s.put(b, `2`)
	s.clear(a.Entity)
	s.wantStates(a, "removed 1") // the second Clear found nothing to remove
	s.wantStates(b, "removed 2 removed 1")
	s.wantStates(other, "1")
}

func (s *subject) historyBatch() {
	k := []driver.Key{key("a"), {Entity: "risk/conservative", ID: "positions"}, {Entity: "cursor", ID: "a"}}
	s.put(k[0], `1`)
	s.put(k[1], `1`)
	s.ok(s.apply(nil, put(k[0], `2`), del(k[1]), put(k[2], `2`)), "Apply")
	s.wantStates(k[0], "2 1")
	s.wantStates(k[1], "removed 1")
	s.wantStates(k[2], "2")
	if v := s.history(k[0])[0]; v.Rev != s.get(k[0]).Rev {
		s.Fatalf("History has the revision %q, and Get %q", v.Rev, s.get(k[0]).Rev)
	}
}

func (s *subject) historyNoChange() {
	k := key("a")
	s.put(k, `1`)
	s.is(s.apply([]driver.Cond{{Key: k}}, put(k, `2`)), driver.ErrConflict, "Apply")
	s.is(s.tryPut(k, []byte(`{`)), driver.ErrInvalidJSON, "Put")
	s.wantStates(k, "1")
	s.ok(s.apply(nil, del(key("absent"))), "Apply")
	s.wantStates(key("absent"), "")
	s.ok(s.apply(nil, del(k)), "Apply")
	s.ok(s.apply(nil, del(k)), "Apply")
	s.wantStates(k, "removed 1")
}

// historySnapshot also shows that the consumer may change what it reads about.
func (s *subject) historySnapshot() {
	k := key("a")
	s.put(k, `1`)
	s.put(k, `2`)
	s.soon("History, while its consumer writes", func(ctx context.Context) error {
		var got []string
		for v, err := range s.store.(driver.Historian).History(ctx, k) {
			if err == nil {
				err = s.store.Put(ctx, k, []byte(`3`))
			}
			if err != nil {
				return err
			}
			got = append(got, string(v.Data))
		}
		if strings.Join(got, " ") != "2 1" {
			return fmt.Errorf("got the states %q, want those of before: 2 1", got)
		}
		return nil
	})
}

func (s *subject) historyBreak() {
	k := key("a")
	for _, data := range []string{`1`, `2`, `3`} {
		s.put(k, data)
	}
	for stop := 1; stop <= 3; stop++ {
		n := 0
		s.store.(driver.Historian).History(s.ctx, k)(func(driver.Version, error) bool {
			n++
			return n < stop
		})
		if n != stop {
			s.Fatalf("%d states, and the consumer stopped after %d", n, stop)
		}
	}
	s.soon("Put after a history was left early", func(ctx context.Context) error { return s.store.Put(ctx, k, []byte(`4`)) })
}

func (s *subject) historyRestart() {
	k, gone := key("a"), key("gone")
	s.makeHistory(k)
	s.put(gone, `1`)
	s.delete(gone)
	before := append(s.history(k), s.history(gone)...)
	s.reopen()
	after := append(s.history(k), s.history(gone)...)
	same := func(a, b driver.Version) bool {
		return a.Key == b.Key && a.Rev == b.Rev && a.Deleted == b.Deleted &&
			string(a.Data) == string(b.Data) && a.ModTime.Equal(b.ModTime)
	}
	if !slices.EqualFunc(before, after, same) {
		s.Fatalf("before the restart:\n%+v\nafter it:\n%+v", before, after)
	}
	s.put(k, `4`)
	s.put(gone, `2`)
	s.wantStates(k, "4 3 removed 2 1")
	s.wantStates(gone, "2 removed 1")
}

func (s *subject) historyPortable() {
	k := key("a")
	s.makeHistory(k)
	c, err := holdfast.NewCollection[int](s.portable(), k.Entity, nil)
	s.ok(err, "NewCollection")
	var got []int
	for v, err := range c.History(s.ctx, k.ID) {
		s.ok(err, "History")
		if v.Deleted {
			v.Value = -1
		}
		got = append(got, v.Value)
	}
	if len(got) != 4 || got[0] != 3 || got[1] != -1 || got[2] != 2 || got[3] != 1 {
		s.Fatalf("got %v", got)
	}
}

// spacedHistory puts 1 and 2 under k, removes it and puts 3, and returns the
// times of that: the backend's, whose clock need not be ours.
func (s *subject) spacedHistory(k driver.Key) []time.Time {
	s.Helper()
	var times []time.Time
	for i, data := range []string{`1`, `2`, "", `3`} {
		time.Sleep(3 * time.Millisecond) // clocks may count in milliseconds
		if data == "" {
			s.delete(k)
			times = append(times, s.history(k)[0].ModTime)
		} else {
			s.put(k, data)
			times = append(times, s.get(k).ModTime)
		}
		if i > 0 && !times[i].After(times[i-1]) {
			s.Skip("the backend's clock does not tell changes apart that are 3 ms from each other")
		}
	}
	return times
}

func (s *subject) historyAt() {
	k := key("a")
	c := s.ints(s.portable())
	times := s.spacedHistory(k)
	_, err := c.At(s.ctx, k.ID, times[0].Add(-time.Nanosecond))
	s.is(err, driver.ErrNotKept, "At, of before the first state")
	ends := append(times[1:], times[3].Add(time.Hour))
	for i, want := range []int{1, 2, 0, 3} {
		for _, t := range []time.Time{times[i], ends[i].Add(-time.Nanosecond)} {
			e, err := c.At(s.ctx, k.ID, t)
			if want == 0 {
				s.is(err, driver.ErrNotFound, "At, of a removed value")
			} else {
				s.ok(err, "At, of the value %d", want)
			}
			if e.Value != want || !e.ModTime.Equal(times[i]) {
				s.Fatalf("At has %+v, want %d of %s", e, want, times[i])
			}
		}
	}
}

func (s *subject) historyUndo() {
	k := key("a")
	c := s.ints(s.portable())
	undo := func(want string) {
		s.Helper()
		_, err := c.Undo(s.ctx, k.ID)
		s.ok(err, "Undo")
		if want == "" {
			s.wantAbsent(k)
		} else {
			s.wantValue(k, want)
		}
	}
	_, err := c.Undo(s.ctx, k.ID)
	s.is(err, driver.ErrNotFound, "Undo of nothing")
	s.put(k, `1`)
	s.put(k, `2`)
	undo(`1`)
	undo(`2`) // redo
	s.delete(k)
	undo(`2`)
	undo("") // redo of the removal
	undo(`2`)
	s.wantStates(k, "2 removed 2 removed 2 1 2 1")
}
