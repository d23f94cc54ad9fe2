package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/internal/testtool"
)

// What is exported and imported elsewhere is exported there as the same bytes,
// whatever the names and values are.
func TestExportAndImportAreInverse(t *testing.T) {
	from, _ := newStore(t)
	to, _ := newStore(t)
	for _, v := range []struct{ entity, id, data string }{
		{"signal/a", "BTC/USDT:USDT", ` { "price" : 1.50, "n": 12345678901234567890, "e":1e400 } `},
		{"signal/a", "../x", `"<&>  \u2028 \ud83d\ude00 😀"`},
		{"signal/a", "a\nb", "null"},
		{"risk/b", "positions", "[\n]"},
		{"Ä/ß", "\" '`\\\u2028", `{"a":1,"a":2}`},
	} {
		put(t, from, v.entity, v.id, v.data)
	}
	dump := invoke(t, "", from, "export").ok(t)
	for line := range strings.Lines(dump) {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
	if !strings.Contains(dump, `"data":{"price":1.50,"n":12345678901234567890,"e":1e400}}`+"\n") {
		t.Errorf("numbers were changed:\n%s", dump)
	}
	invoke(t, dump, to, "import", "--writers", "8").ok(t)
	if again := invoke(t, "", to, "export", "--json").ok(t); again != dump {
		t.Errorf("got\n%swant\n%s", again, dump)
	}
	if one := invoke(t, "", to, "export", "risk/b").ok(t); one != `{"entity":"risk/b","id":"positions","data":[]}`+"\n" {
		t.Errorf("got %s", one)
	}
}

func TestExportOrder(t *testing.T) {
	store, _ := newStore(t)
	for _, key := range []string{"b log-10", "b log-9", "a-b x", "a/b x", "a x", "B x"} {
		entity, id, _ := strings.Cut(key, " ")
		put(t, store, entity, id, "1")
	}
	var got []string
	for line := range strings.Lines(invoke(t, "", store, "export").ok(t)) {
		var v struct{ Entity, ID string }
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatal(err)
		}
		got = append(got, v.Entity+" "+v.ID)
	}
	if want := "B x|a x|a-b x|a/b x|b log-9|b log-10"; strings.Join(got, "|") != want {
		t.Errorf("got %s\nwant %s", strings.Join(got, "|"), want)
	}
}

// A directory that backtest-kit wrote, in the order in which it lists it.
func TestExportOfBacktestKitsDirectory(t *testing.T) {
	shared := testtool.Shared(t, "interop")
	raw, err := os.ReadFile(filepath.Join(shared, "order.json"))
	if err != nil {
		t.Fatal(err)
	}
	var order map[string][]string
	if err := json.Unmarshal(raw, &order); err != nil {
		t.Fatal(err)
	}
	for entity, want := range order {
		var got []string
		store := "--store=file:" + filepath.Join(shared, "logs", "custom")
		for line := range strings.Lines(invoke(t, "", store, "ls", "--json", entity).ok(t)) {
			var v struct{ ID string }
			if err := json.Unmarshal([]byte(line), &v); err != nil {
				t.Fatal(err)
			}
			got = append(got, v.ID)
		}
		if strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("%s: got %v\nwant %v", entity, got, want)
		}
	}
}

func TestExportLeavesOutWhatIsDamaged(t *testing.T) {
	store, dir := newStore(t)
	put(t, store, "e", "a", "1")
	put(t, store, "e", "z", "2")
	writeFile(t, filepath.Join(dir, "e", "m.json"), `{"cut":`)
	r := invoke(t, "", store, "export")
	r.fails(t, exitDamaged, "left out: ", "e m: damaged", "m.json", "not valid JSON", `holdfast check`)
	want := `{"entity":"e","id":"a","data":1}` + "\n" + `{"entity":"e","id":"z","data":2}` + "\n"
	if r.out != want {
		t.Errorf("got\n%swant\n%s", r.out, want)
	}
}

func TestExportToAnOutputThatFails(t *testing.T) {
	store, _ := newStore(t)
	put(t, store, "e", "a", "1")
	for _, args := range [][]string{{"export"}, {"ls"}, {"ls", "e"}, {"ls", "--json"}, {"get", "e", "a"}, {"check"}, {"version"}, {"completion", "fish"}} {
		var errs bytes.Buffer
		code := run(append([]string{store}, args...), strings.NewReader(""), &failing{0}, &errs)
		result{code, "", errs.String()}.fails(t, exitFailed, "output: pipe is gone")
	}
}
