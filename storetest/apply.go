package storetest

import (
	"errors"
	"fmt"

	"github.com/holdfast-go/holdfast/driver"
)

func applyCases() []testCase {
	return []testCase{
		{"Apply puts and deletes", applier, (*subject).applyPlain},
		{"the condition of a revision holds or is ErrConflict", applier, (*subject).applyRevision},
		{"the empty revision means absent", applier, (*subject).applyAbsent},
		{"a cleared value is not absent", applier, (*subject).applyCleared},
		{"conditions alone are checked", applier, (*subject).applyConditionsAlone},
		{"deleting what is absent is no error", applier, (*subject).applyDeleteAbsent},
		{"the last op on a key counts", applier, (*subject).applyLastCounts},
		{"Apply changes several entities", anyBatch, (*subject).applyEntities},
		{"one bad op and nothing changes", anyBatch, (*subject).applyBadOp},
		{"one false condition and nothing changes", anyBatch, (*subject).applyBadCondition},
		{"a condition may be on a key that does not change", anyBatch, (*subject).applyElsewhere},
		{"a batch of creations happens whole or not at all", anyBatch, (*subject).applyCreations},
		{"a batch of creations over a damaged value is ErrDamaged", anyBatch | damager, (*subject).applyCreationsDamaged},
		{"a large batch happens whole", anyBatch, (*subject).applyLarge},
		{"a batch outlives a restart whole", anyBatch | reopener, (*subject).applyRestart},
		{"what is wider than Properties.Batch is ErrUnsupported", 0, (*subject).applyTooWide},
	}
}

func put(k driver.Key, data string) driver.Op { return driver.Op{Key: k, Data: []byte(data)} }
func del(k driver.Key) driver.Op              { return driver.Op{Key: k, Delete: true} }

func (s *subject) applyPlain() {
	k := key("a")
	s.ok(s.apply(nil, put(k, `1`)), "Apply of a creation")
	s.wantValue(k, `1`)
	s.ok(s.apply(nil, put(k, `2`)), "Apply of an overwriting")
	s.wantValue(k, `2`)
	s.ok(s.apply(nil, del(k)), "Apply of a deletion")
	s.wantAbsent(k)
	s.ok(s.apply(nil), "Apply of nothing")
	if is[driver.Lister](s.store) {
		s.wantEntities()
	}
}

func (s *subject) applyRevision() {
	k := key("a")
	s.put(k, `1`)
	old := s.get(k).Rev
	s.ok(s.apply([]driver.Cond{{Key: k, Rev: old}}, put(k, `2`)), "Apply under the present revision")
	s.wantValue(k, `2`)
	for _, rev := range []string{old, "", "never was", s.get(k).Rev + "0"} {
		for _, op := range []driver.Op{put(k, `3`), del(k)} {
			s.unchanged("Apply under a false condition", func() {
				s.is(s.apply([]driver.Cond{{Key: k, Rev: rev}}, op), driver.ErrConflict, "Apply under %q", rev)
			}, k)
		}
	}
	s.ok(s.apply([]driver.Cond{{Key: k, Rev: s.get(k).Rev}}, del(k)), "Apply of a deletion under the present revision")
	s.wantAbsent(k)
	s.is(s.apply([]driver.Cond{{Key: k, Rev: old}}, put(k, `4`)), driver.ErrConflict, "Apply under the revision of what is gone")
	s.wantAbsent(k)
}

func (s *subject) applyAbsent() {
	k := key("a")
	create := []driver.Cond{{Key: k, Rev: ""}}
	s.ok(s.apply(create, put(k, `1`)), "Apply of the first creation")
	s.is(s.apply(create, put(k, `2`)), driver.ErrConflict, "Apply of the second creation")
	s.wantValue(k, `1`)
	s.ok(s.apply(nil, del(k)), "Apply of a deletion")
	s.ok(s.apply(create, put(k, `3`)), "Apply of a creation after deletion")
	s.wantValue(k, `3`)
}

func (s *subject) applyCleared() {
	k := key("a")
	s.ok(s.apply(nil, put(k, `null`)), "Apply of null")
	s.wantValue(k, `null`)
	s.is(s.apply([]driver.Cond{{Key: k, Rev: ""}}, put(k, `1`)), driver.ErrConflict, "Apply of a creation over null")
	s.ok(s.apply([]driver.Cond{{Key: k, Rev: s.get(k).Rev}}, put(k, `2`)), "Apply under the revision of null")
	s.wantValue(k, `2`)
}

func (s *subject) applyConditionsAlone() {
	k := key("a")
	s.put(k, `1`)
	s.unchanged("Apply without ops", func() {
		s.ok(s.apply([]driver.Cond{{Key: k, Rev: s.get(k).Rev}}), "Apply of a true condition alone")
		s.is(s.apply([]driver.Cond{{Key: k, Rev: "x"}}), driver.ErrConflict, "Apply of a false condition alone")
	}, k)
}

func (s *subject) applyDeleteAbsent() {
	k := key("a")
	s.ok(s.apply(nil, del(k)), "Apply of the deletion of what never was")
	s.ok(s.apply([]driver.Cond{{Key: k, Rev: ""}}, del(k)), "the same under the condition that it is absent")
	s.wantAbsent(k)
}

func (s *subject) applyLastCounts() {
	k := key("a")
	s.ok(s.apply(nil, put(k, `1`), put(k, `2`)), "Apply of two puts")
	s.wantValue(k, `2`)
	s.ok(s.apply(nil, put(k, `3`), del(k)), "Apply of a put and a deletion")
	s.wantAbsent(k)
	s.ok(s.apply(nil, del(k), put(k, `4`)), "Apply of a deletion and a put")
	s.wantValue(k, `4`)
}

// batchKeys are of three entities; the first two have a value.
func (s *subject) batchKeys() []driver.Key {
	keys := []driver.Key{key("a"), {Entity: "risk/conservative", ID: "positions"}, {Entity: "cursor", ID: "a"}}
	s.put(keys[0], `"old 0"`)
	s.put(keys[1], `"old 1"`)
	return keys
}

func (s *subject) applyEntities() {
	keys := s.batchKeys()
	s.ok(s.apply(nil, put(keys[0], `"new 0"`), del(keys[1]), put(keys[2], `"new 2"`)), "Apply")
	s.wantValue(keys[0], `"new 0"`)
	s.wantAbsent(keys[1])
	s.wantValue(keys[2], `"new 2"`)
}

func (s *subject) applyBadOp() {
	keys := s.batchKeys()
	good := []driver.Op{put(keys[0], `"new 0"`), put(keys[2], `"new 2"`), del(keys[1])}
	for _, bad := range []struct {
		op   driver.Op
		want error
	}{
		{put(key("b"), `{"cut":`), driver.ErrInvalidJSON},
		{put(keys[1], ``), driver.ErrInvalidJSON},
		{put(key(""), `1`), driver.ErrInvalidName},
		{put(key("a\x00"), `1`), driver.ErrInvalidName},
		{del(key("\xff")), driver.ErrInvalidName},
	} {
		for at := range len(good) + 1 {
			ops := append(append(append([]driver.Op{}, good[:at]...), bad.op), good[at:]...)
			s.unchanged("a refused Apply", func() {
				s.is(s.apply(nil, ops...), bad.want, "Apply with the bad op %q at %d", bad.op.Key, at)
			}, keys...)
		}
	}
}

func (s *subject) applyBadCondition() {
	keys := s.batchKeys()
	good := []driver.Cond{{Key: keys[0], Rev: s.get(keys[0]).Rev}, {Key: keys[2], Rev: ""}}
	ops := []driver.Op{put(keys[0], `"new 0"`), del(keys[1]), put(keys[2], `"new 2"`)}
	for _, bad := range []driver.Cond{{Key: keys[1], Rev: ""}, {Key: keys[1], Rev: "x"}, {Key: keys[2], Rev: "x"}, {Key: keys[0], Rev: ""}} {
		for at := range len(good) + 1 {
			conds := append(append(append([]driver.Cond{}, good[:at]...), bad), good[at:]...)
			s.unchanged("a refused Apply", func() {
				s.is(s.apply(conds, ops...), driver.ErrConflict, "Apply with the false condition %+v at %d", bad, at)
			}, keys...)
		}
	}
	s.ok(s.apply(good, ops...), "Apply under true conditions")
	s.wantValue(keys[2], `"new 2"`)
}

func (s *subject) applyElsewhere() {
	keys := s.batchKeys()
	lease := driver.Cond{Key: keys[1], Rev: s.get(keys[1]).Rev}
	s.ok(s.apply([]driver.Cond{lease}, put(keys[0], `"new 0"`)), "Apply under a condition on another key")
	s.put(keys[1], `"taken over"`)
	s.is(s.apply([]driver.Cond{lease}, put(keys[0], `"too late"`)), driver.ErrConflict, "Apply after it no longer holds")
	s.wantValue(keys[0], `"new 0"`)
}

func (s *subject) applyLarge() {
	var ops []driver.Op
	for i := range 200 {
		ops = append(ops, put(driver.Key{Entity: fmt.Sprint("e", i%7), ID: fmt.Sprint("k", i)}, fmt.Sprintf(`{"n":%d}`, i)))
	}
	s.ok(s.apply(nil, ops...), "Apply of 200 ops")
	for _, op := range ops {
		s.wantValue(op.Key, string(op.Data))
	}
}

func (s *subject) applyRestart() {
	keys := s.batchKeys()
	s.ok(s.apply(nil, put(keys[0], `"new 0"`), del(keys[1]), put(keys[2], `"new 2"`)), "Apply")
	before := s.state(keys...)
	s.reopen()
	s.wantValue(keys[0], `"new 0"`)
	s.wantAbsent(keys[1])
	s.wantValue(keys[2], `"new 2"`)
	if after := s.state(keys...); after != before {
		s.Fatalf("before the restart:\n%safter it:\n%s", before, after)
	}
}

func (s *subject) applyTooWide() {
	a, ok := driver.As[driver.Applier](s.store)
	scope := batchScope(s.store)
	if !ok || scope == driver.BatchAny {
		s.Skip("Apply is missing, or knows no limit")
	}
	keys := s.batchKeys()
	there := driver.Cond{Key: keys[1], Rev: s.get(keys[1]).Rev}
	s.ok(s.init(keys[2].Entity), "Init")
	wide := []struct {
		conds []driver.Cond
		ops   []driver.Op
	}{
		{nil, []driver.Op{put(keys[0], `2`), put(keys[1], `2`)}},
		{nil, []driver.Op{put(keys[0], `2`), put(key("b"), `2`)}},
		{nil, []driver.Op{del(keys[0]), put(keys[2], `2`)}},
		{[]driver.Cond{there}, []driver.Op{put(keys[0], `2`)}},
	}
	for _, w := range wide {
		s.unchanged("an Apply that is too wide", func() {
			if err := a.Apply(s.ctx, w.conds, w.ops); !errors.Is(err, errors.ErrUnsupported) {
				s.Fatalf("Apply of %d conditions and %d ops: got error %v, want %v", len(w.conds), len(w.ops), err, errors.ErrUnsupported)
			}
		}, keys...)
	}
	if scope == driver.BatchNone {
		s.is(a.Apply(s.ctx, nil, []driver.Op{put(keys[0], `2`)}), errors.ErrUnsupported, "Apply where Properties.Batch is none")
		s.wantValue(keys[0], `"old 0"`)
	}
}
