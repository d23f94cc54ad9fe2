package storetest

import (
	"fmt"
	"slices"
	"strings"
)

// document is a JSON value that must come back as it was put.
type document struct {
	name string
	data string
	kind documentKind
}

type documentKind int

const (
	plain   documentKind = iota // every backend takes it
	special                     // a backend without exact bytes may refuse it, with a clear error
	literal                     // says something only where bytes are exact
)

func documents() []document {
	return slices.Concat(simple(), numbers(), texts(), shapes(), literals())
}

func simple() []document {
	return []document{
		{"object", `{"symbol":"BTCUSDT","priceOpen":50000.5,"note":null}`, plain},
		{"array", `[["strategy-a:BTCUSDT",{"size":1}],[]]`, plain},
		{"null", `null`, plain},
		{"true", `true`, plain},
		{"false", `false`, plain},
		{"string", `"text"`, plain},
		{"empty string", `""`, plain},
		{"empty object", `{}`, plain},
		{"empty array", `[]`, plain},
		{"zero", `0`, plain},
	}
}

func numbers() []document {
	return []document{
		{"largest int64", `{"n":9223372036854775807}`, plain},
		{"smallest int64", `{"n":-9223372036854775808}`, plain},
		{"an integer above 2^53", `{"n":9007199254740993}`, plain},
		{"an integer above int64", `{"n":18446744073709551616}`, special},
		{"40 digits", `{"n":1234567890123456789012345678901234567890}`, special},
		{"0.1+0.2", `{"n":0.30000000000000004}`, plain},
		{"a price of 20 digits", `{"n":0.12345678901234567890}`, special},
		{"minus zero", `{"n":-0}`, plain},
		{"1e21", `{"n":1e21}`, plain},
		{"1e-7", `{"n":1e-7}`, plain},
		{"1.0 beside 1", `{"n":[1.0,1]}`, plain},
		{"beyond float64", `{"n":1e400}`, special},
	}
}

func texts() []document {
	return []document{
		{"NUL escaped", `{"s":"a\u0000b"}`, special},
		{"emoji", `{"s":"🚀 to the 🌕"}`, plain},
		{"escaped emoji", `{"s":"\ud83d\ude80"}`, plain},
		{"all short escapes", `{"s":"\"\\\/\b\f\n\r\t"}`, plain},
		{"html characters", `{"s":"<a href='x'>&amp;</a>"}`, plain},
		{"raw line separators", "{\"s\":\"a\u2028b\u2029c\"}", plain},
		{"composed and decomposed", "{\"s\":[\"\u00e9\",\"e\u0301\"]}", plain},
		{"noncharacters", "{\"s\":\"\ufffe\uffff\U0010ffff\ufffd\"}", plain},
		{"a BOM within", "{\"s\":\"\ufeff\"}", plain},
		{"a key with NUL", `{"a\u0000b":1}`, special},
		{"what looks like a date", `{"t":"2024-01-01T00:00:00.000Z"}`, plain},
	}
}

func shapes() []document {
	return []document{
		{"nested nulls", `{"a":null,"b":[null,{"c":null}]}`, plain},
		{"keys with dots and dollars", `{"a.b":1,"$set":{"$where":2},"":3,"__proto__":{"constructor":4}}`, plain},
		{"numbers as keys", `{"2":"b","10":"a","1":"c"}`, plain},
		{"keys of other systems", `{"_id":1,"$oid":"x","id":2,"rev":3,"data":4,"entity":5}`, plain},
		{"what looks like extended JSON", `{"a":{"$numberLong":"5"},"b":{"$date":"2024-01-01T00:00:00Z"}}`, special},
		{"50 levels", nest(50), plain},
		{"200 levels", nest(200), special},
		{"1,000 members", members(1000), plain},
		{"1 MiB", `{"s":"` + strings.Repeat("x", 1<<20) + `"}`, plain},
		{"white space around", " \t\r\n{ \"a\" : [ 1 , 2 ] }\n ", plain},
	}
}

func literals() []document {
	return []document{
		{"order of members", `{"b":1,"a":2,"c":3}`, literal},
		{"the same member twice", `{"a":1,"a":2}`, literal},
		{"lone surrogates", `{"s":"\ud800","t":"\udc00x"}`, literal},
		{"as a person writes it", "{\n  \"a\": 1.50,\n\t\"b\": \"\\u0041\"\n}\n", literal},
	}
}

func nest(levels int) string {
	return strings.Repeat(`{"a":[`, levels/2) + "1" + strings.Repeat(`]}`, levels/2)
}

func members(n int) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = fmt.Sprintf(`"k%d":%d`, i, i)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// refused is what is not exactly one JSON value in UTF-8.
func refused() []document {
	return []document{
		{name: "nothing", data: ""},
		{name: "white space alone", data: " \n\t"},
		{name: "two values", data: `{"a":1}{"a":2}`},
		{name: "two numbers", data: `1 2`},
		{name: "garbage behind", data: `{"a":1}]`},
		{name: "NUL behind", data: "{\"a\":1}\x00"},
		{name: "zeros alone", data: "\x00\x00\x00\x00"},
		{name: "not UTF-8", data: "{\"a\":\"\xff\"}"},
		{name: "a surrogate in UTF-8", data: "{\"a\":\"\xed\xa0\x80\"}"},
		{name: "cut within a character", data: "\"\xe2\x82"},
		{name: "NaN", data: `{"a":NaN}`},
		{name: "Infinity", data: `-Infinity`},
		{name: "undefined", data: `undefined`},
		{name: "single quotes", data: `{'a':1}`},
		{name: "no quotes", data: `{a:1}`},
		{name: "cut off", data: `{"a":[1,2`},
		{name: "cut off in a string", data: `"abc`},
		{name: "BOM in front", data: "\ufeff{\"a\":1}"},
		{name: "comma behind the last", data: `{"a":1,}`},
		{name: "comment", data: `{"a":1} // note`},
		{name: "leading zero", data: `01`},
		{name: "leading plus", data: `+1`},
		{name: "no digit behind the point", data: `1.`},
		{name: "raw newline in a string", data: "\"a\nb\""},
		{name: "unknown escape", data: `"\x41"`},
		{name: "wrong case", data: `True`},
		{name: "a space that is not JSON's", data: "\u00a01"},
	}
}
