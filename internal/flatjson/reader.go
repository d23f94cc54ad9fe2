package flatjson

import (
	"reflect"
	"strconv"
	"unicode/utf8"
)

// reader reads JSON from its beginning to its end.
type reader struct {
	data []byte
	at   int
}

// space passes over white space.
func (r *reader) space() {
	for r.at < len(r.data) {
		switch r.data[r.at] {
		case ' ', '\t', '\n', '\r':
			r.at++
		default:
			return
		}
	}
}

// skip passes over c, and white space before it, if that comes next.
func (r *reader) skip(c byte) bool {
	r.space()
	if r.at < len(r.data) && r.data[r.at] == c {
		r.at++
		return true
	}
	return false
}

// text reads a string without escapes, as part of the data.
func (r *reader) text() ([]byte, bool) {
	if !r.skip('"') {
		return nil, false
	}
	rest, seen := r.data[r.at:], byte(0)
	for i, c := range rest {
		switch {
		case c == '"':
			r.at += i + 1
			return rest[:i], seen < utf8.RuneSelf || utf8.Valid(rest[:i])
		case c == '\\', c < ' ':
			return nil, false
		}
		seen |= c
	}
	return nil, false
}

// number reads a number, as part of the data. whole is false if it has a
// fraction or an exponent.
func (r *reader) number() (text []byte, whole, ok bool) {
	start := r.at
	r.one('-')
	if first := r.at; r.digits() == 0 || r.data[first] == '0' && r.at > first+1 {
		return nil, false, false
	}
	whole = true
	if r.one('.') {
		whole = false
		if r.digits() == 0 {
			return nil, false, false
		}
	}
	if r.one('e') || r.one('E') {
		whole = false
		if !r.one('+') {
			r.one('-')
		}
		if r.digits() == 0 {
			return nil, false, false
		}
	}
	return r.data[start:r.at], whole, true
}

// one passes over c if that comes next.
func (r *reader) one(c byte) bool {
	if r.at < len(r.data) && r.data[r.at] == c {
		r.at++
		return true
	}
	return false
}

// digits passes over digits and returns how many.
func (r *reader) digits() int {
	start := r.at
	for r.at < len(r.data) && '0' <= r.data[r.at] && r.data[r.at] <= '9' {
		r.at++
	}
	return r.at - start
}

// word passes over a word if that comes next.
func (r *reader) word(w string) bool {
	if len(r.data)-r.at < len(w) || string(r.data[r.at:r.at+len(w)]) != w {
		return false
	}
	r.at += len(w)
	return true
}

func decodeBool(r *reader, v reflect.Value) bool {
	yes := r.word("true")
	if yes || r.word("false") {
		v.SetBool(yes)
		return true
	}
	return false
}

func decodeFloat(r *reader, v reflect.Value) bool {
	text, _, ok := r.number()
	if !ok {
		return false
	}
	n, err := strconv.ParseFloat(string(text), v.Type().Bits())
	if err != nil {
		return false
	}
	v.SetFloat(n)
	return true
}

func decodeInt(r *reader, v reflect.Value) bool {
	text, whole, ok := r.number()
	if !ok || !whole {
		return false
	}
	n, err := strconv.ParseInt(string(text), 10, v.Type().Bits())
	if err != nil {
		return false
	}
	v.SetInt(n)
	return true
}

func decodeUint(r *reader, v reflect.Value) bool {
	text, whole, ok := r.number()
	if !ok || !whole {
		return false
	}
	n, err := strconv.ParseUint(string(text), 10, v.Type().Bits())
	if err != nil {
		return false
	}
	v.SetUint(n)
	return true
}
