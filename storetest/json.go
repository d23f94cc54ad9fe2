package storetest

import (
	"encoding/json"
	"fmt"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
)

func jsonCases() []testCase {
	return []testCase{
		{"a value comes back as it was put", 0, (*subject).jsonRoundTrip},
		{"Put refuses what is not one JSON value and the old value stays", 0, (*subject).jsonRefused},
		{"the portable type refuses what is not one JSON value", 0, (*subject).jsonRefusedPortable},
		{"Apply refuses what is not one JSON value", applier, (*subject).jsonRefusedApply},
		{"the portable type hands raw messages through", 0, (*subject).jsonRaw},
	}
}

func (s *subject) jsonRoundTrip() {
	kept := map[driver.Key]string{}
	for i, d := range documents() {
		if d.kind == literal && !s.exact {
			continue
		}
		s.within(d.name, func(s *subject) {
			k := key(fmt.Sprintf("document-%d", i))
			if s.putDocument(k, d) {
				s.wantValue(k, d.data)
				kept[k] = d.data
			}
		})
	}
	if s.Reopen == nil {
		return
	}
	s.reopen()
	for k, data := range kept {
		s.within(k.ID+" of these after a restart", func(s *subject) { s.wantValue(k, data) })
	}
}

// putDocument writes over an older value, which must stay if the document is
// refused.
func (s *subject) putDocument(k driver.Key, d document) bool {
	s.Helper()
	const old = `{"old":true}`
	s.put(k, old)
	err := s.store.Put(s.ctx, k, []byte(d.data))
	if err == nil {
		return true
	}
	if s.exact || d.kind == plain {
		s.Fatalf("Put of a value that every such backend must take: %v", err)
	}
	s.wantValue(k, old)
	return false
}

func (s *subject) jsonRefused() {
	there, fresh := key("there"), key("fresh")
	s.put(there, `{"old":true}`)
	for _, d := range refused() {
		s.within(d.name, func(s *subject) {
			for _, k := range []driver.Key{there, fresh} {
				s.unchanged("a refused Put", func() {
					s.is(s.store.Put(s.ctx, k, []byte(d.data)), driver.ErrInvalidJSON, "Put %s", k)
				}, there, fresh)
			}
		})
	}
	s.unchanged("Put of nil", func() {
		s.is(s.store.Put(s.ctx, there, nil), driver.ErrInvalidJSON, "Put of nil")
	}, there, fresh)
}

func (s *subject) jsonRefusedPortable() {
	k := key("there")
	s.put(k, `{"old":true}`)
	c := s.raw(s.portable(), k.Entity)
	for _, d := range refused() {
		s.within(d.name, func(s *subject) {
			s.unchanged("a refused Put", func() {
				s.is(c.Put(s.ctx, k.ID, json.RawMessage(d.data)), holdfast.ErrInvalidJSON, "Put")
			}, k)
		})
	}
}

func (s *subject) jsonRefusedApply() {
	k := key("there")
	s.put(k, `{"old":true}`)
	for _, d := range refused() {
		s.within(d.name, func(s *subject) {
			s.unchanged("a refused Apply", func() {
				err := s.apply(nil, driver.Op{Key: k, Data: []byte(d.data)})
				s.is(err, driver.ErrInvalidJSON, "Apply")
			}, k)
		})
	}
}

func (s *subject) jsonRaw() {
	c := s.raw(s.portable(), "signal/strategy-a")
	for i, d := range documents() {
		if d.kind != plain {
			continue
		}
		id := fmt.Sprintf("document-%d", i)
		s.ok(c.Put(s.ctx, id, json.RawMessage(d.data)), "Put of %s", d.name)
		got, err := c.Get(s.ctx, id)
		s.ok(err, "Get of %s", d.name)
		s.ok(s.same(got, []byte(d.data)), "Get of %s", d.name)
	}
}

// raw is a collection of uninterpreted JSON.
func (s *subject) raw(p *holdfast.Store, entity string) *holdfast.Collection[json.RawMessage] {
	s.Helper()
	c, err := holdfast.NewCollection[json.RawMessage](p, entity, nil)
	s.ok(err, "NewCollection")
	return c
}
