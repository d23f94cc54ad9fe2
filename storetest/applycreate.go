package storetest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/holdfast-go/holdfast/driver"
)

// creations is a batch of n values under the condition that there is none of
// them: what backends have a shorter way for.
func creations(n int, data string) (conds []driver.Cond, ops []driver.Op) {
	for i := range n {
		k := driver.Key{Entity: fmt.Sprint("e", i%3), ID: fmt.Sprintf("k%04d", i)}
		conds = append(conds, driver.Cond{Key: k})
		ops = append(ops, put(k, fmt.Sprintf(data, i)))
	}
	return conds, ops
}

func (s *subject) applyCreations() {
	conds, ops := creations(1300, `{"n":%d}`)
	there := ops[700]
	s.put(there.Key, `"there"`)
	first, last := ops[0].Key, ops[1299].Key
	for _, n := range []int{701, 1300} {
		s.unchanged("a batch of creations of which one is there", func() {
			s.is(s.apply(conds[:n], ops[:n]...), driver.ErrConflict, "Apply of %d", n)
		}, first, there.Key, last)
	}
	s.put(there.Key, `null`) // cleared is there, too
	s.is(s.apply(conds, ops...), driver.ErrConflict, "Apply over what is cleared")
	s.wantAbsent(first)
	bad := slices.Clone(ops[:20])
	bad[10].Data = []byte(`{"cut":`)
	s.is(s.apply(conds[:20], bad...), driver.ErrInvalidJSON, "Apply with a bad op")
	s.wantAbsent(first)
	// A condition of absence on what is not made counts, too.
	s.is(s.apply(append(slices.Clone(conds[:20]), conds[700]), ops[:20]...), driver.ErrConflict, "Apply under one condition more")
	s.wantAbsent(first)

	conds, ops = slices.Delete(conds, 700, 701), slices.Delete(ops, 700, 701)
	s.ok(s.apply(conds, ops...), "Apply of creations")
	for i := 0; i < len(ops); i += 61 {
		s.wantValue(ops[i].Key, string(ops[i].Data))
	}
	s.wantValue(last, string(ops[1298].Data))
	s.wantValue(there.Key, `null`)
	before := s.get(first)
	s.is(s.apply(conds, ops...), driver.ErrConflict, "Apply once more")
	if after := s.get(first); after.Rev != before.Rev || before.Rev == "" {
		s.Fatalf("a refused batch made %+v of %+v", after, before)
	}
}

func (s *subject) applyCreationsDamaged() {
	conds, ops := creations(20, `{"n":%d}`)
	s.put(ops[10].Key, `1`)
	s.damage(ops[10].Key)
	s.is(s.apply(conds, ops...), driver.ErrDamaged, "Apply")
	s.wantDamaged(ops[10].Key)
	s.wantAbsent(ops[0].Key)
	s.wantAbsent(ops[19].Key)
}

func (s *subject) raceCreations() {
	conds, ops := creations(30, `%d`)
	for _, op := range ops {
		s.ok(s.init(op.Key.Entity), "Init")
	}
	won := make([]bool, racers)
	s.all(racers, func(i int) error {
		mine := slices.Clone(ops)
		for n := range mine {
			mine[n].Data = []byte(fmt.Sprint(i))
		}
		// Each comes with another order, and each lacks one of the values.
		from := i % len(mine)
		mine = append(mine[from+1:], mine[:from]...)
		theirs := append(slices.Clone(conds[from+1:]), conds[:from]...)
		err := s.applier().Apply(s.ctx, theirs, mine)
		won[i] = err == nil
		if err != nil && !errors.Is(err, driver.ErrConflict) {
			return err
		}
		return nil
	})
	winner := slices.Index(won, true)
	if winner < 0 || slices.Contains(won[winner+1:], true) {
		s.Fatalf("of %d that make the same values, these succeeded: %v", racers, won)
	}
	for i, op := range ops {
		if i == winner%len(ops) {
			s.wantAbsent(op.Key)
			continue
		}
		s.wantValue(op.Key, fmt.Sprint(winner))
	}
}
