package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/internal/testtool"
)

// The kill test: a bot that is killed with SIGKILL at any moments, and started
// again each time, leaves byte for byte what one leaves that was never
// interrupted, and has traded nothing twice.

// kills is how many kills are spread over the long run, aimedKills over the
// shorter ones whose feed is a pipe.
const kills, aimedKills = 32, 64

// real is three weeks of BTCUSDT by the minute.
type real struct {
	path   string
	header string
	rows   []string
	times  []int64
}

func realCandles(t *testing.T) real {
	t.Helper()
	if testing.Short() {
		t.Skip("killing takes its time: not with -short")
	}
	r := real{path: testtool.Shared(t, "data", "BTCUSDT-1m-2023-03.csv")}
	data, err := os.ReadFile(r.path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	r.header, r.rows = lines[0], lines[1:]
	for _, row := range r.rows {
		at, err := time.Parse("2006-01-02 15:04:05-07:00", row[:25])
		if err != nil {
			t.Fatal(err)
		}
		r.times = append(r.times, at.UnixMilli())
	}
	return r
}

// ndjson are the first n candles as lines of JSON.
func (r real) ndjson(n int) []string {
	var lines []string
	for i, row := range r.rows[:n] {
		f := strings.Split(row, ",")
		lines = append(lines, fmt.Sprintf(`{"timestamp":%d,"open":%s,"high":%s,"low":%s,"close":%s,"volume":%s}`+"\n",
			r.times[i], f[1], f[2], f[3], f[4], f[5]))
	}
	return lines
}

// uninterrupted runs live once to its end and returns what it left and
// printed. Its store lies in memory where that can be: it only has to be right.
func uninterrupted(t *testing.T, stdin string, args ...string) (export, out string) {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "holdfast-")
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	store := "--store=file:" + filepath.Join(dir, "data")
	out = spawn(t, stdin, append([]string{store}, args...)...).ok(t)
	return spawn(t, "", store, "export").ok(t), out
}

// compare demands that the killed runs left what the uninterrupted one left.
func compare(t *testing.T, store, want string) {
	t.Helper()
	spawn(t, "", store, "check").ok(t)
	got := spawn(t, "", store, "export").ok(t)
	if got == want {
		return
	}
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			t.Fatalf("line %d of the export differs:\nkilled        %s\nuninterrupted %s", i+1, a[i], b[i])
		}
	}
	t.Fatalf("%d lines, of the uninterrupted run %d", len(a), len(b))
}

// modes are the ways to write, as parameters of a store's URL.
var modes = map[string]string{"journal": "", "direct": "?journal=off"}

// killed does the test in both modes: args are those of live but for the store,
// and feed is its stdin.
func killed(t *testing.T, times []int64, feed []string, symbols []string, args ...string) (export, out string) {
	t.Helper()
	want, out := uninterrupted(t, strings.Join(feed, ""), args...)
	for name, mode := range modes {
		t.Run(name, func(t *testing.T) {
			store, _ := newStore(t)
			killedIn(t, store+mode, want, out, times, feed, symbols, args...)
		})
	}
	return want, out
}

func killedIn(t *testing.T, store, want, out string, times []int64, feed []string, symbols []string, args ...string) {
	t.Helper()
	k := &killer{t: t, args: append([]string{store}, args...), feed: feed, fed: symbols[0],
		times: times, events: eventTimes(t, out), rng: newRNG(t)}
	began := time.Now()
	spread := kills
	if feed != nil {
		spread = aimedKills
	}
	k.run(spread)
	t.Logf("%d kills in %v; %d candles change more than the cursor", k.kills, time.Since(began).Round(time.Millisecond), len(k.events))
	if k.kills < spread*15/16 {
		t.Errorf("%d kills, and %d were meant", k.kills, spread)
	}
	k.handledAll(len(times), symbols...)
	compare(t, store, want)
}

// eventTimes are the candles that changed more than the cursor, in order.
func eventTimes(t *testing.T, out string) []int64 {
	t.Helper()
	var times []int64
	for line := range strings.Lines(out) {
		var l told
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		if l.Time != 0 && l.Kind != "rejected" {
			times = append(times, l.Time)
		}
	}
	slices.Sort(times)
	return slices.Compact(times)
}

func TestKilledAtAnyMoment(t *testing.T) {
	r := realCandles(t)
	if len(r.rows) != 30_240 {
		t.Fatalf("%d candles, want 30,240", len(r.rows))
	}
	export, _ := killed(t, r.times, nil, []string{"BTCUSDT"},
		"live", "--json", "--candles", r.path, "--symbol", "BTCUSDT", "--strategy", "sma-cross")
	if n := strings.Count(export, `{"entity":"ledger/`); n < 100 {
		t.Errorf("%d trades in three weeks: too few to prove anything", n)
	}
	if want := fmt.Sprintf(`"lastCandle":%d,`, r.times[len(r.times)-1]); !strings.Contains(export, want) {
		t.Errorf("the last candle was not handled: no %s", want)
	}
}

// Two symbols share a risk profile with room for one position. One feed is a
// pipe, so that kills can be aimed.
func TestKilledWithTwoSymbols(t *testing.T) {
	r := realCandles(t)
	const n = 4000
	eth := filepath.Join(t.TempDir(), "eth.csv")
	other := []string{r.header}
	for i := range n { // the prices of other minutes, and somewhat higher
		other = append(other, r.rows[i][:25]+raised(t, r.rows[i+777][25:]))
	}
	writeFile(t, eth, strings.Join(other, "\n"))
	export, out := killed(t, r.times[:n], r.ndjson(n), []string{"BTCUSDT", "ETHUSDT"},
		"live", "--json", "--candles", "-", "--symbol", "BTCUSDT", "--candles", eth, "--symbol", "ETHUSDT",
		"--risk", "one-at-a-time", "--max-positions", "1")
	if strings.Count(out, `"reason":"risk"`) < 5 {
		t.Error("the two never competed: this proves nothing")
	}
	oneAtATime(t, export)
}

// raised adds 500 to the prices of a row.
func raised(t *testing.T, cells string) string {
	t.Helper()
	f := strings.Split(cells, ",")
	for i := 1; i <= 4; i++ {
		v, err := strconv.ParseFloat(f[i], 64)
		if err != nil {
			t.Fatal(err)
		}
		f[i] = fmt.Sprintf("%.2f", v+500)
	}
	return strings.Join(f, ",")
}

// oneAtATime demands that no two trades of the ledger were open at once.
func oneAtATime(t *testing.T, export string) {
	t.Helper()
	type span struct{ OpenedAt, ClosedAt int64 }
	var trades []span
	for line := range strings.Lines(export) {
		var l struct {
			Entity string
			Data   json.RawMessage
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(l.Entity, "ledger/") {
			continue
		}
		var s span
		if err := json.Unmarshal(l.Data, &s); err != nil {
			t.Fatal(err)
		}
		trades = append(trades, s)
	}
	slices.SortFunc(trades, func(a, b span) int { return cmp.Compare(a.OpenedAt, b.OpenedAt) })
	if len(trades) < 20 {
		t.Errorf("%d trades: too few to prove anything", len(trades))
	}
	for i := 1; i < len(trades); i++ {
		if trades[i].OpenedAt < trades[i-1].ClosedAt {
			t.Errorf("two positions at once: %+v and %+v", trades[i-1], trades[i])
		}
	}
}

// A feed that comes through a pipe, and sends everything again each time.
func TestKilledWithAPipe(t *testing.T) {
	r := realCandles(t)
	const n = 4000
	killed(t, r.times[:n], r.ndjson(n), []string{"BTC/USDT:USDT"},
		"live", "--json", "--candles", "-", "--symbol", "BTC/USDT:USDT", "--strategy", "pullback", "--risk", "r")
}
