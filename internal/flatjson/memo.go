package flatjson

import (
	"reflect"
	"sync/atomic"
)

// memo decodes the strings of one field. In many rows some fields are the same
// (the exchange, the strategy): it remembers the last string, so that equal ones
// that follow each other share their bytes. Of a field that mostly differs, such
// as an id, it soon gives up.
type memo struct {
	last   atomic.Pointer[string]
	misses atomic.Int32 // since the last hit
}

const (
	maxMisses = 16
	maxMemo   = 256 // bytes: it is kept as long as the type is in use
)

func (m *memo) decode(r *reader, v reflect.Value) bool {
	text, ok := r.text()
	if ok {
		v.SetString(m.string(text))
	}
	return ok
}

func (m *memo) string(text []byte) string {
	if last := m.last.Load(); last != nil && *last == string(text) {
		if m.misses.Load() != 0 { // else all readers would write to one cache line
			m.misses.Store(0)
		}
		return *last
	}
	s := string(text)
	if len(s) <= maxMemo && m.misses.Load() < maxMisses {
		m.misses.Add(1)
		kept := s // or else every s would be allocated
		m.last.Store(&kept)
	}
	return s
}
