package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
)

// liveLease are the arguments of a live that holds a lease, but for the store.
func liveLease(candles string, more ...string) []string {
	return append([]string{"live", "--json", "--lease", "--lease-ttl=300ms", "--candles", candles, "--symbol", "BTCUSDT"}, more...)
}

// Only a store that processes share has a place for a second one.
func TestLeaseNeedsASharedStore(t *testing.T) {
	store, _ := newStore(t)
	for _, url := range []string{store, "--store=mem:"} {
		r := invoke(t, "", append([]string{url}, liveLease("demo:")...)...)
		r.fails(t, exitFailed, "--lease", "one process at a time", "leave --lease out")
	}
	invoke(t, "", store, "live", "--candles", "demo:?candles=10", "--symbol", "BTCUSDT").ok(t)

	// The second process on a directory is told by its lock.
	cmd := background(t, store, "live", "--candles", "-", "--symbol", "BTCUSDT")
	cmd.line(t)
	r := invoke(t, "", append([]string{store}, liveLease("demo:")...)...)
	r.fails(t, exitFailed, "held by process", "one process at a time", "several processes share")
}

// process is a live that runs while the test goes on.
type process struct {
	in    *os.File
	lines *bufio.Scanner
	errs  *bytes.Buffer
	code  chan int
}

// background runs the command within this process, with a pipe for stdin.
func background(t *testing.T, args ...string) *process {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, printed := io.Pipe()
	p := &process{in: w, lines: bufio.NewScanner(out), errs: &bytes.Buffer{}, code: make(chan int, 1)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.code <- run(args, r, printed, p.errs)
		printed.Close()
	}()
	t.Cleanup(func() {
		w.Close()
		go io.Copy(io.Discard, out)
		<-done
		r.Close()
	})
	return p
}

// line reads the next line of its output.
func (p *process) line(t *testing.T) string {
	t.Helper()
	if !p.lines.Scan() {
		t.Fatalf("it ended with status %d: %s", <-p.code, p.errs)
	}
	return p.lines.Text()
}

// kind reads the next line, which must be of that kind.
func (p *process) kind(t *testing.T, kind string) (line map[string]any) {
	t.Helper()
	text := p.line(t)
	if err := json.Unmarshal([]byte(text), &line); err != nil || line["kind"] != kind {
		t.Fatalf("got line %s, want one of kind %s", text, kind)
	}
	return line
}

// end reads the rest of its output and returns the exit status.
func (p *process) end() (rest string, code int) {
	var b strings.Builder
	for p.lines.Scan() {
		b.WriteString(p.lines.Text() + "\n")
	}
	return b.String(), <-p.code
}

// A second process waits and says for whom; when the first ends in good order,
// it takes over at once, where the first one was.
func TestStandbyTakesOverAfterTheEnd(t *testing.T) {
	store, shelf := newShelf(t)
	shelf.shared = true
	feed := candleLines(t, 400)
	first := background(t, append([]string{store}, liveLease("-")...)...)
	first.kind(t, "restored")
	second := background(t, append([]string{store}, liveLease("-")...)...)
	w := second.kind(t, "waiting")
	if w["pid"] != float64(os.Getpid()) || w["host"] == "" || w["since"] == "" || w["lease"] != "sma-cross:BTCUSDT" || w["token"] != 1.0 {
		t.Errorf("%v", w)
	}
	if _, err := io.WriteString(first.in, strings.Join(feed[:300], "")); err != nil {
		t.Fatal(err)
	}
	first.in.Close()
	if rest, code := first.end(); code != exitOK || !strings.Contains(rest, `"kind":"summary"`) {
		t.Fatalf("the first ended with status %d: %s", code, first.errs)
	}
	if r := second.kind(t, "restored"); r["lastCandle"] == 0.0 {
		t.Errorf("the second starts anew: %v", r)
	}
	if _, err := io.WriteString(second.in, strings.Join(feed, "")); err != nil {
		t.Fatal(err)
	}
	second.in.Close()
	rest, code := second.end()
	if code != exitOK || !strings.Contains(rest, `"handled":100,"skipped":300`) {
		t.Errorf("the second ended with status %d: %s%s", code, rest, second.errs)
	}
	want, _ := uninterrupted(t, strings.Join(feed, ""), "live", "--json", "--candles", "-", "--symbol", "BTCUSDT")
	if got := invoke(t, "", store, "export").ok(t); got != want {
		t.Errorf("another state:\n%s\nwant\n%s", got, want)
	}
	leaseExport(t, store)
}

// leaseExport demands that leases are exported when named, and listed.
func leaseExport(t *testing.T, store string) {
	t.Helper()
	if got := invoke(t, "", store, "export", "lease").ok(t); !strings.Contains(got, `"id":"sma-cross:BTCUSDT"`) || !strings.Contains(got, `"token":2`) {
		t.Errorf("export lease: %s", got)
	}
	if got := invoke(t, "", store, "ls").ok(t); !strings.Contains(got, "lease/heartbeat") {
		t.Errorf("ls: %s", got)
	}
}

// candleLines are demo candles as lines of JSON.
func candleLines(t *testing.T, n int) []string {
	t.Helper()
	var lines []string
	source, err := demoCandles("?candles=1000")
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		c, err := source.Next()
		if err != nil {
			t.Fatal(err)
		}
		line, err := json.Marshal(map[string]any{
			"timestamp": c.Time, "open": c.Open, "high": c.High, "low": c.Low, "close": c.Close, "volume": c.Volume,
		})
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(line)+"\n")
	}
	return lines
}

// One that is overtaken while its feed is silent ends by itself.
func TestFencedLiveEnds(t *testing.T) {
	store, shelf := newShelf(t)
	shelf.shared = true
	p := background(t, append([]string{store}, liveLease("-")...)...)
	p.kind(t, "restored")
	k := driver.Key{Entity: "lease", ID: "sma-cross:BTCUSDT"}
	claim := `{"version":1,"token":2,"id":"x","pid":7,"host":"elsewhere","since":"2026-11-24T00:00:00Z","ttl":1000,"released":false}`
	if err := shelf.Put(context.Background(), k, []byte(claim)); err != nil {
		t.Fatal(err)
	}
	rest, code := p.end()
	result{code, rest, p.errs.String()}.fails(t, exitFailed, "fenced", "process 7 on elsewhere", "stop this process")
	if rest != "" {
		t.Errorf("it told what is no longer its own: %s", rest)
	}
}

// For people, a line says whose lease it is.
func TestWaitingForPeople(t *testing.T) {
	store, shelf := newShelf(t)
	shelf.shared = true
	first := background(t, append([]string{store}, liveLease("-")...)...)
	first.kind(t, "restored")
	second := background(t, store, "live", "--lease", "--lease-ttl=300ms", "--candles", "demo:?candles=5", "--symbol", "BTCUSDT")
	line := second.line(t)
	if !strings.HasPrefix(line, "BTCUSDT sma-cross: waits for process ") || len(line) > 80 {
		t.Errorf("%q", line)
	}
	first.in.Close()
	first.end()
	if rest, code := second.end(); code != exitOK || !strings.Contains(rest, "5 candles handled") {
		t.Errorf("status %d: %s%s", code, rest, second.errs)
	}
}
