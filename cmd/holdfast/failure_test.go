package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
)

func on(op, entity, id string, err error) error {
	return &holdfast.Error{Op: op, Entity: entity, ID: id, Err: err}
}

// failures are errors as the library answers them, and what people read.
var failures = []struct {
	err  error
	code int
	want string
}{
	{on("open", "", "", &driver.LockedError{Path: "/data", PID: 7, Host: "h", Since: time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)}), exitFailed,
		"open: /data is held by process 7 on h since 2024-01-02T03:04:05Z: stop that process, or open for reading alone"},
	{on("get", "e", "a", &driver.DamagedError{Path: "/data/e/a.json", Reason: "empty file"}), exitDamaged,
		`get e a: damaged: /data/e/a.json: empty file: put a good value, or remove it: "holdfast check" lists all damage`},
	{on("open", "", "", &driver.DamagedError{Path: "/data/link", Reason: "a symbolic link", Way: "move it"}), exitDamaged,
		"open: damaged: /data/link: a symbolic link: move it"},
	{on("get", "e", "a", holdfast.ErrDamaged), exitDamaged,
		`get e a: damaged: run "holdfast check", then put a good value or remove it`},
	{on("get", "a b", "x", holdfast.ErrNotFound), exitFailed,
		`get a b x: not found: list what there is with: holdfast ls 'a b'`},
	{on("put", "e", "a", holdfast.ErrReadOnly), exitFailed,
		"put e a: read-only: the store is opened for reading alone: leave out what asks for that in --store"},
	{on("put", "e", "a", &fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}), exitFailed,
		"put e a: write x: no space left on device: make room on the disk and try again; what was acknowledged before is safe"},
	{on("put", "e", "a", &fs.PathError{Op: "write", Path: "x", Err: syscall.EROFS}), exitFailed,
		"put e a: write x: read-only file system: the file system is read-only: make it writable, or use ls, get, history, diff, export and check, which only read"},
	{on("get", "e", "a", &fs.PathError{Op: "read", Path: "x", Err: syscall.EIO}), exitFailed,
		"get e a: read x: input/output error: the disk failed to answer: look at the system log, then try again"},
	{on("get", "e", "a", &fs.PathError{Op: "open", Path: "x", Err: syscall.EMFILE}), exitFailed,
		"get e a: open x: too many open files: too many files are open: close some or raise the limit, and try again"},
	{on("check", "", "", errors.ErrUnsupported), exitFailed,
		"check: unsupported operation: this backend cannot do it; use another --store"},
	{on("put", "e", "a", holdfast.ErrStopped), exitFailed,
		"put e a: no writes after a failed flush; open the store again"},
	{context.Canceled, exitFailed, "context canceled: interrupted: run it again"},
	{errors.Join(errors.New("first\r\n  and more"), errors.New("\x1b[31msecond\x07")), exitFailed,
		`first and more \x1b[31msecond\a`},
	{&reported{errors.New("told")}, exitFailed, ""},
	{&reported{on("get", "e", "a", holdfast.ErrDamaged)}, exitDamaged, ""},
	{nil, exitOK, ""},
}

func TestErrorsAreOneLineWithTheWayOut(t *testing.T) {
	for _, c := range failures {
		var stderr bytes.Buffer
		a := &app{stderr: &stderr}
		a.complain(c.err)
		want := c.want
		if want != "" {
			want = "holdfast: " + want + "\n"
		}
		if stderr.String() != want {
			t.Errorf("got  %s\nwant %s", stderr.String(), want)
		}
		if code := exitCode(c.err); code != c.code {
			t.Errorf("%v: exit status %d, want %d", c.err, code, c.code)
		}
	}
}

func TestQuote(t *testing.T) {
	for name, want := range map[string]string{
		"BTCUSDT": "BTCUSDT", "BTC/USDT:USDT": "BTC/USDT:USDT", `a\b`: `a\b`, "日本": "日本", "é": "é",
		"a b": `"a b"`, `a"b`: `"a\"b"`, "it's": `"it's"`, "a\nb": `"a\nb"`, "": `""`,
		"\u00a0": `"\u00a0"`, "\u202e": `"\u202e"`, "\x1b": `"\x1b"`,
	} {
		if got := quote(name); got != want {
			t.Errorf("%q: got %s, want %s", name, got, want)
		}
	}
}

// A clock that the test turns.
type clock struct{ now time.Time }

func TestProgressIsOneLineNowAndThen(t *testing.T) {
	var stderr bytes.Buffer
	c := clock{time.Unix(1000, 0)}
	a := &app{stderr: &stderr, now: func() time.Time { return c.now }, isTerminal: func(v any) bool { return v == &stderr }}
	p := a.newProgress("import", "lines", 2000)
	tell := func(after time.Duration, n int, bytes int64) string {
		stderr.Reset()
		c.now = c.now.Add(after)
		p.at(n, bytes)
		return stderr.String()
	}
	for _, step := range []struct {
		after time.Duration
		n     int
		bytes int64
		want  string
	}{
		{199 * time.Millisecond, 100, 100, ""},
		{time.Millisecond, 1234, 500, "\rimport: 1,234 lines, 6,170/s, 25 %\x1b[K"},
		{199 * time.Millisecond, 2000, 600, ""},
		{601 * time.Millisecond, 1234567, 2100, "\rimport: 1,234,567 lines, 1,234,567/s, 100 %\x1b[K"},
	} {
		if got := tell(step.after, step.n, step.bytes); got != step.want {
			t.Errorf("got %q, want %q", got, step.want)
		}
	}
	stderr.Reset()
	p.clear()
	p.clear()
	if got := stderr.String(); got != "\r\x1b[K" {
		t.Errorf("cleared: %q", got)
	}
	p.total = 0
	if got := tell(time.Second, 10, 10); strings.Contains(got, "%") {
		t.Errorf("a percentage of an unknown size: %q", got)
	}
}

func TestProgressNeedsATerminal(t *testing.T) {
	a := &app{stderr: &bytes.Buffer{}, now: time.Now, isTerminal: func(any) bool { return false }}
	if p := a.newProgress("import", "lines", 0); p != nil {
		t.Error("progress where nobody watches")
	}
}

// The line is gone before anything else is written to the terminal.
func TestProgressDoesNotStayOnTheTerminal(t *testing.T) {
	store, dir := newStore(t)
	put(t, store, "e", "a", "1")
	put(t, store, "f", "c", "1")
	writeFile(t, dir+"/e/b.json", "")
	var out, errs bytes.Buffer
	n := 0
	a := &app{stdin: strings.NewReader(""), stdout: &out, stderr: &errs,
		now:        func() time.Time { n++; return time.Unix(int64(n), 0) }, // a second between any two looks
		isTerminal: func(v any) bool { return v == &errs }}
	if code := a.run(context.Background(), []string{store, "export"}); code != exitDamaged {
		t.Fatalf("exit status %d: %s", code, errs.String())
	}
	_, after, found := strings.Cut(errs.String(), "holdfast: ")
	before := strings.TrimSuffix(errs.String(), "holdfast: "+after)
	if !found || !strings.HasSuffix(before, "\r\x1b[K") || !strings.HasSuffix(errs.String(), "\r\x1b[K") ||
		!strings.Contains(before, "export: 1 values") {
		t.Errorf("got %q", errs.String())
	}
}
