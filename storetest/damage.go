package storetest

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
)

func damageCases() []testCase {
	return []testCase{
		{"Get and Has of a damaged value are ErrDamaged", damager, (*subject).damageIsError},
		{"damage stays over a restart", damager | reopener, (*subject).damageRestart},
		{"a damaged value is listed", damager | lister, (*subject).damageListed},
		{"Put heals", damager, (*subject).damagePut},
		{"a refused Put does not heal", damager, (*subject).damageRefusedPut},
		{"Delete removes what is damaged", damager | deleter, (*subject).damageDelete},
		{"Clear removes what is damaged", damager | deleter, (*subject).damageClear},
		{"a condition on a damaged value is ErrDamaged", damager | applier, (*subject).damageCondition},
		{"Apply without a condition heals or removes", damager | applier, (*subject).damageApply},
		{"Update of a damaged value is ErrDamaged", damager | applier, (*subject).damageUpdate},
		{"All goes on behind a damaged value", damager | lister, (*subject).damageAll},
		{"Check finds damage", damager | checker, (*subject).damageCheck},
	}
}

// damaged makes three values, of which the middle one is damaged.
func (s *subject) damaged() (bad driver.Key, good []driver.Key) {
	s.Helper()
	bad, good = key("b"), []driver.Key{key("a"), key("c"), {Entity: "risk/conservative", ID: "b"}}
	for _, k := range append(good, bad) {
		s.put(k, `{"good":true}`)
	}
	s.damage(bad)
	return bad, good
}

func (s *subject) damageIsError() {
	bad, good := s.damaged()
	for range 3 { // asking does not heal, and does not turn into absence
		s.wantDamaged(bad)
	}
	for _, k := range good {
		s.wantValue(k, `{"good":true}`)
	}
	s.wantAbsent(key("absent"))
}

func (s *subject) damageRestart() {
	bad, good := s.damaged()
	for range 2 {
		s.reopen()
		s.wantDamaged(bad)
		for _, k := range good {
			s.wantValue(k, `{"good":true}`)
		}
	}
}

func (s *subject) damageListed() {
	bad, _ := s.damaged()
	s.wantIDs(bad.Entity, "a", "b", "c")
	alone := driver.Key{Entity: "only", ID: "x"}
	s.put(alone, `1`)
	s.damage(alone)
	s.wantIDs(alone.Entity, alone.ID)
	s.wantEntities("only", "risk/conservative", "signal/strategy-a")
	if s.Reopen != nil {
		s.reopen()
		s.wantIDs(bad.Entity, "a", "b", "c")
		s.wantEntities("only", "risk/conservative", "signal/strategy-a")
	}
}

func (s *subject) damagePut() {
	bad, _ := s.damaged()
	s.put(bad, `{"new":true}`)
	s.wantValue(bad, `{"new":true}`)
	if s.Reopen != nil {
		s.reopen()
		s.wantValue(bad, `{"new":true}`)
	}
}

func (s *subject) damageRefusedPut() {
	bad, _ := s.damaged()
	s.is(s.tryPut(bad, []byte(`{`)), driver.ErrInvalidJSON, "Put")
	s.wantDamaged(bad)
}

func (s *subject) damageDelete() {
	bad, good := s.damaged()
	s.delete(bad)
	s.wantAbsent(bad)
	s.is(s.deleter().Delete(s.ctx, bad), driver.ErrNotFound, "second Delete")
	if s.Reopen != nil {
		s.reopen()
		s.wantAbsent(bad)
	}
	s.wantValue(good[0], `{"good":true}`)
}

func (s *subject) damageClear() {
	bad, good := s.damaged()
	s.clear(bad.Entity)
	if s.Reopen != nil {
		s.reopen()
	}
	s.wantAbsent(bad)
	s.wantAbsent(good[0])
	s.wantValue(good[2], `{"good":true}`)
}

func (s *subject) damageCondition() {
	bad, good := s.damaged()
	for _, rev := range []string{"", s.get(good[0]).Rev, "x"} {
		err := s.apply([]driver.Cond{{Key: bad, Rev: rev}}, driver.Op{Key: bad, Data: []byte(`1`)})
		s.is(err, driver.ErrDamaged, "Apply under the condition %q", rev)
		s.wantDamaged(bad)
	}
}

func (s *subject) damageApply() {
	bad, _ := s.damaged()
	s.ok(s.apply(nil, driver.Op{Key: bad, Data: []byte(`"new"`)}), "Apply of a put")
	s.wantValue(bad, `"new"`)
	s.damage(bad)
	s.ok(s.apply(nil, driver.Op{Key: bad, Delete: true}), "Apply of a deletion")
	s.wantAbsent(bad)
}

func (s *subject) damageUpdate() {
	bad, _ := s.damaged()
	c := s.raw(s.portable(), bad.Entity)
	err := c.Update(s.ctx, bad.ID, func(json.RawMessage, bool) (json.RawMessage, error) {
		return json.RawMessage(`"lost what was there"`), nil
	})
	s.is(err, holdfast.ErrDamaged, "Update")
	s.wantDamaged(bad)
}

func (s *subject) damageAll() {
	bad, _ := s.damaged()
	var got []string
	for e, err := range s.raw(s.portable(), bad.Entity).All(s.ctx) {
		if err != nil && (e.ID != bad.ID || !errors.Is(err, holdfast.ErrDamaged)) {
			s.Fatalf("All: %q: %v", e.ID, err)
		}
		got = append(got, fmt.Sprint(e.ID, " ", err == nil))
	}
	if fmt.Sprint(got) != "[a true b false c true]" {
		s.Fatalf("All: got %v", got)
	}
}

func (s *subject) damageCheck() {
	bad, _ := s.damaged()
	report, err := s.store.(driver.Checker).Check(s.ctx, nil)
	s.ok(err, "Check")
	for _, f := range report.Findings {
		if f.Damage() && f.Entity == bad.Entity && f.ID == bad.ID {
			s.wantDamaged(bad)
			return
		}
	}
	s.Fatalf("Check does not find the damage of %s: %+v", bad, report)
}
