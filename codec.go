package holdfast

import (
	"bytes"
	"encoding/json"
	"reflect"

	"github.com/holdfast-go/holdfast/internal/flatjson"
)

// Codec turns values into JSON and back. It must be usable from many
// goroutines.
type Codec[T any] interface {
	// Encode returns one JSON value; null means cleared.
	Encode(v T) ([]byte, error)
	// Decode reads what Encode wrote. It is given null too, unless T cannot
	// hold it.
	Decode(data []byte) (T, error)
}

// jsonCodec is the default: encoding/json, without the escaping of <, > and &
// (the files are for people), and with numbers in interface values kept as
// json.Number (a price or an id must not become a rounded float64). As
// encoding/json does, it stores U+FFFD for bytes of a string that are not UTF-8.
// It keeps nothing of the data that it decodes: by the rules of encoding/json an
// UnmarshalJSON copies what it wishes to keep.
type jsonCodec[T any] struct {
	plain bool             // T holds no interface values
	flat  *flatjson.Struct // how T is decoded in less time; nil for most types
}

func (jsonCodec[T]) Encode(v T) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func (c jsonCodec[T]) Decode(data []byte) (T, error) {
	var v T
	err := c.decodeTo(&v, data)
	return v, err
}

// decodeTo is Decode into a zero T that is there already: in a long listing one
// of its own for each value is much to allocate, and to copy.
func (c jsonCodec[T]) decodeTo(v *T, data []byte) error {
	if c.flat != nil {
		if c.flat.Decode(data, reflect.ValueOf(v).Elem()) {
			return nil
		}
		*v = *new(T)
	}
	if c.plain { // the same without a Decoder, which has a buffer of its own
		return json.Unmarshal(data, v)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	return dec.Decode(v)
}

// rawCodec is the default for json.RawMessage: the very bytes.
type rawCodec struct{}

func (rawCodec) Encode(v json.RawMessage) ([]byte, error)    { return v, nil }
func (rawCodec) Decode(data []byte) (json.RawMessage, error) { return data, nil }

func defaultCodec[T any]() Codec[T] {
	if raw, ok := any(rawCodec{}).(Codec[T]); ok {
		return raw
	}
	t := reflect.TypeFor[T]()
	return jsonCodec[T]{plain: !holdsInterface(t, map[reflect.Type]bool{}), flat: flatjson.Of(t)}
}

// holdsInterface tells whether there may be an interface within a t. It does
// not look again at what it has seen: types may hold themselves.
func holdsInterface(t reflect.Type, seen map[reflect.Type]bool) bool {
	if seen[t] {
		return false
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Interface:
		return true
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return holdsInterface(t.Elem(), seen)
	case reflect.Map:
		return holdsInterface(t.Key(), seen) || holdsInterface(t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			if holdsInterface(t.Field(i).Type, seen) {
				return true
			}
		}
	}
	return false
}

// holdsNull tells whether a T can say that it is null. A type that decodes
// itself is not asked: by convention UnmarshalJSON takes null for a value that
// is left as it is, and a cleared position would look like an empty one.
func holdsNull[T any]() bool {
	switch reflect.TypeFor[T]().Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface:
		return true
	}
	return false
}

// isNull tells whether data is the JSON null.
func isNull(data []byte) bool { return string(bytes.TrimSpace(data)) == "null" }
