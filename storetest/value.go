package storetest

import (
	"time"

	"github.com/holdfast-go/holdfast/driver"
)

func valueCases() []testCase {
	return []testCase{
		{"Put creates", 0, (*subject).valueCreate},
		{"Put overwrites", 0, (*subject).valueOverwrite},
		{"Get of an absent value is ErrNotFound and Has false", 0, (*subject).valueAbsent},
		{"values of other keys stay", 0, (*subject).valueOthers},
		{"Delete removes one", deleter, (*subject).valueDelete},
		{"Delete of an absent value is ErrNotFound", deleter, (*subject).valueDeleteAbsent},
		{"Put after Delete creates anew", deleter, (*subject).valueRecreate},
		{"Clear removes all of an entity and of no other", deleter, (*subject).valueClear},
		{"Clear of an empty entity is nil", deleter, (*subject).valueClearEmpty},
		{"Clear takes the entity's name as it stands", deleter, (*subject).valueClearPatterns},
		{"Init may be called again and by many", 0, (*subject).valueInit},
		{"ModTime is the time of the last change", 0, (*subject).valueModTime},
	}
}

func (s *subject) valueCreate() {
	k := key("BTCUSDT")
	s.wantAbsent(k)
	s.put(k, `{"a":1}`)
	s.wantValue(k, `{"a":1}`)
}

func (s *subject) valueOverwrite() {
	k := key("BTCUSDT")
	for _, data := range []string{`{"a":1}`, `{"a":"something much longer than the first one"}`, `2`, `[]`} {
		s.put(k, data)
		s.wantValue(k, data)
	}
}

func (s *subject) valueAbsent() {
	s.wantAbsent(key("BTCUSDT"))
	s.put(key("BTCUSDT"), `1`)
	s.wantAbsent(key("BTCUSD"))
	s.wantAbsent(key("BTCUSDTX"))
	s.wantAbsent(driver.Key{Entity: "signal", ID: "BTCUSDT"})
}

func (s *subject) valueOthers() {
	a, b, c := key("a"), key("b"), driver.Key{Entity: "risk/conservative", ID: "a"}
	s.put(a, `"a"`)
	s.put(b, `"b"`)
	s.put(c, `"c"`)
	s.put(a, `"new"`)
	s.wantValue(a, `"new"`)
	s.wantValue(b, `"b"`)
	s.wantValue(c, `"c"`)
}

func (s *subject) valueDelete() {
	a, b := key("a"), key("b")
	other := driver.Key{Entity: "risk/conservative", ID: "a"}
	for _, k := range []driver.Key{a, b, other} {
		s.put(k, `1`)
	}
	s.delete(a)
	s.wantAbsent(a)
	s.wantValue(b, `1`)
	s.wantValue(other, `1`)
}

func (s *subject) valueDeleteAbsent() {
	k := key("BTCUSDT")
	s.ok(s.init(k.Entity), "Init")
	s.is(s.deleter().Delete(s.ctx, k), driver.ErrNotFound, "Delete of what never was")
	s.put(k, `1`)
	s.delete(k)
	s.is(s.deleter().Delete(s.ctx, k), driver.ErrNotFound, "second Delete")
}

func (s *subject) valueRecreate() {
	k := key("BTCUSDT")
	s.put(k, `1`)
	s.delete(k)
	s.put(k, `2`)
	s.wantValue(k, `2`)
}

func (s *subject) valueClear() {
	entities := []string{"a/b", "a", "a/b/c", "a/bc", "b", "a-b"}
	for _, e := range entities {
		for _, id := range []string{"x", "y", "b"} {
			s.put(driver.Key{Entity: e, ID: id}, `1`)
		}
	}
	s.clear("a/b")
	s.clear("a")
	for i, e := range entities {
		for _, id := range []string{"x", "y", "b"} {
			if k := (driver.Key{Entity: e, ID: id}); i < 2 {
				s.wantAbsent(k)
			} else {
				s.wantValue(k, `1`)
			}
		}
	}
}

func (s *subject) valueClearEmpty() {
	s.clear("signal/strategy-a")
	s.put(key("a"), `1`)
	s.clear("signal/strategy-a")
	s.clear("signal/strategy-a")
	s.wantAbsent(key("a"))
	s.put(key("a"), `2`)
	s.wantValue(key("a"), `2`)
}

// valueClearPatterns stands for backends that turn an entity into a pattern: a
// glob, a LIKE or a regular expression.
func (s *subject) valueClearPatterns() {
	kept := []driver.Key{{Entity: "ab", ID: "1"}, {Entity: "axb", ID: "1"}, {Entity: "a/b", ID: "1"}}
	for _, k := range kept {
		s.put(k, `"kept"`)
	}
	for _, pattern := range []string{"a*", "a?", "[a-z]b", "a%", "a_b", "a.b", "a.*", "(ab|axb)", "{ab,axb}", "^ab$", "a/*", "a\\b"} {
		k := driver.Key{Entity: pattern, ID: "1"}
		if !s.putOdd(k, `"cleared"`) {
			continue
		}
		s.clear(pattern)
		s.wantAbsent(k)
		for _, k := range kept {
			s.wantValue(k, `"kept"`)
		}
	}
}

func (s *subject) valueInit() {
	k := key("a")
	s.put(k, `1`)
	done := make(chan error)
	for range 8 {
		go func() { done <- s.store.Init(s.ctx, k.Entity) }()
	}
	for range 8 {
		s.ok(<-done, "Init by many")
	}
	s.ok(s.store.Init(s.ctx, k.Entity), "Init again")
	s.wantValue(k, `1`)
}

// valueModTime allows a backend's clock to be off by an hour: it may be
// another machine's.
func (s *subject) valueModTime() {
	k := key("a")
	s.put(k, `1`)
	first := s.get(k).ModTime
	if off := time.Since(first).Abs(); off > time.Hour {
		s.Fatalf("ModTime is %v: off by %v", first, off)
	}
	if again := s.get(k).ModTime; !again.Equal(first) {
		s.Fatalf("ModTime went from %v to %v though nothing changed", first, again)
	}
	s.put(k, `2`)
	if second := s.get(k).ModTime; second.Before(first) {
		s.Fatalf("ModTime went back from %v to %v", first, second)
	}
}
