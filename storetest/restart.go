package storetest

import (
	"fmt"
	"sync"

	"github.com/holdfast-go/holdfast/driver"
)

func restartCases() []testCase {
	return []testCase{
		{"everything is there again", reopener, (*subject).restartKeeps},
		{"the last change counts", reopener, (*subject).restartLast},
		{"what was deleted stays away", reopener | deleter, (*subject).restartDeleted},
		{"what was cleared away stays away", reopener | deleter, (*subject).restartCleared},
		{"a restart without a change changes nothing", reopener, (*subject).restartTwice},
		{"what was acknowledged while closing is there", reopener | closer, (*subject).restartRace},
	}
}

func (s *subject) restartKeeps() {
	var keys []driver.Key
	for i := range 50 {
		k := driver.Key{Entity: fmt.Sprint("e", i%5), ID: fmt.Sprint("k", i)}
		s.put(k, content(k))
		keys = append(keys, k)
	}
	before := s.state(keys...)
	s.reopen()
	s.nameAllThere(keys)
	if after := s.state(keys...); after != before {
		s.Fatalf("before the restart:\n%safter it:\n%s", before, after)
	}
}

func (s *subject) restartLast() {
	for round := range 3 {
		for i := range 10 {
			s.put(key("a"), fmt.Sprint(round*10+i))
		}
		s.reopen()
		s.wantValue(key("a"), fmt.Sprint(round*10+9))
	}
}

func (s *subject) restartDeleted() {
	s.put(key("a"), `1`)
	s.put(key("b"), `1`)
	s.reopen()
	s.delete(key("a"))
	s.put(key("c"), `1`)
	s.delete(key("c"))
	s.reopen()
	s.wantAbsent(key("a"))
	s.wantAbsent(key("c"))
	s.wantValue(key("b"), `1`)
	if is[driver.Lister](s.store) {
		s.wantIDs(key("b").Entity, "b")
	}
}

func (s *subject) restartCleared() {
	other := driver.Key{Entity: "risk/conservative", ID: "a"}
	s.put(key("a"), `1`)
	s.put(other, `1`)
	s.clear(key("a").Entity)
	s.put(key("b"), `1`)
	s.reopen()
	s.wantAbsent(key("a"))
	s.wantValue(key("b"), `1`)
	s.wantValue(other, `1`)
}

func (s *subject) restartTwice() {
	keys := []driver.Key{key("a"), key("b"), key("absent")}
	s.put(keys[0], `1`)
	s.put(keys[1], `null`)
	before := s.state(keys...)
	for range 3 {
		s.reopen()
		if after := s.state(keys...); after != before {
			s.Fatalf("before the restart:\n%safter it:\n%s", before, after)
		}
	}
}

// restartRace writes on while the store is closed and opened again: a Put that
// returned nil is there afterwards, whichever side of Close it fell on.
func (s *subject) restartRace() {
	s.put(key("k0"), `0`)
	old := s.store
	reopened := make(chan struct{})
	var writers sync.WaitGroup
	acknowledged := make([]int, 4)
	for w := range acknowledged {
		writers.Go(func() { acknowledged[w] = s.putUntil(reopened, old, key(fmt.Sprint("k", w))) })
	}
	s.reopen()
	close(reopened)
	writers.Wait()
	for w, n := range acknowledged {
		if n > 0 {
			s.wantAcknowledged(key(fmt.Sprint("k", w)), n)
		}
	}
}

// putUntil puts rising numbers until that fails, or done was closed a few
// numbers ago, and returns the last that was acknowledged.
func (s *subject) putUntil(done <-chan struct{}, d driver.Store, k driver.Key) int {
	last := 0
	for n, late := 1, 0; late < 3; n++ {
		select {
		case <-done:
			late++
		default:
		}
		if d.Put(s.ctx, k, []byte(fmt.Sprint(n))) != nil {
			break
		}
		last = n
	}
	return last
}

// wantAcknowledged accepts n, and n+1: a Put that failed may have happened.
func (s *subject) wantAcknowledged(k driver.Key, n int) {
	s.Helper()
	got := string(s.get(k).Data)
	if got != fmt.Sprint(n) && got != fmt.Sprint(n+1) {
		s.Fatalf("%s was acknowledged as %d and is %s", k, n, got)
	}
}
