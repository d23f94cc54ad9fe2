package trade

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
)

// field ties a name in a JSON object to the Go variable that holds its value.
type field struct {
	name string
	v    any // a pointer
}

// member is one name and value of a JSON object as they stood in it.
type member struct {
	key   []byte          // the name with its quotes
	name  string          // decoded
	value json.RawMessage // as it stood
	known bool            // there is a field of that name
	as    []byte          // what the field's variable encoded to after the read
}

// source is the object that a value was decoded from. It is never changed
// after that, so that copies of the value may share it.
//
// It is why a read followed by a write changes nothing: a field whose variable
// still holds what was read is written as it stood (a price with more digits
// than float64 has, a null, a lone surrogate), one that was absent and not set
// stays absent, and what has no variable is written as it stood after those
// that have.
type source struct{ members []member }

// decodeObject fills the fields' variables from a JSON object. The variables
// must hold their zero values.
func decodeObject(data []byte, fields []field) (*source, error) {
	members, err := scanObject(data)
	if err != nil {
		return nil, err
	}
	seen := make(map[string]bool, len(members))
	for i := range members {
		m := &members[i]
		if seen[m.name] {
			return nil, fmt.Errorf("field %q stands there twice", m.name)
		}
		seen[m.name] = true
		for _, f := range fields {
			if f.name == m.name {
				if m.as, err = f.decode(m.value); err != nil {
					return nil, err
				}
				m.known = true
			}
		}
	}
	return &source{members: members}, nil
}

// scanObject cuts an object into its members without judging the values.
func scanObject(data []byte) ([]member, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	open, err := dec.Token()
	if err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	if open != json.Delim('{') {
		return nil, errors.New("not an object")
	}
	var members []member
	for dec.More() {
		from := dec.InputOffset()
		name, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("not JSON: %w", err)
		}
		m := member{name: name.(string)} // the decoder lets nothing else stand for a name
		m.key = bytes.TrimLeft(data[from:dec.InputOffset()], " \t\r\n,")
		if err := dec.Decode(&m.value); err != nil {
			return nil, fmt.Errorf("field %q: not JSON: %w", m.name, err)
		}
		members = append(members, m)
	}
	if _, err := dec.Token(); err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	if rest := bytes.TrimSpace(data[dec.InputOffset():]); len(rest) > 0 {
		return nil, errors.New("more than one JSON value")
	}
	return members, nil
}

// appendObject writes the fields in their order, then what else was read, in
// the order in which it was read. src is nil for a value that was never read.
func appendObject(b []byte, src *source, fields []field) ([]byte, error) {
	b = append(b, '{')
	for _, f := range fields {
		value, err := f.encode()
		if err != nil {
			return nil, err
		}
		m := src.find(f.name)
		switch {
		case m != nil && bytes.Equal(m.as, value):
			b = appendMember(b, m.key, m.value)
		case m == nil && src != nil && f.unset():
		default:
			b = appendMember(b, []byte(`"`+f.name+`"`), value)
		}
	}
	if src != nil {
		for _, m := range src.members {
			if !m.known {
				b = appendMember(b, m.key, m.value)
			}
		}
	}
	return append(b, '}'), nil
}

func (s *source) find(name string) *member {
	if s == nil {
		return nil
	}
	for i := range s.members {
		if s.members[i].name == name {
			return &s.members[i]
		}
	}
	return nil
}

func appendMember(b, key, value []byte) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	b = append(append(b, key...), ':')
	return append(b, value...)
}

// decode sets the variable, and returns what it encodes to from then on.
func (f field) decode(raw json.RawMessage) ([]byte, error) {
	err := json.Unmarshal(raw, f.v)
	if n, ok := f.v.(*int64); ok && err != nil {
		err = decodeWhole(raw, n, err)
	}
	var mismatch *json.UnmarshalTypeError
	switch {
	case errors.As(err, &mismatch):
		has, _, _ := strings.Cut(mismatch.Value, " ") // the kind alone, not the value
		if has == "number" && strings.HasPrefix(kindName(f.v), "a number") {
			return nil, fmt.Errorf("field %q: number out of range", f.name)
		}
		return nil, fmt.Errorf("field %q: %s where %s belongs", f.name, has, kindName(f.v))
	case err != nil:
		return nil, fmt.Errorf("field %q: %w", f.name, err)
	}
	return f.encode()
}

// decodeWhole takes whole numbers that are written as JavaScript may write
// them, such as 1.7e12, and gives err back for everything else.
func decodeWhole(raw json.RawMessage, n *int64, err error) error {
	const exact = 1 << 53
	var v float64
	if json.Unmarshal(raw, &v) != nil || v != math.Trunc(v) || math.Abs(v) > exact {
		return err
	}
	*n = int64(v)
	return nil
}

// kindName says in JSON's words what a variable takes.
func kindName(v any) string {
	t := reflect.TypeOf(v).Elem()
	if t.Kind() == reflect.Pointer {
		return kindName(reflect.New(t.Elem()).Interface()) + " or null"
	}
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "a boolean"
	case reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	}
	return "an object"
}

func (f field) encode() ([]byte, error) {
	b, err := encodeJSON(f.v)
	if err != nil {
		return nil, fmt.Errorf("field %q: %w", f.name, err)
	}
	return b, nil
}

func (f field) unset() bool { return reflect.ValueOf(f.v).Elem().IsZero() }

// encodeJSON is json.Marshal without the escaping of <, > and &: the files are
// for people.
func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
