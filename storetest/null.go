package storetest

import (
	"github.com/holdfast-go/holdfast"
)

func nullCases() []testCase {
	return []testCase{
		{"a cleared value is there and not absent", 0, (*subject).nullIsThere},
		{"a cleared value is listed and deleted like others", deleter | lister, (*subject).nullListed},
		{"a cleared value outlives a restart", reopener, (*subject).nullRestart},
		{"the portable type tells cleared from absent", 0, (*subject).nullPortable},
	}
}

func (s *subject) nullIsThere() {
	cleared, absent := key("cleared"), key("absent")
	s.put(cleared, `null`)
	s.wantValue(cleared, `null`)
	s.wantAbsent(absent)
	s.put(cleared, `1`)
	s.put(cleared, `null`)
	s.wantValue(cleared, `null`)
}

func (s *subject) nullListed() {
	k := key("cleared")
	s.put(k, `null`)
	s.wantIDs(k.Entity, k.ID)
	s.wantEntities(k.Entity)
	s.delete(k)
	s.wantAbsent(k)
	s.wantIDs(k.Entity)
}

func (s *subject) nullRestart() {
	cleared, absent := key("cleared"), key("absent")
	s.put(cleared, `{"a":1}`)
	s.put(cleared, `null`)
	s.reopen()
	s.wantValue(cleared, `null`)
	s.wantAbsent(absent)
}

func (s *subject) nullPortable() {
	type row struct{ A int }
	p := s.portable()
	values, err := holdfast.NewCollection[row](p, "signal/strategy-a", nil)
	s.ok(err, "NewCollection")
	pointers, err := holdfast.NewCollection[*row](p, "signal/strategy-a", nil)
	s.ok(err, "NewCollection")

	s.ok(pointers.Put(s.ctx, "cleared", nil), "Put of nil")
	got, err := pointers.Get(s.ctx, "cleared")
	s.ok(err, "Get of what was cleared")
	if got != nil {
		s.Fatalf("Get of what was cleared: got %v, want nil", *got)
	}
	has, err := pointers.Has(s.ctx, "cleared")
	s.ok(err, "Has of what was cleared")
	if !has {
		s.Fatal("Has of what was cleared: false")
	}
	_, err = values.Get(s.ctx, "cleared")
	s.is(err, holdfast.ErrCleared, "Get of what was cleared as a struct")
	_, err = pointers.Get(s.ctx, "absent")
	s.is(err, holdfast.ErrNotFound, "Get of what is absent")
}
