package main

import (
	"strings"
	"testing"
)

func TestDiffJSON(t *testing.T) {
	for name, c := range map[string]struct{ old, new, want string }{
		"nothing":        {`{"a":[1,{"b":null}]}`, "{ \"a\": [1, {\"b\": null}] }", ""},
		"order of keys":  {`{"a":1,"b":2}`, `{"b":2,"a":1}`, ""},
		"number as text": {`{"price":1.0}`, `{"price":1.00}`, ".price: 1.0 → 1.00"},
		"exponent":       {`1e2`, `100`, ".: 1e2 → 100"},
		"beyond float64": {`[12345678901234567890]`, `[12345678901234567891]`, ".[0]: 12345678901234567890 → 12345678901234567891"},
		"text or number": {`{"a":"1"}`, `{"a":1}`, `.a: "1" → 1`},
		"null or absent": {`{"a":null}`, `{}`, "- .a: null"},
		"null or false":  {`{"a":null}`, `{"a":false}`, ".a: null → false"},
		"came and went":  {`{"gone":{"x":[1.50]}}`, `{"came":"<&>"}`, `+ .came: "<&>"|- .gone: {"x":[1.50]}`},
		"deep":           {`{"a":[{"b":[1,2]}]}`, `{"a":[{"b":[1,3]}]}`, ".a[0].b[1]: 2 → 3"},
		"longer array":   {`[1,2]`, `[1,2,3,4]`, "+ .[2]: 3|+ .[3]: 4"},
		"shorter array":  {`[1,2,3]`, `[2]`, ".[0]: 1 → 2|- .[1]: 2|- .[2]: 3"},
		"kinds":          {`{"a":{},"b":[],"c":1,"d":{}}`, `{"a":[],"b":1,"c":{},"d":null}`, ".a: {} → []|.b: [] → 1|.c: 1 → {}|.d: {} → null"},
		"odd keys":       {`{"a b":1,"":1,"1x":1,"~/":1}`, `{}`, `- .[""]: 1|- .["1x"]: 1|- .["a b"]: 1|- .["~/"]: 1`},
		"from null":      {`null`, `{"a":1}`, `.: null → {"a":1}`},
		"control":        {`"x"`, "\"\u009b31m\u202e\"", `.: "x" → "\u009b31m\u202e"`},
		"created":        {"", `{"a":1}`, `+ .: {"a":1}`},
		"removed":        {`null`, "", "- .: null"},
		"neither":        {"", "", ""},
	} {
		found, err := diffJSON(bytesOf(c.old), bytesOf(c.new))
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, d := range found {
			lines = append(lines, d.line())
		}
		if got := strings.Join(lines, "|"); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// bytesOf is data; none of the empty string.
func bytesOf(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}

func TestDiffOfStates(t *testing.T) {
	store, states := shelved(t)
	for _, v := range []string{
		"{\"price\": 1.50, \"levels\": [1, 2], \"side\": \"long\"}",
		"{\"levels\": [1, 5, 9], \"price\": 1.5, \"note\": null}",
	} {
		put(t, store, "e", "a", v)
	}
	now := historyOf(t, store)
	for _, c := range []struct{ args, want string }{
		{"", "--- " + now[1].at() + "  revision 5\n+++ " + now[0].at() + "  revision 6\n" +
			".levels[1]: 2 → 5\n+ .levels[2]: 9\n+ .note: null\n.price: 1.50 → 1.5\n- .side: \"long\"\n"},
		{"1", "--- " + states[3].at() + "  revision 1\n+++ " + now[0].at() + "  revision 6\n" +
			"+ .levels: [1,5,9]\n+ .note: null\n.price: 1.50 → 1.5\n"},
		{states[1].at() + " 2", "--- " + states[1].at() + "  removed\n+++ " + states[2].at() + "  revision 2\n+ .: null\n"},
		{"2 1", "--- " + states[2].at() + "  revision 2\n+++ " + states[3].at() + "  revision 1\n.: null → {\"price\":1.50}\n"},
		{"6", "--- " + now[0].at() + "  revision 6\n+++ " + now[0].at() + "  revision 6\nno difference\n"},
	} {
		args := append([]string{store, "diff", "e", "a"}, strings.Fields(c.args)...)
		if got := invoke(t, "", args...).ok(t); got != c.want {
			t.Errorf("diff %s: got\n%swant\n%s", c.args, got, c.want)
		}
	}
	put(t, store, "e", "a", `{"note":null,"price":1.5,"levels":[1,5,9]}`)
	if got := invoke(t, "", store, "diff", "e", "a").ok(t); !strings.HasSuffix(got, "\nno difference but in white space, the order of keys or escapes\n") {
		t.Errorf("got\n%s", got)
	}
	invoke(t, "", store, "diff", "e", "a", "nonsense").fails(t, exitUsage, "nonsense: no revision in the history of e a, and no time", "holdfast diff --help")
	invoke(t, "", store, "diff", "e", "a", "1h").fails(t, exitFailed, "not kept in history")
}

func TestDiffForPrograms(t *testing.T) {
	store, _ := newShelf(t)
	put(t, store, "e", "a", `{"a/b":{"c~d":1.0},"gone":null}`)
	put(t, store, "e", "a", `{"a/b":{"c~d":1.00},"came":[1]}`)
	want := `[{"path":"/a~1b/c~0d","op":"replace","old":1.0,"new":1.00},` +
		`{"path":"/came","op":"add","new":[1]},{"path":"/gone","op":"remove","old":null}]` + "\n"
	if got := invoke(t, "", store, "--json", "diff", "e", "a").ok(t); got != want {
		t.Errorf("got  %swant %s", got, want)
	}
	if got := invoke(t, "", store, "--json", "diff", "e", "a", "1", "1").ok(t); got != "[]\n" {
		t.Errorf("got %s", got)
	}
	invoke(t, "", store, "rm", "e", "a").ok(t)
	if got := invoke(t, "", store, "--json", "diff", "e", "a", "2").ok(t); got != `[{"path":"","op":"remove","old":{"a/b":{"c~d":1.00},"came":[1]}}]`+"\n" {
		t.Errorf("got %s", got)
	}
}
