package holdfast_test

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/memstore"
)

type row struct {
	Side string `json:"side"`
	N    int64  `json:"n"`
}

func TestNullOfTypes(t *testing.T) {
	s := newStore(t, memstore.New())
	put(t, collection[json.RawMessage](t, s, "e"), "x", json.RawMessage(" null\n"))

	cleared := func(err error) bool { return errors.Is(err, holdfast.ErrCleared) }
	for name, x := range map[string]struct {
		get  func() (any, error)
		want any
		ok   func(error) bool
	}{
		"struct":     {get[row](t, s), row{}, cleared},
		"int":        {get[int](t, s), 0, cleared},
		"string":     {get[string](t, s), "", cleared},
		"array":      {get[[2]int](t, s), [2]int{}, cleared},
		"pointer":    {get[*row](t, s), (*row)(nil), nil},
		"map":        {get[map[string]int](t, s), map[string]int(nil), nil},
		"slice":      {get[[]int](t, s), []int(nil), nil},
		"any":        {get[any](t, s), nil, nil},
		"raw":        {get[json.RawMessage](t, s), json.RawMessage(" null\n"), nil},
		"decodes it": {get[nullable](t, s), nullable{}, cleared},
		"time":       {get[time.Time](t, s), time.Time{}, cleared},
	} {
		got, err := x.get()
		if !reflect.DeepEqual(got, x.want) || (x.ok == nil) != (err == nil) || err != nil && !x.ok(err) {
			t.Errorf("%s: got %#v, %v", name, got, err)
		}
		if errors.Is(err, holdfast.ErrNotFound) {
			t.Errorf("%s: cleared is taken for absent", name)
		}
	}
}

func get[T any](t *testing.T, s *holdfast.Store) func() (any, error) {
	c := collection[T](t, s, "e")
	return func() (any, error) { return c.Get(t.Context(), "x") }
}

// nullable decodes JSON itself.
type nullable struct{ null bool }

func (n *nullable) UnmarshalJSON(data []byte) error {
	n.null = string(data) == "null"
	return nil
}

func TestNilIsCleared(t *testing.T) {
	s := newStore(t, memstore.New())
	put(t, collection[*row](t, s, "e"), "pointer", nil)
	put(t, collection[[]int](t, s, "e"), "slice", nil)
	put(t, collection[any](t, s, "e"), "any", nil)
	for e, err := range collection[json.RawMessage](t, s, "e").All(t.Context()) {
		if err != nil || string(e.Value) != "null" {
			t.Errorf("%s: %s, %v", e.ID, e.Value, err)
		}
	}
	// A raw message is its bytes, and no bytes are no JSON.
	wantError(t, collection[json.RawMessage](t, s, "e").Put(t.Context(), "raw", nil), holdfast.ErrInvalidJSON)
}

func TestRawMessageIsExact(t *testing.T) {
	c := collection[json.RawMessage](t, newStore(t, memstore.New()), "e")
	for _, data := range []string{" {\"a\" : 1.50}\n", `"\u0041<&>"`, `[1e2,-0]`, `{"a":1,"a":2}`} {
		put(t, c, "x", json.RawMessage(data))
		if got, err := c.Get(t.Context(), "x"); err != nil || string(got) != data {
			t.Errorf("put %q, got %q, %v", data, got, err)
		}
	}
}

// A price or an id must not become a rounded float64.
func TestAnyKeepsNumbers(t *testing.T) {
	c := collection[any](t, newStore(t, memstore.New()), "e")
	put[any](t, c, "x", map[string]any{"n": int64(math.MaxInt64), "f": json.Number("0.12345678901234567890")})
	got, err := c.Get(t.Context(), "x")
	must(t, err)
	want := map[string]any{"n": json.Number("9223372036854775807"), "f": json.Number("0.12345678901234567890")}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %#v", got)
	}
}

// The files are for people.
func TestJSONIsNotEscapedForHTML(t *testing.T) {
	s := newStore(t, memstore.New())
	put(t, collection[row](t, s, "e"), "x", row{Side: "a<b>&c", N: 1})
	got, err := collection[json.RawMessage](t, s, "e").Get(t.Context(), "x")
	if want := `{"side":"a<b>&c","n":1}`; err != nil || string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

func TestWhatJSONCannotSayIsRefused(t *testing.T) {
	s := newStore(t, memstore.New())
	wantError(t, collection[float64](t, s, "e").Put(t.Context(), "x", math.NaN()), holdfast.ErrInvalidJSON)
	wantError(t, collection[chan int](t, s, "e").Put(t.Context(), "x", nil), holdfast.ErrInvalidJSON)
	if n, err := collection[any](t, s, "e").Len(t.Context()); n != 0 || err != nil {
		t.Errorf("Len: %d, %v", n, err)
	}
}

// A value of another type is neither absent nor damaged, and stays.
func TestValueOfAnotherType(t *testing.T) {
	s := newStore(t, memstore.New())
	put(t, collection[string](t, s, "e"), "x", "text")
	_, err := collection[row](t, s, "e").Get(t.Context(), "x")
	if err == nil || errors.Is(err, holdfast.ErrDamaged) || errors.Is(err, holdfast.ErrNotFound) {
		t.Errorf("got error %v", err)
	}
	if want := "get e x: decode as holdfast_test.row: "; !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got error %v, want %q", err, want)
	}
	if got, err := collection[string](t, s, "e").Get(t.Context(), "x"); got != "text" || err != nil {
		t.Errorf("it does not stay: %q, %v", got, err)
	}
}

// reversed is a codec of the application's own.
type reversed struct{}

func (reversed) Encode(v string) ([]byte, error) { return json.Marshal(flip(v)) }
func (reversed) Decode(data []byte) (string, error) {
	var v string
	err := json.Unmarshal(data, &v)
	return flip(v), err
}

func flip(s string) string {
	b := []byte(s)
	for i := range len(b) / 2 {
		b[i], b[len(b)-1-i] = b[len(b)-1-i], b[i]
	}
	return string(b)
}

func TestCodec(t *testing.T) {
	s := newStore(t, memstore.New())
	c, err := holdfast.NewCollection(s, "e", &holdfast.CollectionOptions[string]{Codec: reversed{}})
	must(t, err)
	put(t, c, "x", "abc")
	if got, err := collection[string](t, s, "e").Get(t.Context(), "x"); got != "cba" || err != nil {
		t.Errorf("stored: %q, %v", got, err)
	}
	if got, err := c.Get(t.Context(), "x"); got != "abc" || err != nil {
		t.Errorf("Get: %q, %v", got, err)
	}
	must(t, c.Update(t.Context(), "x", func(old string, _ bool) (string, error) { return old + "d", nil }))
	if got, err := c.Get(t.Context(), "x"); got != "abcd" || err != nil {
		t.Errorf("Get after Update: %q, %v", got, err)
	}
}

func TestEntry(t *testing.T) {
	c := collection[int](t, newStore(t, memstore.New()), "signal/strategy-a")
	if c.Entity() != "signal/strategy-a" {
		t.Errorf("Entity: %q", c.Entity())
	}
	put(t, c, "x", 1)
	first, err := c.Entry(t.Context(), "x")
	must(t, err)
	put(t, c, "x", 1)
	second, err := c.Entry(t.Context(), "x")
	must(t, err)
	if first.ID != "x" || first.Value != 1 || first.Rev == second.Rev || time.Since(first.ModTime) > time.Hour {
		t.Errorf("got %+v, then %+v", first, second)
	}
}

func TestErrorTexts(t *testing.T) {
	ctx := t.Context()
	c := collection[int](t, newStore(t, memstore.New()), "signal/strategy-a")
	_, getErr := c.Get(ctx, "BTCUSDT")
	_, hasErr := c.Has(ctx, "")
	_, nameErr := holdfast.NewCollection[int](newStore(t, memstore.New()), "a//b", nil)
	updateErr := c.Update(ctx, "BTCUSDT", func(int, bool) (int, error) { return 0, errors.New("my own") })
	batchErr := c.Update(ctx, "", func(int, bool) (int, error) { return 0, nil }) // of the Get within
	for want, err := range map[string]error{
		"get signal/strategy-a BTCUSDT: not found":                                                           getErr,
		"delete signal/strategy-a BTCUSDT: not found":                                                        c.Delete(ctx, "BTCUSDT"),
		"has signal/strategy-a: invalid name: id is empty":                                                   hasErr,
		`collection: invalid name: entity "a//b" has an empty element: write names joined by single slashes`: nameErr,
		"update signal/strategy-a BTCUSDT: my own":                                                           updateErr,
		"get signal/strategy-a: invalid name: id is empty":                                                   batchErr,
	} {
		if err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
		var e *holdfast.Error
		if errors.As(err, &e) && errors.As(e.Err, new(*holdfast.Error)) {
			t.Errorf("wrapped twice: %v", err)
		}
	}
	wantError(t, getErr, driver.ErrNotFound)
}

// Payloads must not stand in logs.
func TestErrorsHoldNoData(t *testing.T) {
	c := collection[json.RawMessage](t, newStore(t, memstore.New()), "e")
	for _, data := range []string{`{"apiKey":"s3cret"`, `"s3cret`, `s3cret`, "{\"a\":\"s3cret\"}\x00"} {
		err := c.Put(t.Context(), "x", json.RawMessage(data))
		wantError(t, err, holdfast.ErrInvalidJSON)
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("the error has the data: %v", err)
		}
	}
}
