package storetest

import (
	"fmt"

	"github.com/holdfast-go/holdfast/driver"
)

func revisionCases() []testCase {
	return []testCase{
		{"a revision is never empty", 0, (*subject).revNotEmpty},
		{"each Put makes a new revision, of equal data too", 0, (*subject).revEveryPut},
		{"a value that comes back has a new revision", 0, (*subject).revABA},
		{"a value deleted and made again has a new revision", deleter, (*subject).revRecreated},
		{"Apply makes new revisions", applier, (*subject).revApply},
		{"a revision stays while nothing changes", 0, (*subject).revStays},
		{"a refused change keeps the revision", applier, (*subject).revRefused},
		{"a revision outlives a restart", reopener, (*subject).revRestart},
		{"no revision comes again after a restart", reopener | deleter, (*subject).revNeverAgain},
	}
}

func (s *subject) revNotEmpty() {
	for _, data := range []string{`{"a":1}`, `null`, `0`, `""`} {
		s.put(key("a"), data)
		if s.get(key("a")).Rev == "" {
			s.Fatalf("the revision of %s is empty", data)
		}
	}
}

// revisions is all that a key ever had.
type revisions map[string]string

func (s *subject) newRev(seen revisions, k driver.Key, when string) {
	s.Helper()
	rev := s.get(k).Rev
	if before, again := seen[rev]; again {
		s.Fatalf("revision %q: after %s it is the same as after %s", rev, when, before)
	}
	seen[rev] = when
}

func (s *subject) revEveryPut() {
	seen := revisions{}
	for i := range 20 {
		s.put(key("a"), `{"same":true}`)
		s.newRev(seen, key("a"), fmt.Sprint("Put ", i+1))
	}
}

func (s *subject) revABA() {
	seen := revisions{}
	for i, data := range []string{`"A"`, `"B"`, `"A"`, `null`, `"A"`, `null`} {
		s.put(key("a"), data)
		s.newRev(seen, key("a"), fmt.Sprint("Put ", i+1, " of ", data))
	}
}

func (s *subject) revRecreated() {
	seen := revisions{}
	for i := range 5 {
		s.put(key("a"), `"A"`)
		s.newRev(seen, key("a"), fmt.Sprint("creation ", i+1))
		s.delete(key("a"))
	}
	s.put(key("a"), `"A"`)
	s.newRev(seen, key("a"), "the last creation")
	s.clear(key("a").Entity)
	s.put(key("a"), `"A"`)
	s.newRev(seen, key("a"), "creation after Clear")
}

func (s *subject) revApply() {
	seen, k := revisions{}, key("a")
	s.put(k, `"A"`)
	s.newRev(seen, k, "Put")
	for i := range 5 {
		conds := []driver.Cond{{Key: k, Rev: s.get(k).Rev}}
		s.ok(s.apply(conds, driver.Op{Key: k, Data: []byte(`"A"`)}), "Apply")
		s.newRev(seen, k, fmt.Sprint("Apply ", i+1))
	}
}

func (s *subject) revStays() {
	k := key("a")
	s.put(k, `1`)
	rev := s.get(k).Rev
	s.put(key("b"), `1`)
	s.put(key("b"), `2`)
	s.put(driver.Key{Entity: "risk/conservative", ID: "a"}, `1`)
	s.ok(s.store.Init(s.ctx, k.Entity), "Init")
	s.wantValue(k, `1`)
	s.is(s.store.Put(s.ctx, k, []byte(`{`)), driver.ErrInvalidJSON, "Put")
	if is[driver.Lister](s.store) {
		s.ids(k.Entity)
	}
	if now := s.get(k).Rev; now != rev {
		s.Fatalf("the revision went from %q to %q though nothing changed", rev, now)
	}
}

func (s *subject) revRefused() {
	k := key("a")
	s.put(k, `1`)
	s.unchanged("Apply under a false condition", func() {
		err := s.apply([]driver.Cond{{Key: k, Rev: ""}}, driver.Op{Key: k, Data: []byte(`2`)})
		s.is(err, driver.ErrConflict, "Apply")
	}, k)
}

func (s *subject) revRestart() {
	revs := map[driver.Key]string{}
	for i := range 10 {
		k := key(fmt.Sprint("k", i))
		s.put(k, `1`)
		s.put(k, fmt.Sprint(i))
		revs[k] = s.get(k).Rev
	}
	for range 2 {
		s.reopen()
		for k, rev := range revs {
			if now := s.get(k).Rev; now != rev {
				s.Fatalf("the revision of %s went from %q to %q over a restart", k, rev, now)
			}
		}
	}
	if batchScope(s.store) != driver.BatchNone {
		k := key("k3")
		s.ok(s.apply([]driver.Cond{{Key: k, Rev: revs[k]}}, driver.Op{Key: k, Data: []byte(`"new"`)}), "Apply under the old revision")
	}
}

// revNeverAgain stands for counters that begin again: with the process, or
// with the value.
func (s *subject) revNeverAgain() {
	seen := revisions{}
	for i := range 3 {
		s.put(key("a"), `"A"`)
		s.newRev(seen, key("a"), fmt.Sprint("a Put after restart ", i))
		s.put(key("a"), `"A"`)
		s.newRev(seen, key("a"), fmt.Sprint("a second Put after restart ", i))
		s.delete(key("a"))
		s.reopen()
	}
	s.put(key("a"), `"A"`)
	s.newRev(seen, key("a"), "the last Put")
}
