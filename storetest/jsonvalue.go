package storetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
)

// same tells in what got differs from want: in a byte where the backend
// promises exact bytes, else in the value.
func (s *subject) same(got, want []byte) error {
	if bytes.Equal(got, want) {
		return nil
	}
	if s.exact {
		return fmt.Errorf("got %.200q, want exactly %.200q", got, want)
	}
	return sameValue(got, want)
}

// sameValue compares JSON value for value: members of objects in any order,
// numbers exactly and however they are written.
func sameValue(got, want []byte) error {
	g, err := decode(got)
	if err != nil {
		return fmt.Errorf("got %.200q: %w", got, err)
	}
	w, err := decode(want)
	if err != nil {
		return fmt.Errorf("want %.200q: %w", want, err)
	}
	return compare("$", g, w)
}

func decode(data []byte) (any, error) {
	var v any
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	err := dec.Decode(&v)
	return v, err
}

func compare(at string, got, want any) error {
	switch w := want.(type) {
	case json.Number:
		if g, ok := got.(json.Number); ok && sameNumber(g, w) {
			return nil
		}
	case []any:
		if g, ok := got.([]any); ok && len(g) == len(w) {
			return compareArrays(at, g, w)
		}
	case map[string]any:
		if g, ok := got.(map[string]any); ok {
			return compareObjects(at, g, w)
		}
	default:
		if got == want {
			return nil
		}
	}
	return fmt.Errorf("at %s: got %.80v, want %.80v", at, got, want)
}

func compareArrays(at string, got, want []any) error {
	for i := range want {
		if err := compare(fmt.Sprintf("%s[%d]", at, i), got[i], want[i]); err != nil {
			return err
		}
	}
	return nil
}

func compareObjects(at string, got, want map[string]any) error {
	names := slices.Sorted(maps.Keys(want))
	if has := slices.Sorted(maps.Keys(got)); !slices.Equal(has, names) {
		return fmt.Errorf("at %s: got members %.200q, want %.200q", at, has, names)
	}
	for _, name := range names {
		if err := compare(fmt.Sprintf("%s[%q]", at, name), got[name], want[name]); err != nil {
			return err
		}
	}
	return nil
}

func sameNumber(got, want json.Number) bool {
	if got == want {
		return true
	}
	g, ok1 := new(big.Rat).SetString(got.String())
	w, ok2 := new(big.Rat).SetString(want.String())
	return ok1 && ok2 && g.Cmp(w) == 0
}
