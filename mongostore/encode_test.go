package mongostore_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/mongostore"
)

// document is what is stored of a value.
func document(t testing.TB, data string) (d bson.Raw, stored bson.RawValue, text bool) {
	t.Helper()
	stored, text = mongostore.Encode([]byte(data), false)
	fields := bson.D{{Key: "_id", Value: 1}, {Key: "entityId", Value: "x"}, {Key: "data", Value: stored}}
	if text {
		fields = append(fields, bson.E{Key: "encoding", Value: "json"})
	}
	d, err := bson.Marshal(fields)
	must(t, err)
	must(t, d.Validate())
	return d, stored, text
}

func TestNativeValues(t *testing.T) {
	for data, want := range map[string]any{
		`null`: nil, `true`: true, `false`: false, `""`: "", `"a"`: "a", `0`: int32(0), `-1`: int32(-1),
		`2147483647`: int32(2147483647), `2147483648`: int64(2147483648), `-2147483648`: int32(-2147483648),
		`-2147483649`: int64(-2147483649), `9223372036854775807`: int64(9223372036854775807),
		`1.0`: 1.0, `1.10`: 1.1, `0.1`: 0.1, `1e5`: 1e5, `1E+2`: 100.0, `1e21`: 1e21, `1000000000000000000000`: 1e21,
		`0.30000000000000004`: 0.30000000000000004, `5e-324`: 5e-324, `0.0e999999999999999999999`: 0.0, `50000.5`: 50000.5,
		`[]`: bson.A{}, `{}`: bson.D{}, `[1,[2]]`: bson.A{int32(1), bson.A{int32(2)}},
		`{"b":1,"a":{"c":"d"}}`:        bson.D{{Key: "b", Value: int32(1)}, {Key: "a", Value: bson.D{{Key: "c", Value: "d"}}}},
		" \t\r\n{ \"a\" : [ 1 , 2 ] }": bson.D{{Key: "a", Value: bson.A{int32(1), int32(2)}}},
		`"\ud83d\ude80\u00e9\n\/\\"`:   "🚀é\n/\\", `{"a$b":1}`: bson.D{{Key: "a$b", Value: int32(1)}},
	} {
		_, stored, text := document(t, data)
		if text {
			t.Errorf("%s is stored as text", data)
			continue
		}
		raw, err := bson.Marshal(bson.D{{Key: "v", Value: stored}})
		must(t, err)
		var got bson.D
		must(t, bson.Unmarshal(raw, &got))
		if !reflect.DeepEqual(got[0].Value, want) {
			t.Errorf("%s is stored as %#v, want %#v", data, got[0].Value, want)
		}
	}
}

func nest(levels int) string {
	return strings.Repeat(`[`, levels) + strings.Repeat(`]`, levels)
}

func members(n int, last string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"k%d":%d,`, i, i)
	}
	return "{" + b.String() + last + ":0}"
}

// What BSON cannot hold, or some server would not, is the text, byte for byte.
func TestValuesAsText(t *testing.T) {
	for _, data := range []string{
		`12345678901234567890`, `9223372036854775808`, `-9223372036854775809`, `0.12345678901234567890`, `1e400`, `-1e400`, `1e-400`,
		`1e999999999999999999999`, `9007199254740993.0`, `0.1000000000000000000001`,
		`{"":1}`, `{"a.b":1}`, `{"$a":1}`, `{"a":{"b":[{"$c":1}]}}`, `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, members(30, `"k7"`),
		`"a\u0000b"`, `{"a\u0000b":1}`, `"\ud800"`, `"\ud800x"`, `"\udc00\ud800"`, `"\ud800\ud800"`, `"\ud800\n"`, `{"\udfff":1}`,
		nest(mongostore.MostLevels + 1), " [1e400 ]\n",
	} {
		d, _, text := document(t, data)
		if !text {
			t.Errorf("%.60s is not stored as text", data)
		}
		if got, _, err := mongostore.Decode(d); err != nil || string(got) != data {
			t.Errorf("%.60s comes back as %.60s, %v", data, got, err)
		}
	}
	if _, _, text := document(t, nest(mongostore.MostLevels)); text {
		t.Error("as many levels as a document may have are stored as text")
	}
	if _, text := mongostore.Encode([]byte(`[["a",1]]`), true); !text {
		t.Error("an array in an array is stored natively on FerretDB, which refuses it")
	}
	// 16 MiB of JSON are more in BSON, where each element has a name.
	many := "[1" + strings.Repeat(",1", 3<<20) + "]"
	if _, _, text := document(t, many); !text {
		t.Error("a value that does not fit into a document natively is not stored as text")
	}
}

func TestSameDecimal(t *testing.T) {
	for _, x := range []struct {
		a, b string
		same bool
	}{
		{"1", "1.0", true}, {"1.10", "1.1", true}, {"100", "1e2", true}, {"1e2", "1E+2", true}, {"0.001", "1e-3", true}, {"123.4500", "1.2345e2", true},
		{"0", "-0", true}, {"0", "0e99999999999", true}, {"0.00", "0e5", true}, {"1", "-1", false}, {"1", "10", false}, {"1e3", "1e4", false},
		{"1e99999999999999999999", "1e99999999999999999999", false}, {"0.1", "0.10000000000000001", false},
	} {
		if got := mongostore.SameDecimal(x.a, x.b); got != x.same {
			t.Errorf("%s and %s: %v, want %v", x.a, x.b, got, x.same)
		}
	}
}

// sameValue is what a value is, numbers exactly.
func sameValue(a, b any) bool {
	switch x := a.(type) {
	case json.Number:
		y, ok := b.(json.Number)
		if !ok || x == y {
			return ok
		}
		r, ok1 := new(big.Rat).SetString(x.String())
		q, ok2 := new(big.Rat).SetString(y.String())
		return ok1 && ok2 && r.Cmp(q) == 0
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !sameValue(x[i], y[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for k := range x {
			if other, there := y[k]; !there || !sameValue(x[k], other) {
				return false
			}
		}
		return true
	}
	return a == b
}

func decoded(t testing.TB, data []byte) any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	must(t, dec.Decode(&v))
	return v
}

func FuzzRoundTrip(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.50,{"b":null}],"c":"\ud83d\ude80\u0000"}`, `-0`, `1e21`, `1.7976931348623157e308`, `[[],{},"",0.1e-6]`, `{"a":1,"a":2}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data string) {
		if driver.ValidateData([]byte(data)) != nil || len(data) > 1<<16 {
			return
		}
		d, _, text := document(t, data)
		got, _, err := mongostore.Decode(d)
		if err != nil || driver.ValidateData(got) != nil {
			t.Fatalf("%q comes back as %q, %v", data, got, err)
		}
		if text {
			if string(got) != data {
				t.Fatalf("%q as text comes back as %q", data, got)
			}
		} else if !sameValue(decoded(t, got), decoded(t, []byte(data))) {
			t.Fatalf("%q comes back as %q", data, got)
		}
	})
}

// Whatever bytes a document is of, nothing panics, and what is read is JSON.
func FuzzDecode(f *testing.F) {
	for _, data := range []string{`{"a":[1,"b",null,true,{"c":0.5}]}`, `"\u0000"`} {
		d, _, _ := document(f, data)
		f.Add([]byte(d))
	}
	f.Fuzz(func(t *testing.T, d []byte) {
		data, rev, err := mongostore.Decode(d)
		if rev == "" || err == nil && driver.ValidateData(data) != nil {
			t.Fatalf("%x: rev %q, %q", d, rev, data)
		}
	})
}

func TestRandomDoubles(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 20_000 {
		text := fmt.Sprintf("%d.%de%d", r.IntN(100), r.IntN(1_000_000), r.IntN(40)-20)
		d, _, _ := document(t, text)
		got, _, err := mongostore.Decode(d)
		if err != nil || !sameValue(json.Number(got), json.Number(text)) {
			t.Fatalf("%s comes back as %s, %v", text, got, err)
		}
	}
}
