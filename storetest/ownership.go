package storetest

import (
	"bytes"
	"encoding/json"

	"github.com/holdfast-go/holdfast/driver"
)

func ownershipCases() []testCase {
	return []testCase{
		{"Put does not keep or change the data it is given", 0, (*subject).ownPut},
		{"Apply does not keep or change the data it is given", applier, (*subject).ownApply},
		{"Get hands out copies", 0, (*subject).ownGet},
		{"a batch does not keep the data it is given", applier, (*subject).ownBatch},
	}
}

const owned = ` {"owned":"by the store"} `

func (s *subject) ownPut() {
	k := key("a")
	data := append(make([]byte, 0, 100), owned...)
	s.ok(s.tryPut(k, data), "Put")
	if string(data) != owned {
		s.Fatalf("Put changed the data it was given to %q", data)
	}
	scribble(data)
	s.wantValue(k, owned)
	if s.Reopen != nil {
		s.reopen()
		s.wantValue(k, owned)
	}
}

func (s *subject) ownApply() {
	k := key("a")
	ops := []driver.Op{{Key: k, Data: []byte(owned)}}
	s.ok(s.apply(nil, ops...), "Apply")
	if string(ops[0].Data) != owned || ops[0].Key != k {
		s.Fatalf("Apply changed the op it was given to %+v", ops[0])
	}
	scribble(ops[0].Data)
	ops[0].Key.ID = "b"
	s.wantValue(k, owned)
	s.wantAbsent(key("b"))
}

func (s *subject) ownGet() {
	k := key("a")
	s.put(k, owned)
	first, second := s.get(k), s.get(k)
	whole := bytes.Clone(second.Data)
	scribble(first.Data)
	_ = append(first.Data[:0], `{"overwritten":true}`...)
	if !bytes.Equal(second.Data, whole) {
		s.Fatal("two Gets hand out the same memory")
	}
	s.wantValue(k, owned)
}

func (s *subject) ownBatch() {
	c := s.raw(s.portable(), "signal/strategy-a")
	data := []byte(owned)
	s.ok(c.Update(s.ctx, "a", func(json.RawMessage, bool) (json.RawMessage, error) { return data, nil }), "Update")
	scribble(data)
	s.wantValue(key("a"), owned)
}

func scribble(data []byte) {
	for i := range data[:cap(data)] {
		data[:cap(data)][i] = 'x'
	}
}
