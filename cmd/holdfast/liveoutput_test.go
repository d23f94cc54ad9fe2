package main

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
)

// choosy is an output that fails from the first write on that holds a word.
type choosy struct {
	bytes.Buffer
	word string
	full bool
}

func (c *choosy) Write(p []byte) (int, error) {
	if c.full = c.full || bytes.Contains(p, []byte(c.word)); c.full {
		return 0, errors.New("no room")
	}
	return c.Buffer.Write(p)
}

// What could not be printed is not told: the next run tells it, under the same
// id, and so does the one after that if it cannot be printed then either.
func TestLiveTellsAgainWhatCouldNotBePrinted(t *testing.T) {
	for name, c := range map[string]struct {
		args  []string
		fails string         // the first line that cannot be printed
		told  *regexp.Regexp // what is told of an event
	}{
		"programs": {[]string{"--json"}, `"kind":"closed"`, regexp.MustCompile(`(?m)^\{"id":".*`)},
		"people":   {nil, "CLOSED (UTC)", regexp.MustCompile(`(?m)^20.*`)},
		"several": {[]string{"--json", "--symbol", "T", "--candles", "demo:?candles=1500&seed=3", "--risk", "r"},
			`"kind":"closed"`, regexp.MustCompile(`(?m)^\{"id":".*`)},
	} {
		t.Run(name, func(t *testing.T) {
			store, _ := newStore(t)
			whole, _ := newStore(t)
			args := append([]string{"live", "--candles", "demo:?candles=2000", "--symbol", "S"}, c.args...)
			all := invoke(t, "", append(args, whole)...).ok(t)
			var told []string
			for range 2 {
				out, errs := choosy{word: c.fails}, bytes.Buffer{}
				code := run(append(args, store), strings.NewReader(""), &out, &errs)
				result{code, "", errs.String()}.fails(t, exitFailed, "output: no room")
				told = append(told, c.told.FindAllString(out.String(), -1)...)
			}
			told = append(told, c.told.FindAllString(invoke(t, "", append(args, store)...).ok(t), -1)...)
			want := c.told.FindAllString(all, -1)
			if got := unique(told); len(want) == 0 || strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("told, with what could not be printed:\n%s\nuninterrupted:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			if a, b := invoke(t, "", store, "export").ok(t), invoke(t, "", whole, "export").ok(t); a != b {
				t.Errorf("left\n%s\nuninterrupted\n%s", a, b)
			}
		})
	}
}

// unique leaves out what was told before.
func unique(lines []string) []string {
	seen := map[string]bool{}
	var first []string
	for _, line := range lines {
		if !seen[line] {
			first = append(first, line)
		}
		seen[line] = true
	}
	return first
}

// A run that stands by gives its leases up even if it cannot print.
func TestLiveGivesUpTheLeaseWhereItCannotPrint(t *testing.T) {
	store, s := newShelf(t)
	s.shared = true
	args := []string{store, "live", "--lease", "--lease-ttl", "1h", "--json", "--candles", "demo:?candles=2000", "--symbol", "S"}
	out := choosy{word: `"kind":"closed"`}
	if code := run(args, strings.NewReader(""), &out, io.Discard); code != exitFailed {
		t.Errorf("exit status %d", code)
	}
	if out := invoke(t, "", args...).ok(t); strings.Contains(out, `"kind":"waiting"`) || !strings.Contains(out, `"untold":1`) {
		t.Errorf("the next run:\n%s", out)
	}
}
