package storetest

import (
	"strings"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
)

func historyCases() []testCase {
	return []testCase{
		{"history has every state, the newest first", historian | deleter, (*subject).historyStates},
		{"the newest state is what Get finds", historian, (*subject).historyNewest},
		{"a value that never was has no history", historian, (*subject).historyNone},
		{"history hands out copies", historian, (*subject).historyCopies},
		{"the portable type has history", historian | deleter, (*subject).historyPortable},
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

func (s *subject) historyStates() {
	k := key("a")
	s.makeHistory(k)
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
	if want := "3 removed 2 1"; strings.Join(got, " ") != want {
		s.Fatalf("History has %q, want %q", strings.Join(got, " "), want)
	}
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
