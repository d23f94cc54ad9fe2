package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/internal/calltrace"
	"github.com/holdfast-go/holdfast/internal/testtool"
)

// The order of system calls of the real binary, as strace sees it: what was
// acknowledged had been flushed by then, in both modes.

// orderFigures is what the runs under strace come to.
type orderFigures struct {
	Calls        int `json:"calls"`
	Acknowledged int `json:"acknowledged"`
	TakenOut     int `json:"takenOut"`    // flushes, each out of a sound trace
	Noticed      int `json:"noticed"`     // of those, by the judge
	FailedFlush  int `json:"failedFlush"` // runs with a flush that fails
}

var order orderFigures

// traceLines puts values into several entities, and then deletes some of them.
func traceLines(n int) (lines []calltrace.Line, in string) {
	var text strings.Builder
	for i := range n {
		l := calltrace.Line{Entity: fmt.Sprintf("signal/e%d", i%3), ID: fmt.Sprintf("id%03d", i)}
		if i > n*3/4 {
			l = calltrace.Line{Entity: fmt.Sprintf("signal/e%d", (i-n/2)%3), ID: fmt.Sprintf("id%03d", i-n/2), Delete: true}
			fmt.Fprintf(&text, `{"entity":%q,"id":%q,"delete":true}`+"\n", l.Entity, l.ID)
		} else {
			l.Data = fmt.Sprintf(`{"n":%d,"pad":%q}`, i, strings.Repeat("x", 300))
			fmt.Fprintf(&text, `{"entity":%q,"id":%q,"data":%s}`+"\n", l.Entity, l.ID, l.Data)
		}
		lines = append(lines, l)
	}
	return lines, text.String()
}

// traced runs an import under strace.
func traced(t *testing.T, store, in string, writers int, inject ...string) (result, []*calltrace.Call) {
	t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		testtool.Missing(t, "strace")
	}
	file := filepath.Join(t.TempDir(), "trace")
	args := []string{"-f", "-y", "-s", "65536", "-o", file, "-e", "trace=" + calltrace.Calls}
	for _, i := range inject {
		args = append(args, "-e", "inject="+i)
	}
	args = append(args, binary, store, "import", "--ack", "--writers", strconv.Itoa(writers))
	r := finish(t, exec.Command(strace, args...), in)
	b, err := os.ReadFile(file)
	if err != nil {
		testtool.Missing(t, "strace that works: %v: %s", err, r.err)
	}
	if len(b) == 0 {
		testtool.Missing(t, "strace that may trace: %s", r.err)
	}
	calls, err := calltrace.Parse(string(b))
	if err != nil {
		t.Fatal(err)
	}
	return r, calls
}

func TestOrderOfSystemCalls(t *testing.T) {
	for name, mode := range modes {
		for _, writers := range []int{1, 8} {
			t.Run(fmt.Sprintf("%s, %d writers", name, writers), func(t *testing.T) {
				flag, dir := newStore(t)
				lines, in := traceLines(120)
				run := calltrace.Run{Base: dir, Journal: name == "journal", Lines: lines, Closed: true}
				r, calls := traced(t, flag+mode, in, writers)
				r.ok(t)
				acks, err := calltrace.Judge(calls, run)
				if err != nil || acks != len(lines) {
					t.Fatalf("%d of %d acknowledgements: %v", acks, len(lines), err)
				}
				order.Calls += len(calls)
				order.Acknowledged += acks
				wantNoticed(t, calls, run)
			})
		}
	}
	t.Logf("order: %+v", order)
}

// wantNoticed takes flushes out of a trace, which the judge must notice: all of a
// kind, for each kind that something acknowledged rests on, and every seventh by
// itself, of which some are covered by another one.
func wantNoticed(t *testing.T, calls []*calltrace.Call, run calltrace.Run) {
	t.Helper()
	kinds := map[string]int{}
	for i, flush := range calltrace.Flushes(calls) {
		kinds[kindOfFlush(flush, run)]++
		if i%7 != 0 {
			continue
		}
		order.TakenOut++
		if !sound(calls, run, func(c *calltrace.Call) bool { return c == flush }) {
			order.Noticed++
		}
	}
	want := []string{"fsync temporary file", "fsync base", "fsync directory", "fsync entity"}
	if run.Journal {
		want = []string{"fdatasync segment", "fsync temporary file", "fsync journal", "fsync own", "fsync base"}
	}
	for _, kind := range want {
		if sound(calls, run, func(c *calltrace.Call) bool { return kindOfFlush(c, run) == kind }) {
			t.Errorf("nobody notices that there is no %s; flushes: %v", kind, kinds)
		}
	}
}

func sound(calls []*calltrace.Call, run calltrace.Run, out func(*calltrace.Call) bool) bool {
	_, err := calltrace.Judge(slices.DeleteFunc(slices.Clone(calls), out), run)
	return err == nil
}

func kindOfFlush(c *calltrace.Call, run calltrace.Run) string {
	return c.Name + " " + kindOfFile(c.Path, run.Base)
}

func kindOfFile(name, base string) string {
	rel, err := filepath.Rel(base, name)
	switch {
	case err != nil || strings.HasPrefix(rel, ".."):
		return "above"
	case rel == ".":
		return "base"
	case strings.HasPrefix(filepath.Base(rel), ".tmp-"):
		return "temporary file"
	case strings.HasSuffix(rel, ".seg"):
		return "segment"
	case rel == ".holdfast":
		return "own"
	case strings.HasPrefix(rel, ".holdfast/"):
		return strings.Split(rel, "/")[1]
	case strings.Contains(rel, "/"):
		return "entity"
	}
	return "directory"
}

// A flush that fails on the real binary: what it should have made durable is not
// acknowledged, nor is anything that was written after it; a second flush of the
// same file counts for nothing; and a restart is consistent.
func TestFailedFlushOfTheBinary(t *testing.T) {
	for name, mode := range modes {
		call := map[string]string{"journal": "fdatasync", "direct": "fsync"}[name]
		for _, nth := range []string{"1", "2+", "5", "9+", "14"} {
			for _, writers := range []int{1, 8} {
				t.Run(fmt.Sprintf("%s %s, %d writers", name, nth, writers), func(t *testing.T) {
					failedFlush(t, name == "journal", mode, call, nth, writers)
				})
			}
		}
	}
	if order.FailedFlush < 12 {
		t.Errorf("in %d of 20 runs a flush failed: this proves nothing", order.FailedFlush)
	}
	t.Logf("order: %+v", order)
	testtool.Figures(t, "order", order)
}

func failedFlush(t *testing.T, journal bool, mode, call, nth string, writers int) {
	flag, dir := newStore(t)
	lines, in := traceLines(120)
	put(t, flag+mode, "signal/e9", "before", "1") // the store is there
	r, calls := traced(t, flag+mode, in, writers, call+":error=EIO:when="+nth)
	var failed *calltrace.Call
	for _, f := range calltrace.Flushes(calls) {
		if f.Err != "" && failed == nil {
			failed = f
		}
	}
	if failed == nil { // strace counts the calls of each thread by itself
		r.ok(t)
		return
	}
	order.FailedFlush++
	if r.code != exitFailed || !strings.Contains(r.err, "input/output error") {
		t.Errorf("exit status %d after %s, stderr %q", r.code, failed, r.err)
	}
	acks, err := calltrace.Judge(calls, calltrace.Run{Base: dir, Journal: journal, Lines: lines})
	if err != nil {
		t.Error(err)
	}
	if acks == len(lines) {
		t.Errorf("all lines are acknowledged, in spite of %s", failed)
	}
	if writers == 1 {
		wantQuietAfter(t, calls, failed)
	}
	wantAcknowledged(t, flag+mode, lines, r.out)
}

// wantQuietAfter demands that with one writer nothing is acknowledged any more.
func wantQuietAfter(t *testing.T, calls []*calltrace.Call, failed *calltrace.Call) {
	t.Helper()
	for _, c := range calls {
		if c.Start > failed.End && c.Fd == 1 && bytes.HasPrefix(c.Data, []byte("ACK ")) {
			t.Errorf("%q is acknowledged after %s", c.Data, failed)
		}
	}
}

// wantAcknowledged opens the store anew and compares it with what was
// acknowledged: with several writers a line behind an acknowledged one, on another
// value, may be stored too.
func wantAcknowledged(t *testing.T, store string, lines []calltrace.Line, acks string) {
	t.Helper()
	spawn(t, "", store, "check", "--repair") // it opens the store for writing
	spawn(t, "", store, "check").ok(t)
	there := map[string]string{}
	for line := range strings.Lines(spawn(t, "", store, "export").ok(t)) {
		var l struct {
			Entity, ID string
			Data       json.RawMessage
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		there[l.Entity+" "+l.ID] = string(l.Data)
	}
	acked := map[string]calltrace.Line{}
	for ack := range strings.Lines(acks) {
		f := strings.Fields(ack)
		n, err := strconv.Atoi(f[len(f)-1])
		if err != nil {
			t.Fatal(err)
		}
		acked[f[1]+" "+f[2]] = lines[n-1]
	}
	deletes := map[string]bool{}
	for _, l := range lines {
		deletes[l.Entity+" "+l.ID] = deletes[l.Entity+" "+l.ID] || l.Delete
	}
	for key, l := range acked {
		if got := there[key]; got != l.Data && !(got == "" && deletes[key]) {
			t.Errorf("%s is %.40q, and %.40q was acknowledged", key, got, l.Data)
		}
	}
	if there["signal/e9 before"] != "1" {
		t.Error("what was there before is gone")
	}
}
