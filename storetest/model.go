package storetest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/holdfast-go/holdfast/driver"
)

func modelCases() []testCase {
	return []testCase{{"a random run agrees with a map", 0, (*subject).modelRun}}
}

// model is what a store must hold.
type model map[driver.Key]string

// modelRun makes random changes to a store and to a map, and compares. A run
// that failed is replayed by Options.Seed.
func (s *subject) modelRun() {
	const steps = 150
	r, m := s.rand(), model{}
	for i := range steps {
		step := s.modelStep(r, m, i)
		if !s.agrees(m) {
			s.Fatalf("step %d, %s: the store and the map differ (Options.Seed: %d)", i, step, s.Seed)
		}
	}
}

func anyKey(r *rand.Rand) driver.Key {
	entities := []string{"signal/strategy-a", "signal/strategy-b", "risk/conservative"}
	return driver.Key{Entity: entities[r.IntN(len(entities))], ID: fmt.Sprint("k", r.IntN(4))}
}

// modelStep makes one change of a kind that the backend knows.
func (s *subject) modelStep(r *rand.Rand, m model, i int) string {
	s.Helper()
	k, data := anyKey(r), fmt.Sprintf(`{"step":%d}`, i)
	if r.IntN(5) == 0 {
		data = "null"
	}
	switch kind := r.IntN(10); {
	case kind == 0 && s.Reopen != nil:
		s.reopen()
		return "restart"
	case kind == 1 && is[driver.Deleter](s.store):
		s.clear(k.Entity)
		maps.DeleteFunc(m, func(in driver.Key, _ string) bool { return in.Entity == k.Entity })
		return "Clear " + k.Entity
	case kind <= 4 && is[driver.Deleter](s.store):
		s.modelDelete(m, k)
		return "Delete " + k.String()
	case kind <= 6 && batchScope(s.store) == driver.BatchAny:
		s.modelApply(r, m, data)
		return "Apply"
	}
	s.put(k, data)
	m[k] = data
	return "Put " + k.String()
}

func (s *subject) modelDelete(m model, k driver.Key) {
	s.Helper()
	if _, ok := m[k]; ok {
		s.delete(k)
	} else {
		s.ok(s.init(k.Entity), "Init")
		s.is(s.deleter().Delete(s.ctx, k), driver.ErrNotFound, "Delete %s", k)
	}
	delete(m, k)
}

func (s *subject) modelApply(r *rand.Rand, m model, data string) {
	s.Helper()
	var ops []driver.Op
	for range 1 + r.IntN(4) {
		k := anyKey(r)
		if r.IntN(3) == 0 {
			ops = append(ops, del(k))
			delete(m, k)
		} else {
			ops = append(ops, put(k, data))
			m[k] = data
		}
	}
	s.ok(s.apply(nil, ops...), "Apply")
}

// agrees compares every key that may be there, and the listings.
func (s *subject) agrees(m model) bool {
	s.Helper()
	for _, e := range []string{"risk/conservative", "signal/strategy-a", "signal/strategy-b"} {
		for i := range 4 {
			k := driver.Key{Entity: e, ID: fmt.Sprint("k", i)}
			if data, ok := m[k]; ok {
				s.wantValue(k, data)
			} else {
				s.wantAbsent(k)
			}
		}
	}
	s.nameListing(slices.Collect(maps.Keys(m)))
	return !s.Failed()
}
