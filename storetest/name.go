package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
)

func nameCases() []testCase {
	return []testCase{
		{"any id round-trips or is refused", 0, func(s *subject) { s.nameRoundTrip(keysOf("signal/strategy-a", oddIDs())) }},
		{"any entity round-trips or is refused", 0, func(s *subject) { s.nameRoundTrip(entityKeys(oddEntities())) }},
		{"neighbours do not run into each other", 0, func(s *subject) { s.nameRoundTrip(pairs(neighbours())) }},
		{"Clear keeps to its entity among neighbours", deleter, (*subject).nameClear},
		{"an id that no backend takes is ErrInvalidName", 0, (*subject).nameBrokenIDs},
		{"an entity that no backend takes is ErrInvalidName", 0, (*subject).nameBrokenEntities},
		{"the portable type refuses such names in every call", 0, (*subject).nameBrokenPortable},
	}
}

func keysOf(entity string, ids []string) []driver.Key {
	var keys []driver.Key
	for _, id := range ids {
		keys = append(keys, driver.Key{Entity: entity, ID: id})
	}
	return keys
}

func entityKeys(entities []string) []driver.Key {
	var keys []driver.Key
	for _, e := range entities {
		keys = append(keys, driver.Key{Entity: e, ID: "positions"})
	}
	return keys
}

func pairs(texts []string) []driver.Key {
	var keys []driver.Key
	for _, text := range texts {
		entity, id, _ := strings.Cut(text, " ")
		keys = append(keys, driver.Key{Entity: entity, ID: id})
	}
	return keys
}

// content tells the values of different keys apart.
func content(k driver.Key) string {
	return fmt.Sprintf(`{"entity":%q,"id":%q}`, fmt.Sprintf("%x", k.Entity), fmt.Sprintf("%x", k.ID))
}

func label(k driver.Key) string { return fmt.Sprintf("%.40q in %.40q", k.ID, k.Entity) }

// nameRoundTrip puts all keys into one store, so that those that are too alike
// meet.
func (s *subject) nameRoundTrip(keys []driver.Key) {
	keys = slices.Clone(keys)
	s.rand().Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	var kept []driver.Key
	for _, k := range keys {
		s.within("put "+label(k), func(s *subject) {
			if s.nameTaken(k) {
				kept = append(kept, k)
			}
		})
	}
	s.nameAllThere(kept)
	if s.Reopen != nil {
		s.reopen()
		s.within("all after a restart", func(s *subject) { s.nameAllThere(kept) })
	}
	if !is[driver.Deleter](s.store) {
		return
	}
	for len(kept) > 0 {
		k := kept[0]
		kept = kept[1:]
		s.within("delete "+label(k), func(s *subject) {
			s.delete(k)
			s.wantAbsent(k)
			if len(kept)%16 == 0 { // not each time: it is a square of work
				s.nameListing(kept)
			}
		})
	}
}

// nameTaken tells whether the key was taken; if it was refused, nothing may
// have changed.
func (s *subject) nameTaken(k driver.Key) bool {
	s.Helper()
	if !s.mayRefuse(k) {
		s.wantAbsent(k)
		s.put(k, content(k))
		s.wantValue(k, content(k))
		return true
	}
	var before, after string
	before = s.state()
	taken := s.putOdd(k, content(k))
	if taken {
		s.wantValue(k, content(k))
		return true
	}
	if after = s.state(); after != before {
		s.Fatalf("Put was refused and changed the listing; before:\n%safter:\n%s", before, after)
	}
	if s.there(k) {
		s.Fatal("Put was refused and Has is true")
	}
	return false
}

func (s *subject) nameAllThere(keys []driver.Key) {
	s.Helper()
	for _, k := range keys {
		s.wantValue(k, content(k))
	}
	s.nameListing(keys)
}

// nameListing checks that exactly the keys are listed, each once and as it is.
func (s *subject) nameListing(keys []driver.Key) {
	s.Helper()
	if !is[driver.Lister](s.store) {
		return
	}
	byEntity := map[string][]string{}
	for _, k := range keys {
		byEntity[k.Entity] = append(byEntity[k.Entity], k.ID)
	}
	var entities []string
	for e, ids := range byEntity {
		entities = append(entities, e)
		slices.Sort(ids)
		s.wantIDs(e, ids...)
	}
	slices.Sort(entities)
	s.wantEntities(entities...)
}

func (s *subject) nameClear() {
	var kept []driver.Key
	for _, k := range pairs(neighbours()) {
		if s.putOdd(k, content(k)) {
			kept = append(kept, k)
		}
	}
	for len(kept) > 0 {
		entity := kept[0].Entity
		s.clear(entity)
		for _, k := range kept {
			if k.Entity == entity {
				s.wantAbsent(k)
			}
		}
		kept = slices.DeleteFunc(kept, func(k driver.Key) bool { return k.Entity == entity })
		for _, k := range kept {
			s.wantValue(k, content(k))
		}
	}
}

func (s *subject) nameBrokenIDs() {
	s.put(key("there"), `1`)
	for _, id := range brokenIDs() {
		s.within(fmt.Sprintf("%.40q", id), func(s *subject) { s.nameBroken(key(id)) })
	}
}

func (s *subject) nameBrokenEntities() {
	s.put(key("there"), `1`)
	for _, e := range brokenEntities() {
		s.within(fmt.Sprintf("%.40q", e), func(s *subject) { s.nameBroken(driver.Key{Entity: e, ID: "x"}) })
	}
}

// nameBroken checks that a key is refused by all changes and found by nobody.
func (s *subject) nameBroken(k driver.Key) {
	s.unchanged("a refused change", func() {
		s.is(s.tryPut(k, []byte(`1`)), driver.ErrInvalidName, "Put")
		if batchScope(s.store) != driver.BatchNone {
			s.is(s.apply(nil, driver.Op{Key: k, Data: []byte(`1`)}), driver.ErrInvalidName, "Apply of a put")
			s.is(s.apply(nil, driver.Op{Key: k, Delete: true}), driver.ErrInvalidName, "Apply of a deletion")
		}
		if s.init(k.Entity) != nil {
			return // nothing else is asked of that entity
		}
		if rec, err := s.store.Get(s.ctx, k); !refusedOrAbsent(err) {
			s.Fatalf("Get: %q, %v", rec.Data, err)
		}
		if has, err := s.store.Has(s.ctx, k); has || err != nil && !errors.Is(err, driver.ErrInvalidName) {
			s.Fatalf("Has: %v, %v", has, err)
		}
		if d, ok := driver.As[driver.Deleter](s.store); ok && !refusedOrAbsent(d.Delete(s.ctx, k)) {
			s.Fatal("Delete: neither ErrInvalidName nor ErrNotFound")
		}
	}, key("there"))
}

func refusedOrAbsent(err error) bool {
	return errors.Is(err, driver.ErrInvalidName) || errors.Is(err, driver.ErrNotFound)
}

func (s *subject) nameBrokenPortable() {
	s.put(key("there"), `1`)
	p := s.portable()
	for _, e := range brokenEntities() {
		_, err := holdfast.NewCollection[int](p, e, nil)
		s.is(err, holdfast.ErrInvalidName, "NewCollection %.40q", e)
	}
	c, err := holdfast.NewCollection[int](p, "signal/strategy-a", nil)
	s.ok(err, "NewCollection")
	s.unchanged("a refused change", func() {
		for _, id := range brokenIDs() {
			_, err := c.Get(s.ctx, id)
			s.is(err, holdfast.ErrInvalidName, "Get %.40q", id)
			_, err = c.Has(s.ctx, id)
			s.is(err, holdfast.ErrInvalidName, "Has %.40q", id)
			s.is(c.Put(s.ctx, id, 1), holdfast.ErrInvalidName, "Put %.40q", id)
			if is[driver.Deleter](s.store) {
				s.is(c.Delete(s.ctx, id), holdfast.ErrInvalidName, "Delete %.40q", id)
			}
		}
	}, key("there"))
}
