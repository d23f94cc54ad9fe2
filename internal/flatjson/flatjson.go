// Package flatjson decodes JSON objects into structs of scalars: the rows that
// trading state mostly consists of. It takes a third of the time of
// encoding/json, since it reads the text once.
//
// It never has a meaning of its own. What is not plain (an escape, a null, a
// field that is not known, an error of any kind) it leaves to encoding/json,
// and what it does decode comes out as encoding/json would have it.
package flatjson

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
)

// Struct is how one struct type is decoded. It may be used from many goroutines.
type Struct struct {
	fields []field
	byName map[string]int // place in fields
}

// field is one field of a struct.
type field struct {
	name   string
	index  int // of the field in the struct
	decode decoder
}

// decoder reads one value into v, or returns false for one that is not plain.
type decoder func(r *reader, v reflect.Value) bool

// Of returns how t is decoded; nil for a type that is left to encoding/json.
func Of(t reflect.Type) *Struct {
	if t.Kind() != reflect.Struct || decodesItself(t) {
		return nil
	}
	s := &Struct{byName: map[string]int{}}
	for i := range t.NumField() {
		f := t.Field(i)
		name, ok := nameOf(f)
		if !ok {
			return nil
		}
		if name == "" {
			continue
		}
		decode := decoderOf(f.Type)
		if _, twice := s.byName[name]; twice || decode == nil {
			return nil
		}
		s.byName[name] = len(s.fields)
		s.fields = append(s.fields, field{name: name, index: i, decode: decode})
	}
	return s
}

// nameOf is the name that a field has in JSON, "" for one that has none. ok is
// false where the rules of encoding/json for it are more than a name.
func nameOf(f reflect.StructField) (name string, ok bool) {
	tag := f.Tag.Get("json")
	switch {
	case f.Anonymous:
		return "", false
	case !f.IsExported(), tag == "-":
		return "", true
	}
	name, options, _ := strings.Cut(tag, ",")
	for option := range strings.SplitSeq(options, ",") {
		if option != "" && option != "omitempty" && option != "omitzero" {
			return "", false
		}
	}
	if name == "" {
		name = f.Name
	}
	return name, isPlain(name)
}

// isPlain tells of a name that is spelled in one way only, and not folded with
// characters beyond ASCII.
func isPlain(name string) bool {
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-' && i > 0:
		default:
			return false
		}
	}
	return name != ""
}

var (
	unmarshaler     = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
	number          = reflect.TypeFor[json.Number]() // a string that takes numbers
)

func decodesItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	_, v2 := p.MethodByName("UnmarshalJSONFrom")
	return v2 || t == number || p.Implements(unmarshaler) || p.Implements(textUnmarshaler)
}

func decoderOf(t reflect.Type) decoder {
	if decodesItself(t) {
		return nil
	}
	switch t.Kind() {
	case reflect.String:
		return (&memo{}).decode
	case reflect.Bool:
		return decodeBool
	case reflect.Float32, reflect.Float64:
		return decodeFloat
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return decodeInt
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return decodeUint
	case reflect.Struct:
		if s := Of(t); s != nil {
			return s.decode
		}
	}
	return nil
}

// Decode reads data into v, which is of the type that Of was given, and zero.
// False: it is for encoding/json to say what data is, and v is to be thrown
// away.
func (s *Struct) Decode(data []byte, v reflect.Value) bool {
	r := reader{data: data}
	if !s.decode(&r, v) {
		return false
	}
	r.space()
	return r.at == len(data)
}

// decode reads an object.
func (s *Struct) decode(r *reader, v reflect.Value) bool {
	if !r.skip('{') {
		return false
	}
	if r.skip('}') {
		return true
	}
	for likely := 0; ; {
		i, ok := s.name(r, likely)
		if !ok || !r.skip(':') {
			return false
		}
		f := &s.fields[i]
		r.space()
		if !f.decode(r, v.Field(f.index)) {
			return false
		}
		likely = i + 1
		if !r.skip(',') {
			return r.skip('}')
		}
	}
}

// name reads the name of a field and returns its place in fields. Mostly the
// order is that of the struct, so that the likely one is it.
func (s *Struct) name(r *reader, likely int) (int, bool) {
	name, ok := r.text()
	if !ok {
		return 0, false
	}
	if likely < len(s.fields) && s.fields[likely].name == string(name) {
		return likely, true
	}
	i, ok := s.byName[string(name)]
	return i, ok
}
