package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestHistoryListsWhatHappened(t *testing.T) {
	store, states := shelved(t)
	at := func(i int) string { return states[i].at() }
	want := "TIME                      REVISION  SIZE  CHANGE\n" +
		at(0) + "  4         60    put {\"price\":2,\"note\":\"a <long> one\",…\n" +
		at(1) + "  -         -     removed\n" +
		at(2) + "  2         4     cleared (null)\n" +
		at(3) + "  1         15    put {\"price\":1.50}\n"
	if got := invoke(t, "", store, "history", "e", "a").ok(t); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	newest := strings.Join(strings.SplitAfter(want, "\n")[:3], "")
	if got := invoke(t, "", store, "history", "e", "a", "--limit", "2").ok(t); got != newest {
		t.Errorf("--limit 2: got\n%s", got)
	}
}

func TestHistoryForPrograms(t *testing.T) {
	store, states := shelved(t)
	var got []string
	for _, v := range states {
		if v.Entity != "e" || v.ID != "a" || v.ModTime.IsZero() {
			t.Errorf("got %+v", v)
		}
		got = append(got, fmt.Sprint(v.State, " ", v.Rev, " ", v.Size, " ", string(v.Data)))
	}
	want := `value 4 60 {"price":2,"note":"a <long> one","levels":[1,2,3]}|removed  0 |cleared 2 4 null|value 1 15 {"price":1.50}`
	if strings.Join(got, "|") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "|"), want)
	}
	out := invoke(t, "", store, "--json", "history", "e", "a").ok(t)
	if line := strings.Split(out, "\n")[1]; strings.Contains(line, `"data"`) || strings.Contains(line, `"rev"`) {
		t.Errorf("a removal has data or a revision: %s", line)
	}
	if n := len(historyOf(t, store, "--limit=3")); n != 3 {
		t.Errorf("--limit 3 lists %d", n)
	}
}

// Whatever the values hold, a line is a line and fits.
func TestHistoryLinesFit(t *testing.T) {
	store, _ := newShelf(t)
	for _, data := range []string{
		"[\n  1,\n  2\n]", `"` + strings.Repeat("长", 5000) + `"`, `"` + strings.Repeat("x", 10000) + `"`,
		"\"\u202etrick\u009b31m\"", "{" + strings.Repeat("\n", 6000) + "}",
	} {
		put(t, store, "e", "a", data)
	}
	out := invoke(t, "", store, "history", "e", "a").ok(t)
	if n := strings.Count(out, "\n"); n != 6 {
		t.Errorf("%d lines:\n%s", n, out)
	}
	for line := range strings.Lines(out) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	if !strings.Contains(out, strings.Repeat("长", 30)) {
		t.Errorf("wide characters are cut too early:\n%s", out)
	}
	if strings.ContainsAny(out, "\u202e\u009b") || !strings.Contains(out, "put [1,2]\n") || !strings.Contains(out, "put {}\n") {
		t.Errorf("got\n%s", out)
	}
}

func TestGetAt(t *testing.T) {
	store, states := shelved(t)
	signal := "{ \"price\": 2, \"note\": \"a <long> one\", \"levels\": [1, 2, 3] }\n"
	for at, want := range map[string]string{
		states[0].at():                         signal, // a printed time finds what it stands beside
		states[2].at():                         "null",
		states[3].at():                         `{"price": 1.50}`,
		"1":                                    `{"price": 1.50}`, // a revision
		"0s":                                   signal,
		time.Now().UTC().Format(time.DateOnly): signal, // the end of today
	} {
		if got := invoke(t, "", store, "get", "e", "a", "--at", at).ok(t); got != want {
			t.Errorf("at %s: got %q, want %q", at, got, want)
		}
	}
	if got := invoke(t, "", store, "get", "e", "a", "--json", "--at", states[3].at()).ok(t); !strings.Contains(got, `"state":"value","size":15`) ||
		!strings.HasSuffix(got, `"rev":"1","data":{"price":1.50}}`+"\n") {
		t.Errorf("--json: %s", got)
	}
	invoke(t, "", store, "get", "e", "a", "--at", states[1].at()).fails(t, exitFailed,
		"get e a: not found at that time: "+states[1].at()+"  removed", "holdfast history e a")
	// Of before the first state nothing is known, and that is no "not found".
	r := invoke(t, "", store, "get", "e", "a", "--at", "1h")
	r.fails(t, exitFailed, "get e a: not kept in history", "oldest state kept is of "+states[3].at(), "holdfast history e a")
	if strings.Contains(r.err, "not found") {
		t.Errorf("got %s", r.err)
	}
	for _, bad := range []string{"nonsense", "", "-1h", "2026-13-01", "2h30", "99999d"} {
		invoke(t, "", store, "get", "e", "a", "--at="+bad).fails(t, exitUsage, "no revision", "2026-01-02T15:04:05Z", "holdfast get --help")
	}
	invoke(t, "", store, "get", "e", "a", "--at", "2999-01-01").fails(t, exitUsage, "lies in the future")
}

func TestUndo(t *testing.T) {
	store, states := shelved(t)
	undo := func(args ...string) string {
		t.Helper()
		return invoke(t, "", append([]string{store, "undo", "e", "a"}, args...)...).ok(t)
	}
	if got, want := undo(), "e a: removed, as it was from "+states[1].at()+" on\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	invoke(t, "", store, "get", "e", "a").fails(t, exitFailed, "not found")
	if got := undo(); !strings.HasPrefix(got, "e a: put back what was put at "+states[0].at()+": {\"price\"") || !strings.HasSuffix(got, "…\n") {
		t.Errorf("got %q", got)
	}
	if got := invoke(t, "", store, "get", "e", "a").ok(t); !strings.HasPrefix(got, "{ \"price\": 2, ") || !strings.HasSuffix(got, "}\n") {
		t.Errorf("not the very bytes: %q", got)
	}
	put(t, store, "e", "a", "null")
	put(t, store, "e", "a", "5")
	if got := undo(); !strings.HasPrefix(got, "e a: put back cleared (null), of 2") {
		t.Errorf("got %q", got)
	}
	if got := undo("--json"); !strings.Contains(got, `"state":"value"`) || !strings.HasSuffix(got, `"data":5}`+"\n") {
		t.Errorf("got %q", got)
	}
	if n := len(historyOf(t, store)); n != 10 {
		t.Errorf("%d states", n)
	}
}

func TestNoHistory(t *testing.T) {
	store, _ := newShelf(t)
	for _, args := range []string{"history e a", "diff e a", "undo e a"} {
		invoke(t, "", append([]string{store}, strings.Fields(args)...)...).fails(t, exitFailed, "e a: not found", "holdfast ls e")
	}
	put(t, store, "e", "a", "1")
	invoke(t, "", store, "undo", "e", "a").fails(t, exitFailed, "undo e a: not kept in history: the state before that of 2", "holdfast rm e a")
	invoke(t, "", store, "diff", "e", "a").fails(t, exitFailed, "diff e a: not kept in history: the state before that of 2", "holdfast history e a")
	if got := invoke(t, "", store, "get", "e", "a").ok(t); got != "1" {
		t.Errorf("got %q", got)
	}
	invoke(t, "", store+"?mode=ro", "history", "e", "b").fails(t, exitFailed, "not found, and no state of it is kept")
}

func TestBackendsWithoutHistory(t *testing.T) {
	store, s := newShelf(t)
	put(t, store, "e", "a", "1")
	s.bare = true
	for _, args := range []string{"history e a", "diff e a", "diff e a 1h", "undo e a", "get e a --at 1h"} {
		invoke(t, "", append([]string{store}, strings.Fields(args)...)...).
			fails(t, exitFailed, "e a: unsupported operation", "keeps no history", "file:", "mem:")
	}
}

// What history knows of a damaged value helps, but is not its present state.
func TestHistoryOfADamagedValue(t *testing.T) {
	store, s := newShelf(t)
	put(t, store, "e", "a", "1")
	put(t, store, "e", "a", "2")
	s.damaged = true
	if got := invoke(t, "", store, "get", "e", "a", "--at", "1").ok(t); got != "1" {
		t.Errorf("got %q", got)
	}
	if n := len(historyOf(t, store)); n != 2 {
		t.Errorf("%d states", n)
	}
	invoke(t, "", store, "diff", "e", "a").fails(t, exitDamaged, "damaged")
	invoke(t, "", store, "diff", "e", "a", "1").fails(t, exitDamaged, "damaged")
	invoke(t, "", store, "undo", "e", "a").fails(t, exitDamaged, "undo e a: damaged")
	invoke(t, "", store, "diff", "e", "a", "1", "2").ok(t)
}

// A damaged stretch hides what is older than it and no more.
func TestDamagedStretchOfHistory(t *testing.T) {
	store, s := newShelf(t)
	for _, v := range []string{"1", "2", "3"} {
		put(t, store, "e", "a", v)
		time.Sleep(3 * time.Millisecond)
	}
	states := historyOf(t, store)
	whole := invoke(t, "", store, "history", "e", "a").ok(t)
	s.intact = 2

	today := time.Now().UTC().Format(time.DateOnly)
	for at, want := range map[string]string{states[0].at(): "3", states[1].at(): "2", "1ms": "3", today: "3", "0": "3", "2": "2"} {
		if got := invoke(t, "", store, "get", "e", "a", "--at", at).ok(t); got != want {
			t.Errorf("at %s: got %q, want %q", at, got, want)
		}
	}
	invoke(t, "", store, "diff", "e", "a", states[1].at()).ok(t)
	invoke(t, "", store, "diff", "e", "a", states[1].at(), "1ms").ok(t)
	invoke(t, "", store, "diff", "e", "a").ok(t)
	for _, at := range []string{states[2].at(), "1h", "1", "nonsense"} {
		invoke(t, "", store, "get", "e", "a", "--at", at).fails(t, exitDamaged, "e a: damaged: journal/1", "by the test")
	}

	r := invoke(t, "", store, "history", "e", "a")
	r.fails(t, exitDamaged, "history e a: damaged: journal/1", "newer states are told before it")
	if want := strings.Join(strings.SplitAfter(whole, "\n")[:3], ""); r.out != want {
		t.Errorf("got\n%swant\n%s", r.out, want)
	}
	r = invoke(t, "", store, "--json", "history", "e", "a")
	r.fails(t, exitDamaged, "journal/1")
	if n := strings.Count(r.out, "\n"); n != 2 {
		t.Errorf("--json: got\n%s", r.out)
	}
	s.intact = 1 // which is enough for the present state, and for what it was at a time since
	invoke(t, "", store, "diff", "e", "a", "1ms").ok(t)
	invoke(t, "", store, "diff", "e", "a").fails(t, exitDamaged, "journal/1")
}

// A script that repeats what failed would bring back what it has undone.
func TestUndoThatCannotBePrinted(t *testing.T) {
	for _, format := range []string{"--json=false", "--json"} {
		store, _ := newStore(t)
		put(t, store, "e", "a b", "1")
		put(t, store, "e", "a b", "2")
		var errs bytes.Buffer
		code := run([]string{store, format, "undo", "e", "a b"}, strings.NewReader(""), &choosy{}, &errs)
		result{code, "", errs.String()}.fails(t, exitFailed, `undo e "a b": undone, but not told: output: no room`, "do not undo again", "where stdout leads")
		if got := invoke(t, "", store, "get", "e", "a b").ok(t); got != "1" {
			t.Errorf("%s: got %q", format, got)
		}
	}
}
