package main

import (
	"bufio"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// killer runs a live again and again over the same candles, and kills it.
type killer struct {
	t      *testing.T
	args   []string
	feed   []string // lines for stdin, one a candle, from the first in every run; nil for none
	fed    string   // whose candles these are
	times  []int64  // of the candles
	events []int64  // the candles in which something happens
	rng    *rand.Rand

	stored map[string]int64 // by symbol: the last candle that is known to be stored
	begun  map[string]int64 // by symbol: the candle after which the last run began
	kills  int
	last   summaryLine // of the run that ended by itself
}

// aim is when to kill.
type aim struct {
	point int           // once the run has come to the candle, or the acknowledgement, with this number; -1 is the start of the process
	extra time.Duration // after that
}

// never is beyond every candle.
var never = aim{point: 1 << 40}

// told is any line of live --json.
type told struct {
	Kind       string
	Symbol     string // of restored
	Time       int64  // of an event
	LastCandle int64  // of restored
	PID        int    // of waiting
	Signal     *struct{ Symbol string }
}

type summaryLine struct {
	Symbols []struct {
		Symbol                   string
		Handled, Skipped, Trades int
	}
}

// newRNG makes the random numbers of a test. Its output has the seed, with
// which it can be run again.
func newRNG(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if s := os.Getenv("HOLDFAST_KILL_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("HOLDFAST_KILL_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// run kills spread times over the whole run, and every now and then while a
// run is still starting; then lets one end.
func (k *killer) run(spread int) {
	k.t.Helper()
	k.stored, k.begun = map[string]int64{}, map[string]int64{}
	for i := range spread {
		if i%6 == 3 { // somewhere in opening, locking, recovery and restoring
			k.once(aim{-1, k.micros(15_000)})
		}
		if k.once(k.aim(i, spread)) {
			k.t.Logf("kill %d of %d was aimed behind the end of the run", i+1, spread)
		}
	}
	if !k.once(never) {
		k.t.Fatal("the last run, which nobody killed, did not end well")
	}
}

// aim chooses a moment in the i-th part of the run: at a candle, and now and
// then, if there is one, at a candle that changes more than the cursor.
func (k *killer) aim(i, spread int) aim {
	part := float64(len(k.times)) * 0.98 / float64(spread)
	from := int(float64(i) * part)
	target := from + k.rng.IntN(int(part))
	first, _ := slices.BinarySearch(k.events, k.times[from])
	behind, _ := slices.BinarySearch(k.events, k.times[from+int(part)])
	if i%3 != 0 && first < behind {
		target, _ = slices.BinarySearch(k.times, k.events[first+k.rng.IntN(behind-first)])
	}
	if k.feed != nil { // the aim is exact: mostly within the writes of the candle
		return aim{target, k.micros(1 + k.rng.Int64N(8_000))}
	}
	return aim{target, k.micros(20_000)}
}

func (k *killer) micros(below int64) time.Duration {
	return time.Duration(k.rng.Int64N(below)) * time.Microsecond
}

// once runs until the aim is reached and kills. It reports whether the run
// ended by itself before.
func (k *killer) once(at aim) (ended bool) {
	k.t.Helper()
	cmd := exec.Command(binary, k.args...)
	var stderr strings.Builder
	cmd.Stderr, cmd.WaitDelay = &stderr, 10*time.Second
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		k.t.Fatal(err)
	}
	stop := func() { time.AfterFunc(at.extra, func() { cmd.Process.Kill() }) }
	end := k.start(cmd, at, stop)
	if at.point < 0 {
		stop()
	}
	// Everything that was printed before the kill counts, however late it is
	// read.
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	for aimed := false; lines.Scan(); {
		come := k.heard(lines.Bytes())
		if k.feed == nil && !aimed && at.point >= 0 && at.point < len(k.times) && come >= k.times[at.point] {
			aimed = true
			stop()
		}
	}
	err = cmd.Wait()
	end()
	return k.judge(cmd, err, stderr.String())
}

// start starts the process, and its feeder. end waits for that.
func (k *killer) start(cmd *exec.Cmd, at aim, stop func()) (end func()) {
	k.t.Helper()
	if k.feed == nil {
		if err := cmd.Start(); err != nil {
			k.t.Fatal(err)
		}
		return func() {}
	}
	r, w, err := os.Pipe()
	if err != nil {
		k.t.Fatal(err)
	}
	cmd.Stdin = r
	if err := cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	r.Close()
	over, fed := make(chan struct{}), make(chan struct{})
	f := feeder{w: w, lines: k.feed, over: over, target: at.point, reached: stop}
	if begun, found := slices.BinarySearch(k.times, k.stored[k.fed]); found {
		f.bulk = begun + 1
	}
	go func() {
		defer close(fed)
		f.run()
	}()
	return func() { close(over); <-fed }
}

// judge tells a kill from an end, and fails the test on anything else.
func (k *killer) judge(cmd *exec.Cmd, err error, stderr string) (ended bool) {
	k.t.Helper()
	for line := range strings.Lines(stderr) {
		// Temporary files of the killed are swept; nothing else may be wrong.
		if !strings.HasPrefix(line, "holdfast: recovery: ") || !strings.Contains(line, "stale-temp") {
			k.t.Errorf("after %d kills: stderr: %s", k.kills, line)
		}
	}
	status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	switch {
	case cmd.ProcessState.Success():
		return true
	case status.Signaled() && status.Signal() == syscall.SIGKILL:
		k.kills++
		return false
	}
	k.t.Fatalf("after %d kills: %v: %s", k.kills, err, stderr)
	return false
}

// heard takes a line, and returns the time of the candle that it tells of.
// What was told must be stored: a run that continues before it would trade it
// twice.
func (k *killer) heard(line []byte) int64 {
	k.t.Helper()
	var l told
	if err := json.Unmarshal(line, &l); err != nil {
		k.t.Fatalf("%v: %s", err, line)
	}
	switch l.Kind {
	case "summary":
		k.last = summaryLine{}
		if err := json.Unmarshal(line, &k.last); err != nil {
			k.t.Fatalf("%v: %s", err, line)
		}
		return 0
	case "restored":
		if l.LastCandle < k.stored[l.Symbol] {
			k.t.Errorf("after %d kills: %s continues after candle %d, and %d was told of before", k.kills, l.Symbol, l.LastCandle, k.stored[l.Symbol])
		}
		k.stored[l.Symbol], k.begun[l.Symbol] = l.LastCandle, l.LastCandle
		return l.LastCandle
	}
	k.stored[l.Signal.Symbol] = max(k.stored[l.Signal.Symbol], l.Time)
	return l.Time
}

// handledAll demands that the last run, together with those before it, has
// handled each of n candles of each symbol, none of them twice.
func (k *killer) handledAll(n int, symbols ...string) {
	k.t.Helper()
	for i, symbol := range symbols {
		s := k.last.Symbols[i]
		before, found := slices.BinarySearch(k.times, k.begun[symbol])
		if found {
			before++
		}
		if s.Symbol != symbol || s.Skipped != before || s.Handled != n-before {
			k.t.Errorf("%s: %d candles were stored of %d; the last run handled %d and skipped %d", symbol, before, n, s.Handled, s.Skipped)
		}
	}
}
