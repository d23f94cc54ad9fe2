package flatjson_test

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/internal/flatjson"
)

type side string

type level struct {
	Price  float64 `json:"price"`
	Volume float32 `json:"volume"`
}

// row has a field of each kind that is decoded.
type row struct {
	ID       string  `json:"id"`
	Position side    `json:"position,omitempty"`
	Price    float64 `json:"priceOpen"`
	Minutes  int     `json:"minutes,omitzero"`
	At       int64   `json:"at"`
	Tiny     int8    `json:"tiny"`
	Count    uint16  `json:"count"`
	Untagged bool
	Stop     level  `json:"stop"`
	Dashed   string `json:"with-dash"`
	Left     string `json:"-"`
	hidden   string
}

// A field that is not exported has no name in JSON.
var _ = row{}.hidden

const plain = `{"id":"4f1c","position":"long","priceOpen":20001.5,"minutes":240,"at":1700000000000,` +
	`"tiny":-128,"count":65535,"Untagged":true,"stop":{"price":-1.5e-3,"volume":0.1},"with-dash":"día"}`

// same decodes data in both ways, and tells whether ours was one.
func same[T any](t *testing.T, data string) bool {
	t.Helper()
	s := flatjson.Of(reflect.TypeFor[T]())
	if s == nil {
		t.Fatalf("%T is not decoded", *new(T))
	}
	var got, want T
	if !s.Decode([]byte(data), reflect.ValueOf(&got).Elem()) {
		return false
	}
	if err := json.Unmarshal([]byte(data), &want); err != nil {
		t.Errorf("%q was decoded, encoding/json says: %v", data, err)
	} else if !reflect.DeepEqual(got, want) {
		t.Errorf("%q: got %+v, encoding/json has %+v", data, got, want)
	}
	return true
}

func TestPlainIsDecoded(t *testing.T) {
	for _, data := range []string{
		plain, `{}`, " {\t} \r\n", `{"id":""}`, `{ "id" : "x" , "at" : 0 }`,
		`{"at":-0,"priceOpen":-0}`, `{"priceOpen":0.0}`, `{"priceOpen":1E+308}`, `{"priceOpen":9007199254740993}`,
		`{"stop":{"volume":3.4e38}}`, `{"stop":{}}`,
		`{"with-dash":"x","id":"in another order","at":1}`,
		`{"id":"twice","id":"again","stop":{"price":1},"stop":{"volume":2}}`,
		`{"at":9223372036854775807}`, `{"at":-9223372036854775808}`,
	} {
		if !same[row](t, data) {
			t.Errorf("%q was not decoded", data)
		}
	}
}

func TestTheRestIsLeft(t *testing.T) {
	for _, data := range []string{
		"", " ", "null", "[]", `"x"`, "{", `{"id"`, `{"id"}`, `{"id":`, `{"id":"x`, `{"id":"x"`, `{"id":"x",}`, `{,}`, plain + "x", plain + plain,
		`{"id":null}`, `{"id":"a\n"}`, "{\"id\":\"a\nb\"}", "{\"id\":\"\xff\"}", `{"id":1}`, `{"\u0069d":"x"}`, `{"ID":"folded"}`, `{"more":1}`,
		`{"Left":"x"}`, `{"hidden":"x"}`, `{"-":"x"}`, `{"untagged":true}`,
		`{"at":1.0}`, `{"at":1e3}`, `{"at":01}`, `{"at":-}`, `{"at":+1}`, `{"at":9223372036854775808}`, `{"tiny":128}`, `{"count":-1}`, `{"count":65536}`,
		`{"at":0x10}`, `{"at":1_0}`, `{"at":"1"}`,
		`{"priceOpen":1.}`, `{"priceOpen":.5}`, `{"priceOpen":1e}`, `{"priceOpen":1e+}`, `{"priceOpen":NaN}`, `{"priceOpen":Inf}`, `{"priceOpen":1e309}`,
		`{"priceOpen":00}`, `{"priceOpen":0x1p-2}`, `{"stop":{"volume":1e39}}`, `{"stop":null}`, `{"stop":[]}`,
		`{"Untagged":True}`, `{"Untagged":tru}`, `{"Untagged":trueid}`, `{"Untagged":1}`,
	} {
		if same[row](t, data) {
			t.Errorf("%q was decoded", data)
		}
	}
}

type (
	itself struct{ X int }
	asText string
	holds  struct{ I itself }
	embeds struct{ level }
	quoted struct {
		X int `json:"x,string"`
	}
	odd struct {
		X int `json:"é"`
	}
	hasNumber struct{ X json.Number }
	hasList   struct{ X []int }
	hasTime   struct{ X time.Time }
	hasAny    struct{ X any }
	hasMap    struct{ X map[string]int }
	hasPtr    struct{ X *int }
	hasText   struct{ X asText }
)

func (*itself) UnmarshalJSON([]byte) error { return nil }
func (*asText) UnmarshalText([]byte) error { return nil }

func TestTypesThatAreLeft(t *testing.T) {
	for _, v := range []any{
		1, "x", []row{}, &row{}, map[string]int{}, itself{}, holds{}, embeds{}, quoted{}, odd{},
		hasNumber{}, hasList{}, hasTime{}, hasAny{}, hasMap{}, hasPtr{}, hasText{},
	} {
		if flatjson.Of(reflect.TypeOf(v)) != nil {
			t.Errorf("%T is decoded", v)
		}
	}
	clash := reflect.StructField{Name: "A", Type: reflect.TypeFor[int](), Tag: `json:"x"`}
	other := clash
	other.Name = "B"
	if flatjson.Of(reflect.StructOf([]reflect.StructField{clash, other})) != nil {
		t.Error("two fields of one name are decoded")
	}
	if flatjson.Of(reflect.TypeFor[struct{}]()) == nil {
		t.Error("no field is no reason")
	}
}

// Whatever one to three changed bytes make of a text, it is left, or comes out
// as encoding/json would have it.
func TestSameAsEncodingJSON(t *testing.T) {
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 0))
	const signs = "{}[]\":,.-+eE0123456789 \\\ntrufalsn\xc3\xa9"
	for range 100_000 {
		data := []byte(plain)
		for range 1 + rnd.IntN(3) {
			at, c := rnd.IntN(len(data)), signs[rnd.IntN(len(signs))]
			switch rnd.IntN(3) {
			case 0:
				data[at] = c
			case 1:
				data = append(data[:at], data[at+1:]...)
			default:
				data = append(data[:at], append([]byte{c}, data[at:]...)...)
			}
		}
		same[row](t, string(data))
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func FuzzSameAsEncodingJSON(f *testing.F) {
	f.Add(plain)
	f.Add(`{"stop":{"price":1},"stop":{"volume":2e0}}`)
	f.Fuzz(func(t *testing.T, data string) { same[row](t, data) })
}

func BenchmarkDecode(b *testing.B) {
	b.Run("flat", func(b *testing.B) {
		s := flatjson.Of(reflect.TypeFor[row]())
		for b.Loop() {
			var v row
			if !s.Decode([]byte(plain), reflect.ValueOf(&v).Elem()) {
				b.Fatal("left")
			}
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		for b.Loop() {
			var v row
			if err := json.Unmarshal([]byte(plain), &v); err != nil {
				b.Fatal(err)
			}
		}
	})
}
