package mongostore

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// limits are what a server takes as a native value.
type limits struct {
	levels       int  // arrays and objects in one another
	nestedArrays bool // an array may be an element of an array
}

// maxDocument is the limit of a document, less room for all but data.
const maxDocument = MaxData + 4<<10

// value is how data is stored.
type value struct {
	kind bson.Type
	raw  []byte // of that BSON type
	text bool   // it is the JSON text
}

// encode turns JSON that is known to be valid into what is stored: a native
// value if that is the same value, else the text.
func encode(data []byte, l limits) value {
	e := encoder{src: data, dst: make([]byte, 0, len(data)+len(data)/4+64), limits: l}
	e.space()
	if kind, ok := e.value(0); ok && len(e.dst) <= maxDocument {
		return value{kind: kind, raw: e.dst}
	}
	return value{kind: bson.TypeString, raw: appendString(nil, data), text: true}
}

// encoder writes BSON while it reads JSON. Its methods return false where BSON
// has no such value.
type encoder struct {
	src, dst []byte
	at       int // in src
	limits   limits
}

// appendString appends the BSON of a string.
func appendString(dst, s []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(s)+1))
	return append(append(dst, s...), 0)
}

func (e *encoder) space() {
	for e.at < len(e.src) && (e.src[e.at] == ' ' || e.src[e.at] == '\t' || e.src[e.at] == '\n' || e.src[e.at] == '\r') {
		e.at++
	}
}

// value appends the value that begins at e.at, within depth others.
func (e *encoder) value(depth int) (kind bson.Type, ok bool) {
	switch e.src[e.at] {
	case '{':
		return bson.TypeEmbeddedDocument, depth < e.limits.levels && e.object(depth+1)
	case '[':
		return bson.TypeArray, depth < e.limits.levels && e.array(depth+1)
	case '"':
		return bson.TypeString, e.string()
	case 't':
		e.at += len("true")
		e.dst = append(e.dst, 1)
		return bson.TypeBoolean, true
	case 'f':
		e.at += len("false")
		e.dst = append(e.dst, 0)
		return bson.TypeBoolean, true
	case 'n':
		e.at += len("null")
		return bson.TypeNull, true
	}
	return e.number()
}

// members appends what stands between brackets; one appends a member.
func (e *encoder) members(closing byte, one func(n int) bool) bool {
	start := len(e.dst)
	e.dst = append(e.dst, 0, 0, 0, 0) // the length, known at the end
	e.at++
	e.space()
	for n := 0; e.src[e.at] != closing; n++ {
		if n > 0 {
			e.at++ // the comma
			e.space()
		}
		if !one(n) {
			return false
		}
		e.space()
	}
	e.at++
	e.dst = append(e.dst, 0)
	binary.LittleEndian.PutUint32(e.dst[start:], uint32(len(e.dst)-start))
	return len(e.dst) <= maxDocument
}

func (e *encoder) object(depth int) bool {
	var seen names
	return e.members('}', func(int) bool {
		kind := len(e.dst)
		e.dst = append(e.dst, 0)
		if !e.chars() {
			return false
		}
		name := e.dst[kind+1:]
		if !plainName(name) || !seen.add(string(name)) {
			return false
		}
		e.dst = append(e.dst, 0)
		e.space()
		e.at++ // the colon
		e.space()
		return e.element(kind, depth)
	})
}

func (e *encoder) array(depth int) bool {
	return e.members(']', func(n int) bool {
		if e.src[e.at] == '[' && !e.limits.nestedArrays {
			return false
		}
		kind := len(e.dst)
		e.dst = append(strconv.AppendInt(append(e.dst, 0), int64(n), 10), 0)
		return e.element(kind, depth)
	})
}

// element appends the value of a member whose type belongs at kind.
func (e *encoder) element(kind, depth int) bool {
	t, ok := e.value(depth)
	e.dst[kind] = byte(t)
	return ok
}

// plainName tells whether every server takes a member's name as it is: old ones
// refuse "." and "$", and FerretDB drops a member without a name.
func plainName(name []byte) bool {
	return len(name) > 0 && name[0] != '$' && bytes.IndexByte(name, '.') < 0
}

// names are those that an object has so far.
type names struct {
	few  []string
	many map[string]bool
}

// add is false if the name is there already.
func (n *names) add(name string) bool {
	const few = 12 // to look through is faster than to hash
	if n.many == nil {
		for _, other := range n.few {
			if other == name {
				return false
			}
		}
		n.few = append(n.few, name)
		if len(n.few) > few {
			n.many = make(map[string]bool, 4*few)
			for _, other := range n.few {
				n.many[other] = true
			}
		}
		return true
	}
	before := len(n.many)
	n.many[name] = true
	return len(n.many) > before
}

func (e *encoder) string() bool {
	start := len(e.dst)
	e.dst = append(e.dst, 0, 0, 0, 0)
	if !e.chars() {
		return false
	}
	e.dst = append(e.dst, 0)
	binary.LittleEndian.PutUint32(e.dst[start:], uint32(len(e.dst)-start-4))
	return true
}

// chars appends the characters of the string that begins at e.at.
func (e *encoder) chars() bool {
	for e.at++; ; {
		n := bytes.IndexAny(e.src[e.at:], `"\`)
		e.dst = append(e.dst, e.src[e.at:e.at+n]...)
		e.at += n + 1
		if e.src[e.at-1] == '"' {
			return true
		}
		if !e.escape() {
			return false
		}
	}
}

// escape appends what stands behind a backslash.
func (e *encoder) escape() bool {
	c := e.src[e.at]
	e.at++
	if c != 'u' {
		e.dst = append(e.dst, unescaped[c])
		return true
	}
	r := e.hex()
	if utf16.IsSurrogate(r) {
		if !bytes.HasPrefix(e.src[e.at:], []byte(`\u`)) {
			return false
		}
		e.at += 2
		if r = utf16.DecodeRune(r, e.hex()); r == utf8.RuneError {
			return false // half a pair
		}
	}
	e.dst = utf8.AppendRune(e.dst, r)
	return r != 0
}

var unescaped = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func (e *encoder) hex() rune {
	r, _ := strconv.ParseUint(string(e.src[e.at:e.at+4]), 16, 32)
	e.at += 4
	return rune(r)
}

func (e *encoder) number() (bson.Type, bool) {
	start, whole := e.at, true
	for ; e.at < len(e.src); e.at++ {
		switch c := e.src[e.at]; {
		case c == '.' || c == 'e' || c == 'E' || c == '+':
			whole = false
			continue
		case c == '-' || '0' <= c && c <= '9':
			continue
		}
		break
	}
	text := string(e.src[start:e.at])
	if n, err := strconv.ParseInt(text, 10, 64); whole && err == nil && text != "-0" {
		if int64(int32(n)) == n {
			e.dst = binary.LittleEndian.AppendUint32(e.dst, uint32(n))
			return bson.TypeInt32, true
		}
		e.dst = binary.LittleEndian.AppendUint64(e.dst, uint64(n))
		return bson.TypeInt64, true
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || !sameDecimal(text, strconv.FormatFloat(f, 'e', -1, 64)) {
		return bson.TypeDouble, false
	}
	e.dst = binary.LittleEndian.AppendUint64(e.dst, math.Float64bits(f))
	return bson.TypeDouble, true
}
