package mongostore

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// What another hand has stored may be of a type that JSON does not have. Where
// JSON.stringify of MongoDB's own driver has one meaning for it, that is what
// is read:
//
//	Date        "2024-01-01T00:00:00.000Z"
//	ObjectId    "65920080a1b2c3d4e5f60718"
//	UUID        "00112233-4455-6677-8899-aabbccddeeff"
//	Decimal128  the number itself, all its digits
//
// Everything else (other binary data, regular expressions, code, timestamps,
// NaN, infinities, …) has none: the value is damaged, and the error says where.

// noJSON says why something has no JSON, and where in data it stands.
type noJSON struct{ path, reason string }

func (e *noJSON) Error() string { return "data" + e.path + " " + e.reason }

func unlike(format string, args ...any) error { return &noJSON{reason: fmt.Sprintf(format, args...)} }

// within adds to the path of a noJSON, from the inside.
func within(err error, step string) error {
	if e, ok := err.(*noJSON); ok {
		e.path = step + e.path
	}
	return err
}

// appendJSON appends the JSON of a BSON value that is sound.
func appendJSON(dst []byte, v bson.RawValue) ([]byte, error) {
	switch v.Type {
	case bson.TypeEmbeddedDocument:
		return appendObject(dst, v.Document())
	case bson.TypeArray:
		return appendArray(dst, v.Array())
	case bson.TypeString:
		return appendText(dst, v.StringValue())
	case bson.TypeBoolean:
		return strconv.AppendBool(dst, v.Boolean()), nil
	case bson.TypeNull:
		return append(dst, "null"...), nil
	case bson.TypeInt32:
		return strconv.AppendInt(dst, int64(v.Int32()), 10), nil
	case bson.TypeInt64:
		return strconv.AppendInt(dst, v.Int64(), 10), nil
	case bson.TypeDouble:
		f := v.Double()
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, unlike("is %v, which JSON has not", f)
		}
		return appendDouble(dst, f), nil
	}
	return appendForeign(dst, v)
}

// appendForeign appends what only another hand stores.
func appendForeign(dst []byte, v bson.RawValue) ([]byte, error) {
	switch v.Type {
	case bson.TypeDateTime:
		return fmt.Appendf(dst, "%q", v.Time().UTC().Format("2006-01-02T15:04:05.000Z")), nil
	case bson.TypeObjectID:
		return fmt.Appendf(dst, "%q", v.ObjectID().Hex()), nil
	case bson.TypeDecimal128:
		d := v.Decimal128()
		if d.IsNaN() || d.IsInf() != 0 {
			return nil, unlike("is %v, which JSON has not", d)
		}
		return append(dst, strings.ToLower(d.String())...), nil
	case bson.TypeBinary:
		if subtype, b := v.Binary(); subtype == bson.TypeBinaryUUID && len(b) == 16 {
			return fmt.Appendf(dst, `"%x-%x-%x-%x-%x"`, b[:4], b[4:6], b[6:8], b[8:10], b[10:]), nil
		}
	}
	return nil, unlike("is of the BSON type %s, which JSON has not", v.Type)
}

func appendObject(dst []byte, d bson.Raw) ([]byte, error) {
	elements, err := d.Elements()
	if err != nil {
		return nil, unlike("is not sound BSON")
	}
	var seen names
	dst = append(dst, '{')
	for i, e := range elements {
		name := e.Key()
		if !seen.add(name) {
			return nil, within(unlike("stands there twice"), "."+name)
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = appendText(dst, name); err != nil {
			return nil, err
		}
		if dst, err = appendJSON(append(dst, ':'), e.Value()); err != nil {
			return nil, within(err, "."+name)
		}
	}
	return append(dst, '}'), nil
}

func appendArray(dst []byte, a bson.RawArray) ([]byte, error) {
	values, err := a.Values()
	if err != nil {
		return nil, unlike("is not sound BSON")
	}
	dst = append(dst, '[')
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = appendJSON(dst, v); err != nil {
			return nil, within(err, fmt.Sprintf("[%d]", i))
		}
	}
	return append(dst, ']'), nil
}

// appendText appends a JSON string. MongoDB stores whatever bytes a client
// calls text.
func appendText(dst []byte, s string) ([]byte, error) {
	if !utf8.ValidString(s) {
		return nil, unlike("has text that is not UTF-8")
	}
	dst = append(dst, '"')
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[from:i]...)
		from = i + 1
		if short := escapes[c]; short != 0 {
			dst = append(dst, '\\', short)
		} else {
			dst = fmt.Appendf(dst, `\u%04x`, c)
		}
	}
	return append(append(dst, s[from:]...), '"'), nil
}

var escapes = [128]byte{'"': '"', '\\': '\\', '\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't'}
