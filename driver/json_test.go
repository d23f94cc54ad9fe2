package driver_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/holdfast-go/holdfast/driver"
)

// documents are values as they come, good ones and others: what the suite of
// package storetest puts, and what sits where the check changes its step.
func documents() []string {
	docs := []string{
		`{"symbol":"BTCUSDT","priceOpen":50000.5,"note":null}`, `[["strategy-a:BTCUSDT",{"size":1}],[]]`,
		`null`, `true`, `false`, `"text"`, `""`, `{}`, `[]`, `0`, `-0`, `[1.0,1]`, `1e400`, `0.12345678901234567890`,
		`{"n":9223372036854775807}`, `{"n":-9223372036854775808}`, `1E+21`, `1e-7`, `{"s":"a\u0000b"}`,
		`{"s":"🚀 to the 🌕"}`, `{"s":"\ud83d\ude80"}`, `{"s":"\"\\\/\b\f\n\r\t"}`, `{"s":"<a href='x'>&amp;</a>"}`,
		"{\"s\":\"a\u2028b\u2029c\"}", "{\"s\":[\"\u00e9\",\"e\u0301\"]}", "{\"s\":\"\ufffe\uffff\U0010ffff\ufffd\"}",
		"{\"s\":\"\ufeff\"}", `{"a":null,"b":[null,{"c":null}]}`, `{"a.b":1,"$set":{"$where":2},"":3}`,
		" \t\r\n{ \"a\" : [ 1 , 2 ] }\n ", "{\n  \"a\": 1.50,\n\t\"b\": \"\\u0041\"\n}\n", `{"a":1,"a":2}`,
		`{"s":"\ud800","t":"\udc00x"}`, "\"\x7f\"",

		"", " \n\t", `{"a":1}{"a":2}`, `1 2`, `{"a":1}]`, "{\"a\":1}\x00", "\x00\x00\x00\x00", "{\"a\":\"\xff\"}",
		"{\"a\":\"\xed\xa0\x80\"}", "\"\xe2\x82", `{"a":NaN}`, `-Infinity`, `undefined`, `{'a':1}`, `{a:1}`, `{"a":[1,2`,
		`"abc`, "\ufeff{\"a\":1}", `{"a":1,}`, `{"a":1} // note`, `01`, `+1`, `1.`, "\"a\nb\"", `"\x41"`, `True`, "\u00a01",
		`-`, `.5`, `1.e1`, `1e`, `1e+`, `-01`, `--1`, `[1,]`, `[,1]`, `[1 2]`, `{"a"}`, `{"a":}`, `{"a" 1}`, `{,}`, `{1:2}`,
		`[}`, `{]`, `[{]}`, `]`, `,`, `"\u12"`, `"\u12G4"`, `"\`, `"\u`, "\"\x1f\"", `nul`, `nulll`, "tru\u0065", "1\f", "1\v2",
	}
	for _, text := range []string{"", "\\n", "é", "€", "🚀", "\xc3", "\xf0\x9f\x9a", "\x00", "\x1f", "!#$[]^", "\"", "\\"} {
		for n := range 18 { // each of them at every place of a word and of the rest
			docs = append(docs, `["`+strings.Repeat("x", n)+text+`",1]`, `"`+strings.Repeat("~", n%3)+text+strings.Repeat(" ", n)+`"`)
		}
	}
	return docs
}

// nested is a value of arrays and objects by turns, as deep as it says.
func nested(depth int) string {
	var open, closing strings.Builder
	for i := range depth {
		if i%3 == 1 {
			open.WriteString(`{"a":`)
		} else {
			open.WriteString(`[`)
		}
		if (depth-1-i)%3 == 1 {
			closing.WriteString(`}`)
		} else {
			closing.WriteString(`]`)
		}
	}
	return open.String() + "1" + closing.String()
}

// checkAgreement fails if ValidateData and encoding/json differ.
func checkAgreement(t *testing.T, data []byte) {
	t.Helper()
	want := utf8.Valid(data) && json.Valid(data)
	err := driver.ValidateData(data)
	if (err == nil) != want || err != nil && !errors.Is(err, driver.ErrInvalidJSON) {
		t.Fatalf("ValidateData(%.200q) = %v, and encoding/json takes it: %t", data, err, want)
	}
}

// TestDataIsWhatEncodingJSONTakes has every document, every beginning and end of
// it, and every change of one byte of it.
func TestDataIsWhatEncodingJSONTakes(t *testing.T) {
	const instead = "\x00\x1f\n \"+,-.09:EG[\\]afu{}\x80\xe2"
	for _, doc := range documents() {
		for i := range len(doc) {
			checkAgreement(t, []byte(doc[:i]))
			checkAgreement(t, []byte(doc[i:]))
			checkAgreement(t, []byte(doc[:i]+doc[i+1:]))
			for _, c := range []byte(instead) {
				changed := []byte(doc)
				changed[i] = c
				checkAgreement(t, changed)
				checkAgreement(t, append(append([]byte(doc[:i]), c), doc[i:]...))
			}
		}
		checkAgreement(t, []byte(doc))
	}
	for c := range 256 { // every byte at every place of a word
		for n := range 10 {
			checkAgreement(t, []byte(`"`+strings.Repeat("x", n)+string([]byte{byte(c)})+strings.Repeat("~", 10)+`"`))
		}
	}
}

// A word of levels, and the limit of encoding/json, which could not decode
// anything deeper.
func TestNesting(t *testing.T) {
	for _, depth := range []int{1, 2, 62, 63, 64, 65, 66, 127, 128, 129, 130, 191, 193, 1000, 9_999, 10_000, 10_001, 10_002, 20_000} {
		doc := []byte(nested(depth))
		checkAgreement(t, doc)
		if err := driver.ValidateData(doc); (err == nil) != (depth <= 10_000) {
			t.Errorf("%d levels: %v", depth, err)
		}
		for _, change := range []func(doc []byte) []byte{
			func(doc []byte) []byte { return doc[:len(doc)-1] },
			func(doc []byte) []byte { return append(doc, doc[len(doc)-1]) },
			func(doc []byte) []byte { return bytes.Replace(doc, []byte("1"), nil, 1) },
			func(doc []byte) []byte { return bytes.Replace(doc, []byte("1"), []byte("[],{}"), 1) },
			func(doc []byte) []byte { return bytes.Replace(doc, []byte("1"), []byte(`{"b":[]},[1]`), 1) },
			func(doc []byte) []byte { doc[len(doc)/2+1] ^= '}' ^ ']'; return doc },
			func(doc []byte) []byte { doc[len(doc)-1] ^= '}' ^ ']'; return doc },
		} {
			checkAgreement(t, change(bytes.Clone(doc)))
		}
	}
	checkAgreement(t, []byte(strings.Repeat("[[],", 3000)+"1"+strings.Repeat("]", 3000))) // wide, not deep
	checkAgreement(t, bytes.Repeat([]byte("["), 1<<20))
}

func TestLargestData(t *testing.T) {
	doc := bytes.Repeat([]byte("x"), driver.MaxData+1)
	doc[0], doc[driver.MaxData-1] = '"', '"'
	if err := driver.ValidateData(doc[:driver.MaxData]); err != nil {
		t.Errorf("data of the largest size: %v", err)
	}
	doc[driver.MaxData-1], doc[driver.MaxData] = 'x', '"'
	if err := driver.ValidateData(doc); !errors.Is(err, driver.ErrInvalidJSON) {
		t.Errorf("one byte more: %v", err)
	}
}

func TestErrorsOfData(t *testing.T) {
	for data, want := range map[string]string{
		"":                 "invalid JSON: no value: write null to clear",
		" \n":              "invalid JSON: no value: write null to clear",
		"\"\xff\"":         "invalid JSON: not UTF-8",
		`{"a":1,}`:         "invalid JSON: it breaks at byte 8 of 8",
		`[1,2`:             "invalid JSON: it breaks at byte 4 of 4",
		`{"key":tru}`:      "invalid JSON: it breaks at byte 11 of 11",
		nested(10_001):     fmt.Sprintf("invalid JSON: it breaks at byte 23333 of %d", len(nested(10_001))),
		"{\"a\":\"\x01\"}": "invalid JSON: it breaks at byte 7 of 9",
	} {
		if err := driver.ValidateData([]byte(data)); err == nil || err.Error() != want {
			t.Errorf("ValidateData(%.20q): %v, want %s", data, err, want)
		}
	}
}

func FuzzValidateData(f *testing.F) {
	for _, doc := range append(documents(), nested(65), nested(130)) {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		checkAgreement(t, data)
		// Within a value that is good, most changes are seen to matter.
		checkAgreement(t, fmt.Appendf(nil, `[{"text":"%s"},%s]`, data, data))
	})
}

// entity is a signal as a strategy keeps it, of some 400 bytes.
const entity = `{"id":"3f2b8c1e-7d4a-4f6b-9a51-0c8e2d7f1b34","symbol":"BTCUSDT","strategyName":"strategy-a","exchangeName":"binance",` +
	`"position":"long","note":"breakout above the range of the week","priceOpen":64250.5,"priceTakeProfit":66800,"priceStopLoss":63100.25,` +
	`"minuteEstimatedTime":240,"scheduledAt":1718000000000,"pendingAt":1718000060000,"status":"active","partials":[0.25,0.5],"retry":null,"isScheduled":false}`

const readable = `{
  "id": "3f2b8c1e-7d4a-4f6b-9a51-0c8e2d7f1b34",
  "symbol": "BTCUSDT",
  "strategyName": "strategy-a",
  "priceOpen": 64250.5,
  "priceTakeProfit": 66800,
  "priceStopLoss": 63100.25,
  "scheduledAt": 1718000000000,
  "partials": [
    0.25,
    0.5
  ],
  "isScheduled": false
}
`

func TestValidateDataDoesNotAllocate(t *testing.T) {
	docs := [][]byte{[]byte(entity), []byte(readable), []byte(nested(10_000)), []byte(`"Überkauft: 비트코인 🚀"`)}
	if n := testing.AllocsPerRun(10, func() {
		for _, doc := range docs {
			if driver.ValidateData(doc) != nil {
				t.Fatalf("refused: %.50s", doc)
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkValidateData has what was there before beside it: the ratio is what
// counts.
func BenchmarkValidateData(b *testing.B) {
	for name, doc := range map[string]string{
		"entity": entity, "readable": readable, "text": `"` + strings.Repeat("all of it is text ", 55) + `"`,
		"numbers": "[" + strings.Repeat("[1718000000000,64250.5,12.25],", 30) + "0]", "korean": `"` + strings.Repeat("비트코인 ", 60) + `"`,
	} {
		data := []byte(doc)
		for check, valid := range map[string]func([]byte) bool{
			"ours":          func(data []byte) bool { return driver.ValidateData(data) == nil },
			"encoding-json": func(data []byte) bool { return utf8.Valid(data) && json.Valid(data) },
		} {
			b.Run(name+"/"+check, func(b *testing.B) {
				b.SetBytes(int64(len(data)))
				b.ReportAllocs()
				for b.Loop() {
					if !valid(data) {
						b.Fatal("refused")
					}
				}
			})
		}
	}
}
