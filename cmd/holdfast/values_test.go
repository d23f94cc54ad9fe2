package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestGetPrintsWhatWasPut(t *testing.T) {
	store, dir := newStore(t)
	const data = "{ \"price\": 1.50,\n  \"n\": 12345678901234567890 }\n"
	put(t, store, "signal/a", "BTC/USDT:USDT", data)
	if got := invoke(t, "", store, "get", "signal/a", "BTC/USDT:USDT").ok(t); got != data {
		t.Errorf("got %q, want %q", got, data)
	}
	file := filepath.Join(t.TempDir(), "value.json")
	writeFile(t, file, "null")
	invoke(t, "", store, "put", "signal/a", "ETHUSDT", file).ok(t)
	if got := invoke(t, "", store, "get", "signal/a", "ETHUSDT").ok(t); got != "null" {
		t.Errorf("got %q, want null", got)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "signal/a/ETHUSDT.json")); err != nil || string(got) != "null" {
		t.Errorf("the file holds %q, %v", got, err)
	}
	doc := invoke(t, "", store, "get", "--json", "signal/a", "BTC/USDT:USDT").ok(t)
	var v struct {
		State string
		Size  int
		Data  json.RawMessage
	}
	if err := json.Unmarshal([]byte(doc), &v); err != nil || v.State != "value" || v.Size != len(data) ||
		string(v.Data) != `{"price":1.50,"n":12345678901234567890}` {
		t.Errorf("--json: %s: %v", doc, err)
	}
}

// On a terminal the prompt must not stand behind the value; elsewhere not a
// byte is added.
func TestGetEndsTheLineOnATerminal(t *testing.T) {
	store, _ := newStore(t)
	put(t, store, "e", "bare", `{"a":1}`)
	put(t, store, "e", "ended", "{\"a\":1}\n")
	for _, id := range []string{"bare", "ended"} {
		var out, errs bytes.Buffer
		a := &app{stdin: strings.NewReader(""), stdout: &out, stderr: &errs,
			now: time.Now, isTerminal: func(v any) bool { return v == &out }}
		if code := a.run(context.Background(), []string{store, "get", "e", id}); code != 0 || out.String() != "{\"a\":1}\n" {
			t.Errorf("%s: exit status %d, got %q", id, code, out.String())
		}
	}
}

func TestGetOfNothing(t *testing.T) {
	store, _ := newStore(t)
	for _, args := range []string{"ls", "ls e", "get e a", "export", "export e", "check", "check --repair", "rm e a", "rm --all e"} {
		invoke(t, "", append([]string{store}, strings.Fields(args)...)...).
			fails(t, exitFailed, "nothing has been stored there yet", "--store")
	}
	if _, err := os.Stat(strings.TrimPrefix(store, "--store=file:")); !os.IsNotExist(err) {
		t.Errorf("looking made the directory: %v", err)
	}
	put(t, store, "e", "b", "1")
	invoke(t, "", store, "get", "e", "a").fails(t, exitFailed, "get e a: not found", "holdfast ls e")
	invoke(t, "", store, "rm", "e", "a").fails(t, exitFailed, "e a: not found", "holdfast ls e")
	invoke(t, "", store, "rm", "--all", "none").ok(t)
}

func TestPutRefusesWhatIsNotOneValue(t *testing.T) {
	store, dir := newStore(t)
	folder := t.TempDir()
	for name, c := range map[string]struct {
		stdin, file string
		words       []string
	}{
		"truncated": {`{"a":`, "-", []string{"stdin: invalid JSON", "byte 5 of 5", "nothing was changed"}},
		"two":       {`{} {}`, "-", []string{"invalid JSON", "byte 4 of 5"}},
		"empty":     {"", "-", []string{"write null to clear"}},
		"blank":     {" \n", "-", []string{"write null to clear"}},
		"latin1":    {"\"\xe9\"", "-", []string{"not UTF-8"}},
		"no file":   {"", filepath.Join(folder, "none.json"), []string{"none.json", "no such file"}},
		"directory": {"", folder, []string{folder, "is a directory"}},
	} {
		t.Run(name, func(t *testing.T) {
			invoke(t, c.stdin, store, "put", "signal/a", "X", c.file).
				fails(t, exitFailed, append(c.words, "put signal/a X: ")...)
			if _, err := os.Stat(dir); !os.IsNotExist(err) {
				t.Errorf("the store was touched: %v", err)
			}
		})
	}
	put(t, store, "signal/a", "X", `{"kept":true}`)
	invoke(t, "{", store, "put", "signal/a", "X").fails(t, exitFailed, "invalid JSON")
	if got := invoke(t, "", store, "get", "signal/a", "X").ok(t); got != `{"kept":true}` {
		t.Errorf("the value is now %q", got)
	}
}

func TestPutBoundsItsInput(t *testing.T) {
	store, _ := newStore(t)
	zeros := bytes.Repeat([]byte("1"), 64<<20+1)
	file := filepath.Join(t.TempDir(), "big.json")
	writeFile(t, file, string(zeros))
	invoke(t, "", store, "put", "e", "a", file).fails(t, exitFailed, "big.json", "67108864 bytes", "nothing was changed")
	writeFile(t, file, string(zeros[1:]))
	invoke(t, "", store, "put", "e", "a", file).ok(t)
}

// endless is an input without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '1'
	}
	return len(p), nil
}

func TestPutDoesNotReadForEver(t *testing.T) {
	var errs bytes.Buffer
	code := run([]string{"--store=mem:", "put", "e", "a"}, endless{}, io.Discard, &errs)
	result{code, "", errs.String()}.fails(t, exitFailed, "stdin: over 67108864 bytes")
}

func TestNamesThatNoStoreHolds(t *testing.T) {
	store, dir := newStore(t)
	for _, c := range []struct{ entity, id, word string }{
		{"../e", "a", `".."`},
		{"/e", "a", "empty element"},
		{"e//f", "a", "empty element"},
		{"e", "", "id is empty"},
		{"", "a", "entity is empty"},
		{"e", "\xff", "UTF-8"},
	} {
		r := invoke(t, "1", store, "put", c.entity, c.id)
		r.fails(t, exitFailed, "invalid name", c.word)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the store was touched: %v", err)
	}
	// Ids that only look dangerous are ids like others, and stay inside.
	put(t, store, "e", "../../x", "1")
	if got := invoke(t, "", store, "get", "e", "../../x").ok(t); got != "1" {
		t.Errorf("got %q", got)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(dir), "x*")); left != nil {
		t.Errorf("a value escaped: %v", left)
	}
}

func TestLsTellsEntitiesAndIDs(t *testing.T) {
	store, _ := newStore(t)
	for _, id := range []string{"log-10", "log-2", "a b"} {
		put(t, store, "logs", id, `{"a":1}`)
	}
	put(t, store, "logs", "log-1", "null")
	put(t, store, "Zoo", "x", "1")
	want := "ENTITY  VALUES\nZoo     1\nlogs    4\n"
	if got := invoke(t, "", store, "ls").ok(t); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	got := invoke(t, "", store, "ls", "logs").ok(t)
	var lines []string
	for line := range strings.Lines(got) {
		f := strings.Fields(strings.ReplaceAll(line, `"a b"`, `"a_b"`))
		lines = append(lines, f[0]+" "+f[1]+" "+f[len(f)-1])
	}
	if want := `ID SIZE STATE|"a_b" 7 value|log-1 4 cleared|log-2 7 value|log-10 7 value`; strings.Join(lines, "|") != want {
		t.Errorf("got %s\nwant %s", strings.Join(lines, "|"), want)
	}
	if got := invoke(t, "", store, "ls", "--json").ok(t); got != "{\"entity\":\"Zoo\",\"values\":1}\n{\"entity\":\"logs\",\"values\":4}\n" {
		t.Errorf("--json: %s", got)
	}
	var v struct {
		ID, State, Rev string
		ModTime        time.Time
	}
	first, _, _ := strings.Cut(invoke(t, "", store, "ls", "logs", "--json").ok(t), "\n")
	if err := json.Unmarshal([]byte(first), &v); err != nil || v.ID != "a b" || v.State != "value" ||
		time.Since(v.ModTime) > time.Hour || v.Rev == "" {
		t.Errorf("--json: %s: %v", first, err)
	}
}

func TestLsOfNothingSaysSo(t *testing.T) {
	r := invoke(t, "", "--store=mem:", "ls")
	if r.code != 0 || r.out != "" || !strings.Contains(r.err, "nothing is stored in memory") {
		t.Errorf("%+v", r)
	}
	store, _ := newStore(t)
	put(t, store, "e", "a", "1")
	for _, command := range []string{"ls", "export"} {
		r := invoke(t, "", store, command, "mistyped")
		if r.code != 0 || r.out != "" || !strings.Contains(r.err, "mistyped: it holds no values") {
			t.Errorf("%s: %+v", command, r)
		}
	}
}

func TestRm(t *testing.T) {
	store, dir := newStore(t)
	for _, id := range []string{"a", "b", "c"} {
		put(t, store, "e", id, "1")
	}
	put(t, store, "e/sub", "kept", "1")
	invoke(t, "", store, "rm", "e", "a").ok(t)
	invoke(t, "", store, "get", "e", "a").fails(t, exitFailed, "not found")
	invoke(t, "", store, "rm", "--all", "e").ok(t)
	if got := invoke(t, "", store, "ls", "--json").ok(t); got != "{\"entity\":\"e/sub\",\"values\":1}\n" {
		t.Errorf("left: %s", got)
	}
	if _, err := os.Stat(filepath.Join(dir, "e", "b.json")); !os.IsNotExist(err) {
		t.Errorf("the file is still there: %v", err)
	}
}
