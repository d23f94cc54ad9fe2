package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestImportStoresAndRemoves(t *testing.T) {
	store, _ := newStore(t)
	put(t, store, "e", "old", "1")
	const lines = "\xef\xbb\xbf{\"entity\":\"e\",\"id\":\"a\",\"data\":{ \"x\": 1.50 }}\r\n" +
		"\r\n  \n" +
		`{"delete":true,"id":"old","entity":"e"}` + "\n" +
		`{"entity":"e","id":"never","delete":true}` + "\n" +
		`{"entity":"f/g","id":"a \"b\"","data":null}` + "\n" +
		` {"entity":"e","id":"é","data":"\u00e9"} `
	got := invoke(t, lines, store, "import", "--ack").ok(t)
	want := "ACK e a 1\nACK e old 4\nACK e never 5\nACK f/g \"a \\\"b\\\"\" 6\nACK e é 7\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	want = `{"entity":"e","id":"a","data":{"x":1.50}}` + "\n" +
		`{"entity":"e","id":"é","data":"\u00e9"}` + "\n" +
		`{"entity":"f/g","id":"a \"b\"","data":null}` + "\n"
	if got := invoke(t, "", store, "export").ok(t); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got := invoke(t, "", store, "get", "e", "a").ok(t); got != `{ "x": 1.50 }` {
		t.Errorf("the value's bytes are %q", got)
	}
}

func TestImportTellsWhatItDid(t *testing.T) {
	const lines = `{"entity":"e","id":"a","data":1}` + "\n" + `{"entity":"e","id":"b","delete":true}`
	if got := invoke(t, lines, "--store=mem:", "import").ok(t); got != "imported 2 lines: 1 put, 1 deleted\n" {
		t.Errorf("got %q", got)
	}
	if got := invoke(t, lines, "--store=mem:", "import", "--json").ok(t); got != `{"deleted":1,"lines":2,"put":1}`+"\n" {
		t.Errorf("got %q", got)
	}
	want := `{"ack":1,"entity":"e","id":"a"}` + "\n" + `{"ack":2,"entity":"e","id":"b"}` + "\n" + `{"deleted":1,"lines":2,"put":1}` + "\n"
	if got := invoke(t, lines, "--store=mem:", "import", "--ack", "--json").ok(t); got != want {
		t.Errorf("got %q", got)
	}
	if got := invoke(t, "", "--store=mem:", "import", "--ack").ok(t); got != "" {
		t.Errorf("of nothing: got %q", got)
	}
}

// badLines are lines that import refuses, and what it says of them.
var badLines = map[string]struct{ line, word string }{
	"truncated":        {`{"entity":"e","id":"b","data":{"x":`, "not JSON from byte 35 of 35"},
	"garbage behind":   {`{"entity":"e","id":"b","data":1} x`, "not JSON"},
	"array":            {`["e","b",1]`, "not a JSON object"},
	"null":             {`null`, "not a JSON object"},
	"latin1":           {"{\"entity\":\"e\",\"id\":\"\xe9\",\"data\":1}", "not UTF-8"},
	"no entity":        {`{"id":"b","data":1}`, `"entity" is missing`},
	"no id":            {`{"entity":"e","data":1}`, `"id" is missing`},
	"no data":          {`{"entity":"e","id":"b"}`, `either "data" or "delete":true`},
	"data and delete":  {`{"entity":"e","id":"b","data":1,"delete":true}`, `either "data" or "delete":true`},
	"delete false":     {`{"entity":"e","id":"b","delete":false}`, "nothing but true"},
	"delete text":      {`{"entity":"e","id":"b","delete":"true"}`, "nothing but true"},
	"unknown field":    {`{"entity":"e","id":"b","data":1,"Data":2}`, `unknown field "Data"`},
	"twice":            {`{"entity":"e","id":"b","data":1,"data":2}`, `"data" stands there twice`},
	"twice by escape":  {`{"entity":"e","id":"b","data":1,"d\u0061ta":2}`, `"data" stands there twice`},
	"number for name":  {`{"entity":"e","id":7,"data":1}`, `"id" is not a string`},
	"null for name":    {`{"entity":null,"id":"b","data":1}`, `"entity" is not a string`},
	"half a surrogate": {`{"entity":"e","id":"\ud800","data":1}`, "surrogate"},
	"escape upwards":   {`{"entity":"../e","id":"b","data":1}`, "invalid name"},
	"NUL":              {`{"entity":"e","id":"\u0000","data":1}`, "U+0000"},
	"empty id":         {`{"entity":"e","id":"","data":1}`, "id is empty"},
}

// What can be put can be exported and imported, however deep it is.
func TestImportOfTheDeepestValue(t *testing.T) {
	from, _ := newStore(t)
	to, _ := newStore(t)
	nested := func(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }
	const deepest = 10_000
	put(t, from, "e", "a", nested(deepest))
	invoke(t, nested(deepest+1), from, "put", "e", "a").fails(t, exitFailed, "invalid JSON")
	lines := invoke(t, "", from, "export").ok(t)
	invoke(t, lines, to, "import", "--ack").ok(t)
	invoke(t, fmt.Sprintf(`{"data": %s , "id":"b","entity":"e"}`, nested(deepest)), to, "import", "--ack").ok(t)
	if got := invoke(t, "", to, "get", "e", "b").ok(t); got != nested(deepest) {
		t.Errorf("got %d bytes", len(got))
	}
	for _, line := range []string{
		fmt.Sprintf(`{"entity":"e","id":"c","data":%s}`, nested(deepest+1)),
		fmt.Sprintf(`{"entity":"e","id":"c","data":%s,}`, nested(deepest)),
		fmt.Sprintf(`{"entity":"e","id":"c","data":%s} x`, nested(deepest)),
		fmt.Sprintf(`{"entity":"e","id":"c","data":%s]`, nested(deepest)),
		fmt.Sprintf(`{"entity":"e","id":"c","data":%[1]s,"data":%[1]s}`, nested(deepest)),
		fmt.Sprintf(`["data",%s]`, nested(deepest)),
	} {
		invoke(t, line, to, "import").fails(t, exitFailed, "line 1: it is not ")
	}
}

// A bad line names itself, and all before it is stored and acknowledged.
func TestImportStopsAtABadLine(t *testing.T) {
	for name, c := range badLines {
		t.Run(name, func(t *testing.T) {
			for _, writers := range []string{"1", "8"} {
				store, _ := newStore(t)
				var in, all strings.Builder
				for i := range 20 {
					fmt.Fprintf(&in, `{"entity":"e","id":"%d","data":%d}`+"\n", i, i)
					fmt.Fprintf(&all, "%d", i)
				}
				in.WriteString(c.line + "\n" + `{"entity":"e","id":"behind","data":1}`)
				r := invoke(t, in.String(), store, "import", "--ack", "--writers", writers)
				r.fails(t, exitFailed, "import stdin: line 21: ", c.word, "the lines before it are stored")
				if n := strings.Count(r.out, "ACK e "); n != 20 || strings.Contains(r.out, "behind") {
					t.Errorf("%d lines were acknowledged, want 20:\n%s", n, r.out)
				}
				if n := strings.Count(invoke(t, "", store, "export").ok(t), "\n"); n != 20 {
					t.Errorf("%d values are stored, want 20", n)
				}
			}
		})
	}
}

func TestImportNamesItsFile(t *testing.T) {
	store, dir := newStore(t)
	file := filepath.Join(t.TempDir(), "dump.ndjson")
	invoke(t, "", store, "import", file).fails(t, exitFailed, "import: open ", "dump.ndjson", "no such file")
	invoke(t, "", store, "import", filepath.Dir(file)).fails(t, exitFailed, "is a directory")
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the store was made: %v", err)
	}
	writeFile(t, file, "{}\n")
	invoke(t, "", store, "import", file).fails(t, exitFailed, "dump.ndjson: line 1: ")
}

func TestImportKeepsTheOrderOfEachKey(t *testing.T) {
	for _, writers := range []string{"1", "3", "64"} {
		store, _ := newStore(t)
		var in strings.Builder
		for round := range 30 {
			for id := range 20 {
				if id%5 == round%5 {
					fmt.Fprintf(&in, `{"entity":"e","id":"%d","delete":true}`+"\n", id)
				}
				if round < 29 || id%2 == 0 {
					fmt.Fprintf(&in, `{"entity":"e","id":"%d","data":%d}`+"\n", id, round)
				} else {
					fmt.Fprintf(&in, `{"entity":"e","id":"%d","delete":true}`+"\n", id)
				}
			}
		}
		var want strings.Builder
		for id := 0; id < 20; id += 2 {
			fmt.Fprintf(&want, `{"entity":"e","id":"%d","data":29}`+"\n", id)
		}
		invoke(t, in.String(), store, "import", "--writers", writers).ok(t)
		if got := invoke(t, "", store, "export").ok(t); got != want.String() {
			t.Errorf("--writers %s: got\n%swant\n%s", writers, got, want.String())
		}
	}
}

// Each acknowledgement is one write, and comes before the next line is there:
// whoever feeds the pipe waits for it.
func TestImportAcknowledgesAsLinesArrive(t *testing.T) {
	store, _ := newStore(t)
	cmd := exec.Command(binary, store, "import", "--ack", "--writers", "4")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	acks := bufio.NewReader(out)
	for i := 1; i <= 20; i++ {
		fmt.Fprintf(in, `{"entity":"e","id":"%d","data":1}`+"\n", i)
		if ack, err := acks.ReadString('\n'); err != nil || ack != fmt.Sprintf("ACK e %d %d\n", i, i) {
			t.Fatalf("after line %d: got %q, %v", i, ack, err)
		}
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// writes notes each call.
type writes []string

func (w *writes) Write(p []byte) (int, error) {
	*w = append(*w, string(p))
	return len(p), nil
}

func TestImportWritesEachAckAtOnce(t *testing.T) {
	var out writes
	lines := strings.Repeat(`{"entity":"e","id":"a b","data":1}`+"\n", 3)
	if code := run([]string{"--store=mem:", "import", "--ack"}, strings.NewReader(lines), &out, io.Discard); code != 0 {
		t.Fatalf("exit status %d", code)
	}
	if got := fmt.Sprintf("%q", out); got != `["ACK e \"a b\" 1\n" "ACK e \"a b\" 2\n" "ACK e \"a b\" 3\n"]` {
		t.Errorf("got %s", got)
	}
}

// failing is an output that takes n writes.
type failing struct{ n int }

func (f *failing) Write(p []byte) (int, error) {
	if f.n--; f.n < 0 {
		return 0, errors.New("pipe is gone")
	}
	return len(p), nil
}

// An acknowledgement that nobody got ends the import: who waits for it would
// take the line for lost.
func TestImportEndsWhenAcksCannotBeWritten(t *testing.T) {
	var errs bytes.Buffer
	lines := strings.Repeat(`{"entity":"e","id":"a","data":1}`+"\n", 50)
	code := run([]string{"--store=mem:", "import", "--ack"}, strings.NewReader(lines), &failing{2}, &errs)
	result{code, "", errs.String()}.fails(t, exitFailed, "import stdin: line 3: output: pipe is gone")
}

func TestImportHeedsASignalWhileItsInputIsSilent(t *testing.T) {
	store, _ := newStore(t)
	ctx, cancel := context.WithCancel(context.Background())
	in, feed := io.Pipe()
	defer feed.Close()
	var errs bytes.Buffer
	acked := make(chan struct{})
	a := &app{stdin: in, stdout: onWrite(func() { close(acked) }), stderr: &errs,
		now: time.Now, isTerminal: func(any) bool { return false }}
	code := make(chan int)
	go func() { code <- a.run(ctx, []string{store, "import", "--ack"}) }()
	fmt.Fprintln(feed, `{"entity":"e","id":"a","data":1}`)
	<-acked
	cancel()
	result{<-code, "", errs.String()}.fails(t, exitFailed, "interrupted: 1 lines are stored")
	if got := invoke(t, "", store, "get", "e", "a").ok(t); got != "1" {
		t.Errorf("got %q", got)
	}
}

type onWrite func()

func (f onWrite) Write(p []byte) (int, error) {
	f()
	return len(p), nil
}

func TestLinesAreBounded(t *testing.T) {
	in := newLineReader(strings.NewReader("12345678\n\n1234567\r\n123456789\n1\n"), 9)
	for _, want := range []inputLine{{text: []byte("12345678"), number: 1, read: 9}, {text: []byte("1234567"), number: 3, read: 19}} {
		got := in.next()
		if got.err != nil || string(got.text) != string(want.text) || got.number != want.number || got.read != want.read {
			t.Errorf("got %q, line %d, %d bytes, %v", got.text, got.number, got.read, got.err)
		}
	}
	if got := in.next(); got.err == nil || got.number != 4 {
		t.Errorf("a line that is too long: line %d, %v", got.number, got.err)
	}
}

func TestBudgetWaitsForRoom(t *testing.T) {
	b := newBudget(10)
	b.take(25) // alone, it passes though it is too large
	taken := make(chan struct{})
	go func() {
		b.take(6)
		close(taken)
	}()
	select {
	case <-taken:
		t.Fatal("there was no room")
	default:
	}
	b.give(25)
	<-taken
	b.take(4)
}
