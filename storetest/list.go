package storetest

import (
	"context"
	"fmt"
	"slices"

	"github.com/holdfast-go/holdfast/driver"
)

func listCases() []testCase {
	return []testCase{
		{"IDs are in byte order", lister, (*subject).listIDs},
		{"IDs of an empty entity are none", lister, (*subject).listEmpty},
		{"Entities are in byte order", lister, (*subject).listEntities},
		{"Entities are those that hold a value", lister, (*subject).listHolding},
		{"an entity disappears with its last value", lister | deleter, (*subject).listLast},
		{"a sequence may be left early and run again", lister, (*subject).listBreak},
		{"the consumer may write and delete", lister | deleter, (*subject).listWhileWriting},
		{"what stays throughout is yielded exactly once", lister | deleter, (*subject).listUnderLoad},
	}
}

func (s *subject) listIDs() {
	// Byte order is neither that of file names, nor of people.
	ids := []string{"10", "2", "A", "B", "a", "a b", "a!b", "a%b", "a-b", "a.b", "a/b", "a1", "a10", "a2", "aB", "ab", "b", "é", "€", "🚀"}
	s.shuffled(ids, func(id string) bool { return s.putOdd(key(id), `1`) })
	kept := slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		return s.mayRefuse(key(id)) && !s.there(key(id))
	})
	s.wantIDs("signal/strategy-a", kept...)
	if s.Reopen != nil {
		s.reopen()
		s.wantIDs("signal/strategy-a", kept...)
	}
}

func (s *subject) shuffled(names []string, put func(string) bool) {
	r := s.rand()
	for _, i := range r.Perm(len(names)) {
		put(names[i])
	}
}

// there tells whether Has answers true, whatever else it may answer.
func (s *subject) there(k driver.Key) bool {
	if s.init(k.Entity) != nil {
		return false
	}
	has, err := s.store.Has(s.ctx, k)
	return err == nil && has
}

func (s *subject) listEmpty() {
	s.wantIDs("signal/strategy-a")
	s.wantEntities()
	s.put(driver.Key{Entity: "signal/strategy-a/b", ID: "x"}, `1`)
	s.put(driver.Key{Entity: "signal", ID: "x"}, `1`)
	s.wantIDs("signal/strategy-a")
}

func (s *subject) listEntities() {
	entities := []string{"a", "a b", "a-b", "a/b", "a/b/c", "a/b-c", "a0", "b", "signal/strategy-10", "signal/strategy-2"}
	slices.Sort(entities)
	s.shuffled(entities, func(e string) bool { return s.putOdd(driver.Key{Entity: e, ID: "x"}, `1`) })
	kept := slices.DeleteFunc(slices.Clone(entities), func(e string) bool {
		k := driver.Key{Entity: e, ID: "x"}
		return s.mayRefuse(k) && !s.there(k)
	})
	s.wantEntities(kept...)
	if s.Reopen != nil {
		s.reopen()
		s.wantEntities(kept...)
	}
}

func (s *subject) listHolding() {
	for _, e := range []string{"signal/empty", "risk", "signal"} {
		s.ok(s.store.Init(s.ctx, e), "Init")
	}
	s.wantEntities()
	s.put(key("a"), `1`)
	s.put(key("b"), `1`)
	s.wantEntities("signal/strategy-a")
	s.wantAbsent(driver.Key{Entity: "signal/other", ID: "a"})
	s.wantEntities("signal/strategy-a")
}

func (s *subject) listLast() {
	s.put(key("a"), `1`)
	s.put(key("b"), `1`)
	s.delete(key("a"))
	s.wantEntities("signal/strategy-a")
	s.delete(key("b"))
	s.wantEntities()
	s.put(key("a"), `1`)
	s.wantEntities("signal/strategy-a")
	s.clear("signal/strategy-a")
	s.wantEntities()
	if s.Reopen != nil {
		s.reopen()
		s.wantEntities()
	}
}

func (s *subject) listBreak() {
	for i := range 10 {
		s.put(key(fmt.Sprint(i)), `1`)
		s.put(driver.Key{Entity: fmt.Sprint("e", i), ID: "x"}, `1`)
	}
	ids := s.lister().IDs(s.ctx, "signal/strategy-a")
	entities := s.lister().Entities(s.ctx)
	for range 2 {
		for id, err := range ids {
			s.ok(err, "IDs")
			if id == "3" {
				break
			}
		}
		for _, err := range entities {
			s.ok(err, "Entities")
			break
		}
	}
	s.put(key("3"), `2`) // nothing is still held
	if got := s.collect(ids, "IDs"); len(got) != 10 {
		s.Fatalf("IDs run again: got %q, want all 10", got)
	}
}

// listWhileWriting stands for backends that hold a lock or a cursor while the
// consumer has the word.
func (s *subject) listWhileWriting() {
	const n = 20
	for i := range n {
		s.put(key(fmt.Sprintf("stays-%02d", i)), `1`)
		s.put(key(fmt.Sprintf("goes-%02d", i)), `1`)
	}
	seen := map[string]int{}
	s.soon("IDs, while its consumer writes and deletes", func(ctx context.Context) error {
		i := 0
		for id, err := range s.lister().IDs(ctx, "signal/strategy-a") {
			if err != nil {
				return err
			}
			seen[id]++
			if i < n {
				if err := s.churn(ctx, i); err != nil {
					return err
				}
			}
			i++
		}
		return nil
	})
	s.wantOnce(seen, "stays-", n)
}

func (s *subject) churn(ctx context.Context, i int) error {
	if err := s.store.Put(ctx, key(fmt.Sprintf("new-%02d", i)), []byte(`1`)); err != nil {
		return err
	}
	if err := s.store.Put(ctx, key(fmt.Sprintf("stays-%02d", i)), []byte(`2`)); err != nil {
		return err
	}
	return s.deleter().Delete(ctx, key(fmt.Sprintf("goes-%02d", i)))
}

// wantOnce checks that each of the n ids that stayed was seen once, and no
// other one more than once.
func (s *subject) wantOnce(seen map[string]int, prefix string, n int) {
	s.Helper()
	for i := range n {
		if id := fmt.Sprintf("%s%02d", prefix, i); seen[id] != 1 {
			s.Fatalf("%s was there throughout and was yielded %d times", id, seen[id])
		}
	}
	for id, times := range seen {
		if times > 1 {
			s.Fatalf("%s was yielded %d times", id, times)
		}
	}
}

func (s *subject) listUnderLoad() {
	const n = 20
	for i := range n {
		s.put(key(fmt.Sprintf("stays-%02d", i)), `1`)
	}
	ctx, stop := context.WithCancel(s.ctx)
	done := make(chan error, 1)
	go func() { done <- s.comeAndGo(ctx) }()
	for range 10 {
		seen := map[string]int{}
		for _, id := range s.ids("signal/strategy-a") {
			seen[id]++
		}
		s.wantOnce(seen, "stays-", n)
	}
	stop()
	s.ok(<-done, "writing meanwhile")
}

// comeAndGo creates and removes values until ctx is done.
func (s *subject) comeAndGo(ctx context.Context) error {
	for i := 0; ctx.Err() == nil; i++ {
		k := key(fmt.Sprintf("comes-and-goes-%d", i%5))
		if err := s.store.Put(s.ctx, k, []byte(`1`)); err != nil {
			return err
		}
		if err := s.deleter().Delete(s.ctx, k); err != nil {
			return err
		}
	}
	return nil
}
