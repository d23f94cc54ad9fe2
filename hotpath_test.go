package holdfast_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/memstore"
)

func TestGetAndPutDoNotAllocate(t *testing.T) {
	c, ctx := collection[json.RawMessage](t, newStore(t, newTrivial(1)), "signal/strategy-a"), t.Context()
	data := json.RawMessage(signalText)
	for name, call := range map[string]func() error{
		"Get": func() error { _, err := c.Get(ctx, "BTCUSDT"); return err },
		"Put": func() error { return c.Put(ctx, "BTCUSDT", data) },
		"Has": func() error { _, err := c.Has(ctx, "BTCUSDT"); return err },
	} {
		if n := testing.AllocsPerRun(100, func() {
			if err := call(); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// An entity that is ready stands for its own name alone, not for an id.
func TestNamesAreCheckedOfWhatIsReady(t *testing.T) {
	s := newStore(t, newTrivial(1)) // which takes everything
	c := collection[int](t, s, "e")
	put(t, c, "x", 1)
	for _, id := range []string{"", "\xff", "a\x00", strings.Repeat("x", 1025)} {
		_, getErr := c.Get(t.Context(), id)
		_, hasErr := c.Has(t.Context(), id)
		for name, err := range map[string]error{"Get": getErr, "Has": hasErr, "Put": c.Put(t.Context(), id, 1)} {
			if !errors.Is(err, holdfast.ErrInvalidName) {
				t.Errorf("%s of id %.20q: %v", name, id, err)
			}
		}
	}
}

type (
	inField  struct{ A any }
	inDeep   struct{ A []map[string]*[2]inField }
	inEmbed  struct{ inField }
	inItself struct {
		Next *inItself
		A    any
	}
	list struct {
		Next *list
		A    json.Number
	}
)

// Wherever in a type an interface stands, its numbers keep all their digits.
func TestNumbersOfInterfacesKeepTheirDigits(t *testing.T) {
	const digits = "12345678901234567890.5"
	wantDigits[inField](t, `{"A":`+digits+`}`)
	wantDigits[inDeep](t, `{"A":[{"x":[{"A":`+digits+`},null]}]}`)
	wantDigits[inEmbed](t, `{"A":`+digits+`}`)
	wantDigits[inItself](t, `{"Next":{"A":`+digits+`}}`)
	wantDigits[map[string]any](t, `{"A":`+digits+`}`)
	wantDigits[*[]any](t, `[`+digits+`]`)
	wantDigits[[1]any](t, `[`+digits+`]`)
	wantDigits[list](t, `{"Next":{"A":`+digits+`}}`)
	wantDigits[map[string]json.RawMessage](t, `{"A":`+digits+`}`)
}

func wantDigits[T any](t *testing.T, data string) {
	t.Helper()
	s := newStore(t, memstore.New())
	put(t, collection[json.RawMessage](t, s, "e"), "x", json.RawMessage(data))
	v, err := collection[T](t, s, "e").Get(t.Context(), "x")
	must(t, err)
	again, err := json.Marshal(v)
	must(t, err)
	if !strings.Contains(string(again), "12345678901234567890.5") {
		t.Errorf("%T: %s has become %s", v, data, again)
	}
}

// What holds no interface is decoded in another way, with the same result and
// the same errors.
func TestBothWaysToDecode(t *testing.T) {
	type plain struct {
		A int
		B []string
		C time.Time
	}
	type other struct {
		plain
		X any `json:"-"` // makes it one with an interface
	}
	for _, data := range []string{
		`{"A":1,"B":["x"],"C":"2026-01-02T03:04:05Z"}`, "\n{\"a\":1, \"b\":null}\n", `{"A":"text","B":["x"]}`, `{"A":1.5}`, `[]`, `"x"`,
		`{"B":[1,"x"]}`, `{"A":1e999}`, `{"C":"yesterday"}`, `{"A":9223372036854775808,"B":["y"]}`,
	} {
		s := newStore(t, memstore.New())
		put(t, collection[json.RawMessage](t, s, "e"), "x", json.RawMessage(data))
		p, err := collection[plain](t, s, "e").Get(t.Context(), "x")
		o, want := collection[other](t, s, "e").Get(t.Context(), "x")
		text := func(err error) string {
			return strings.NewReplacer("holdfast_test.other", "", "holdfast_test.plain", "", "other.plain", "plain", "other", "plain").Replace(fmt.Sprint(err))
		}
		if !reflect.DeepEqual(p, o.plain) || text(err) != text(want) {
			t.Errorf("%s: %+v, %v; with an interface beside it %+v, %v", data, p, err, o.plain, want)
		}
	}
}

// Put leaves it to the backend to refuse what is not JSON, as the contract has
// it: looking at the data twice would be the most of what a Put costs here.
func TestTheBackendJudgesData(t *testing.T) {
	takesAll := collection[json.RawMessage](t, newStore(t, newTrivial(1)), "e")
	if err := takesAll.Put(t.Context(), "x", json.RawMessage(`[1,]`)); err != nil {
		t.Errorf("a backend that takes everything was not asked: %v", err)
	}
	c := collection[json.RawMessage](t, newStore(t, memstore.New()), "e")
	if err := c.Put(t.Context(), "x", json.RawMessage(`[1,]`)); err == nil || err.Error() != "put e x: invalid JSON: it breaks at byte 4 of 4" {
		t.Errorf("got %v", err)
	}
}
