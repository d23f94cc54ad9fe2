package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/holdfast-go/holdfast/driver"
)

func loadCases() []testCase {
	return []testCase{
		{"Load makes what is absent", loader, (*subject).loadAbsent},
		{"Load leaves what is there, and makes the rest", loader, (*subject).loadPresent},
		{"what was cleared is there", loader, (*subject).loadCleared},
		{"Load leaves what is damaged", loader | damager, (*subject).loadDamaged},
		{"what is refused does not keep the rest from being made", loader, (*subject).loadRefused},
		{"of several values of one key one is made", loader, (*subject).loadTwice},
		{"a large load is made", loader, (*subject).loadLarge},
		{"Load keeps values as Put does", loader, (*subject).loadDocuments},
		{"Load keeps names as Put does", loader, (*subject).loadNames},
		{"Load does not keep or change the data it is given", loader, (*subject).loadOwn},
		{"of those that load a value one makes it", loader, (*subject).loadRace},
		{"what was loaded outlives a restart", loader | reopener, (*subject).loadRestart},
	}
}

// load is Load of values that Init has been called for.
func (s *subject) load(values ...driver.Value) []error {
	s.Helper()
	for _, v := range values {
		if driver.ValidateEntity(v.Key.Entity) == nil {
			s.ok(s.init(v.Key.Entity), "Init %s", v.Key.Entity)
		}
	}
	errs := s.store.(driver.Loader).Load(s.ctx, values)
	if len(errs) != len(values) {
		s.Fatalf("Load of %d values gives %d answers", len(values), len(errs))
	}
	return errs
}

func (s *subject) loaded(values ...driver.Value) {
	s.Helper()
	for i, err := range s.load(values...) {
		s.ok(err, "Load of %s", values[i].Key)
	}
}

func value(k driver.Key, data string) driver.Value { return driver.Value{Key: k, Data: []byte(data)} }

func (s *subject) loadAbsent() {
	s.loaded()
	keys := []driver.Key{key("b"), {Entity: "risk/conservative", ID: "positions"}, key("a"), {Entity: "signal", ID: "a"}}
	s.loaded(value(keys[0], `{"n":1}`), value(keys[1], `[1,"x"]`), value(keys[2], `null`), value(keys[3], `"y"`))
	for i, data := range []string{`{"n":1}`, `[1,"x"]`, `null`, `"y"`} {
		s.wantValue(keys[i], data)
		if rec := s.get(keys[i]); rec.Rev == "" || rec.ModTime.IsZero() {
			s.Fatalf("Get %s: %+v", keys[i], rec)
		}
	}
	if is[driver.Lister](s.store) {
		s.wantEntities("risk/conservative", "signal", "signal/strategy-a")
		s.wantIDs("signal/strategy-a", "a", "b")
	}
	s.put(keys[0], `2`) // it is a value like others
	s.wantValue(keys[0], `2`)
}

func (s *subject) loadPresent() {
	s.put(key("b"), `"there"`)
	s.unchanged("Load of what is there", func() {
		s.is(s.load(value(key("b"), `"new"`))[0], driver.ErrConflict, "Load")
		s.is(s.load(value(key("b"), `"there"`))[0], driver.ErrConflict, "Load of the same")
	}, key("b"))
	before := s.get(key("b"))
	errs := s.load(value(key("a"), `"a"`), value(key("b"), `"b"`), value(key("c"), `"c"`))
	s.ok(errors.Join(errs[0], errs[2]), "Load of what is absent")
	s.is(errs[1], driver.ErrConflict, "Load of what is there")
	s.wantValue(key("a"), `"a"`)
	s.wantValue(key("c"), `"c"`)
	if after := s.get(key("b")); string(after.Data) != string(before.Data) || after.Rev != before.Rev {
		s.Fatalf("Load changed %+v to %+v", before, after)
	}
}

func (s *subject) loadCleared() {
	s.put(key("a"), `null`)
	s.is(s.load(value(key("a"), `1`))[0], driver.ErrConflict, "Load")
	s.wantValue(key("a"), `null`)
}

func (s *subject) loadDamaged() {
	bad, good := s.damaged()
	errs := s.load(value(bad, `1`), value(key("new"), `1`), value(good[0], `1`))
	s.is(errs[0], driver.ErrConflict, "Load of what is damaged")
	s.ok(errs[1], "Load of what is absent")
	s.is(errs[2], driver.ErrConflict, "Load of what is there")
	s.wantDamaged(bad)
	s.wantValue(good[0], `{"good":true}`)
	s.wantValue(key("new"), `1`)
}

func (s *subject) loadRefused() {
	s.put(key("there"), `1`)
	for i, bad := range []struct {
		value driver.Value
		want  error
	}{
		{value(key("bad"), `{"cut":`), driver.ErrInvalidJSON},
		{value(key("bad"), ``), driver.ErrInvalidJSON},
		{value(key("bad"), "\"\xff\""), driver.ErrInvalidJSON},
		{value(key(""), `1`), driver.ErrInvalidName},
		{value(key("a\x00"), `1`), driver.ErrInvalidName},
		{value(driver.Key{Entity: "a//b", ID: "x"}, `1`), driver.ErrInvalidName},
		{value(key("there"), `{"cut":`), driver.ErrInvalidJSON},
	} {
		first, last := key(fmt.Sprint("first-", i)), key(fmt.Sprint("last-", i))
		errs := s.load(value(first, `1`), bad.value, value(last, `2`))
		s.ok(errors.Join(errs[0], errs[2]), "Load beside %q with %q", bad.value.Key, bad.value.Data)
		s.is(errs[1], bad.want, "Load of %q with %q", bad.value.Key, bad.value.Data)
		s.wantValue(first, `1`)
		s.wantValue(last, `2`)
		s.unchanged("a load of which all is refused", func() {
			s.is(s.load(bad.value)[0], bad.want, "Load of %q alone", bad.value.Key)
		}, key("there"))
	}
	s.wantAbsent(key("bad"))
	s.wantValue(key("there"), `1`)
}

func (s *subject) loadTwice() {
	errs := s.load(value(key("a"), `"first"`), value(key("b"), `1`), value(key("a"), `"second"`))
	s.ok(errs[1], "Load of another key")
	want := `"first"`
	if errs[0] != nil {
		errs[0], errs[2], want = errs[2], errs[0], `"second"`
	}
	s.ok(errs[0], "Load of one of the two")
	s.is(errs[2], driver.ErrConflict, "Load of the other one")
	s.wantValue(key("a"), want)
}

func (s *subject) loadLarge() {
	var values []driver.Value
	for i := range 1200 {
		values = append(values, value(driver.Key{Entity: fmt.Sprint("e", i%3), ID: fmt.Sprintf("k%04d", i)}, fmt.Sprintf(`{"n":%d}`, i)))
	}
	s.put(values[700].Key, `"there"`)
	for i, err := range s.load(values...) {
		if i == 700 {
			s.is(err, driver.ErrConflict, "Load of what is there")
			continue
		}
		s.ok(err, "Load of value %d", i)
	}
	for i := 0; i < len(values); i += 97 {
		s.wantValue(values[i].Key, string(values[i].Data))
	}
	s.wantValue(values[1199].Key, `{"n":1199}`)
	s.wantValue(values[700].Key, `"there"`)
	if is[driver.Lister](s.store) {
		for e := range 3 {
			if n := len(s.ids(fmt.Sprint("e", e))); n != 400 {
				s.Fatalf("%d of 400 values are listed", n)
			}
		}
	}
}

// loadDocuments stands for a backend that encodes in two places.
func (s *subject) loadDocuments() {
	var values []driver.Value
	for i, d := range documents() {
		if d.kind == plain {
			values = append(values, value(key(fmt.Sprint("document-", i)), d.data))
		}
	}
	for i, err := range s.load(values...) {
		put := s.tryPut(key("put"), values[i].Data)
		if (err == nil) != (put == nil) {
			s.Fatalf("of %.80q: Load %v, Put %v", values[i].Data, err, put)
		}
		if err != nil {
			continue
		}
		if err := s.same(s.get(values[i].Key).Data, s.get(key("put")).Data); err != nil {
			s.Fatalf("of %.80q Load does not keep what Put does: %v", values[i].Data, err)
		}
	}
}

func (s *subject) loadNames() {
	var values []driver.Value
	for _, id := range []string{"BTC/USDT:USDT", "../x", "a%b", "é🚀", " ", "$a.b", "CON", "AB", "ab"} {
		values = append(values, value(key(id), fmt.Sprintf("%q", id)))
	}
	for i, err := range s.load(values...) {
		if errors.Is(err, driver.ErrInvalidName) && s.mayRefuse(values[i].Key) {
			continue
		}
		s.ok(err, "Load of %s", values[i].Key)
		s.wantValue(values[i].Key, string(values[i].Data))
	}
}

func (s *subject) loadOwn() {
	data := append(make([]byte, 0, 100), owned...)
	values := []driver.Value{{Key: key("a"), Data: data}}
	s.ok(s.load(values...)[0], "Load")
	if string(values[0].Data) != owned || values[0].Key != key("a") {
		s.Fatalf("Load changed the value it was given to %+v", values[0])
	}
	scribble(data)
	s.wantValue(key("a"), owned)
}

func (s *subject) loadRace() {
	var keys []driver.Key
	for i := range 40 {
		keys = append(keys, key(fmt.Sprintf("k%02d", i)))
	}
	s.ok(s.init(keys[0].Entity), "Init")
	made := make([]atomic.Int32, len(keys))
	by := make([]atomic.Int32, len(keys))
	s.all(racers, func(racer int) error {
		values := make([]driver.Value, len(keys))
		for i, k := range keys {
			values[i] = value(k, fmt.Sprint(racer))
		}
		for i, err := range s.store.(driver.Loader).Load(s.ctx, values) {
			if err == nil {
				made[i].Add(1)
				by[i].Store(int32(racer))
			} else if !errors.Is(err, driver.ErrConflict) {
				return err
			}
		}
		return nil
	})
	for i, k := range keys {
		if n := made[i].Load(); n != 1 {
			s.Fatalf("%d of %d made %s", n, racers, k)
		}
		s.wantValue(k, fmt.Sprint(by[i].Load()))
	}
}

func (s *subject) loadRestart() {
	keys := []driver.Key{key("a"), key("b"), {Entity: "risk", ID: "a"}}
	for _, k := range keys {
		s.loaded(value(k, `{"of":"`+k.ID+`"}`))
	}
	before := s.state(keys...)
	s.reopen()
	if after := s.state(keys...); after != before {
		s.Fatalf("before the restart:\n%safter it:\n%s", before, after)
	}
	s.is(s.load(value(slices.Clone(keys)[0], `1`))[0], driver.ErrConflict, "Load after the restart")
}
