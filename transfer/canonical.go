package transfer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
)

// same tells whether two pieces of JSON are what counts as one value.
func (c *copier) same(a, b []byte) bool {
	switch {
	case bytes.Equal(a, b):
		return true
	case c.exact:
		return false
	}
	x, errX := canonicalJSON(a)
	y, errY := canonicalJSON(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// canonicalJSON writes a value in the one way that all ways to write it share:
// no white space, members in byte order (of several of one name the last, as
// decoders take it), characters as encoding/json writes them, numbers as
// [-]digits without zeros around them, then an exponent. No precision is lost.
func canonicalJSON(data []byte) ([]byte, error) {
	var v any
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err := writeCanonical(&b, v)
	return b.Bytes(), err
}

func writeCanonical(b *bytes.Buffer, v any) error {
	switch v := v.(type) {
	case json.Number:
		b.WriteString(canonicalNumber(v.String()))
		return nil
	case []any:
		b.WriteByte('[')
		for _, element := range v {
			if err := writeCanonical(b, element); err != nil {
				return err
			}
			b.WriteByte(',')
		}
		b.WriteByte(']')
		return nil
	case map[string]any:
		b.WriteByte('{')
		for _, name := range slices.Sorted(maps.Keys(v)) {
			fmt.Fprintf(b, "%q:", name)
			if err := writeCanonical(b, v[name]); err != nil {
				return err
			}
			b.WriteByte(',')
		}
		b.WriteByte('}')
		return nil
	}
	text, err := json.Marshal(v)
	b.Write(text)
	return err
}

// canonicalNumber writes 1.50, 15e-1 and 0.15E+1 as 15e-1. Arithmetic is done on
// the exponent alone, which may be of any length: 1e999999999 takes no memory.
func canonicalNumber(text string) string {
	sign := ""
	if rest, negative := strings.CutPrefix(text, "-"); negative {
		sign, text = "-", rest
	}
	mantissa, exponent := text, "0"
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		mantissa, exponent = text[:i], strings.TrimPrefix(text[i+1:], "+")
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		return "0"
	}
	shortened := strings.TrimRight(digits, "0")
	e, ok := new(big.Int).SetString(exponent, 10)
	if !ok {
		return sign + text
	}
	e.Add(e, big.NewInt(int64(len(digits)-len(shortened)-len(fraction))))
	return sign + shortened + "e" + e.String()
}
