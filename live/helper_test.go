package live_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/live"
	"github.com/holdfast-go/holdfast/live/candle"
	"github.com/holdfast-go/holdfast/trade"
)

const (
	start  = 1_700_000_040_000 // of the first candle, ms
	minute = 60_000
)

// at is the time of the nth candle.
func at(n int) int64 { return start + int64(n)*minute }

// bar is the nth candle.
func bar(n int, open, high, low, close float64) candle.Candle {
	return candle.Candle{Time: at(n), Open: open, High: high, Low: low, Close: close, Volume: 1}
}

// flat is an nth candle that moves nowhere.
func flat(n int, price float64) candle.Candle { return bar(n, price, price, price, price) }

// walk is n candles of a price that jumps about enough to touch everything.
func walk(n int, seed uint64, percent float64) []candle.Candle {
	rnd := rand.New(rand.NewPCG(seed, 7))
	price, trend := 100.0, 0.0
	round := func(v float64) float64 { return math.Round(v*1e4) / 1e4 }
	var out []candle.Candle
	for i := range n {
		if i%25 == 0 {
			trend = rnd.NormFloat64() / 4
		}
		open := price
		if rnd.IntN(20) == 0 {
			open = price * (1 + rnd.NormFloat64()*percent/50) // a gap
		}
		price = open * (1 + (rnd.NormFloat64()+trend)*percent/100)
		high := max(open, price) * (1 + rnd.Float64()*percent/100)
		low := min(open, price) * (1 - rnd.Float64()*percent/100)
		out = append(out, bar(i, round(open), round(high), round(low), round(price)))
	}
	return out
}

// script is a strategy that plans what the test says, by candle.
type script struct {
	name  string
	plans map[int64]live.Plan
}

func (s script) Name() string { return cmpOr(s.name, "script") }
func (s script) Window() int  { return 1 }
func (s script) Signal(v live.View) (*live.Plan, error) {
	if p, ok := s.plans[v.Candle.Time]; ok {
		return &p, nil
	}
	return nil, nil
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func open(t testing.TB, d driver.Store) *holdfast.Store {
	t.Helper()
	s, err := holdfast.New(d, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// dump writes everything that a store holds.
func dump(t testing.TB, d driver.Store) string {
	t.Helper()
	ctx, l := context.Background(), d.(driver.Lister)
	var b strings.Builder
	for entity, err := range l.Entities(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		for id, err := range l.IDs(ctx, entity) {
			if err != nil {
				t.Fatal(err)
			}
			rec, err := d.Get(ctx, driver.Key{Entity: entity, ID: id})
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "%s %s %s\n", entity, id, rec.Data)
		}
	}
	return b.String()
}

// difference shows the first lines in which two dumps differ.
func difference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(a), len(b)) {
		line := func(l []string) string {
			if i < len(l) {
				return l[i]
			}
			return "(nothing)"
		}
		if line(a) != line(b) {
			return fmt.Sprintf("want %s\ngot  %s", line(a), line(b))
		}
	}
	return "nothing"
}

func get(t testing.TB, d driver.Store, entity, id string) string {
	t.Helper()
	rec, err := d.Get(context.Background(), driver.Key{Entity: entity, ID: id})
	if err != nil {
		return err.Error()
	}
	return string(rec.Data)
}

func put(t testing.TB, d driver.Store, entity, id, data string) {
	t.Helper()
	if err := d.Put(context.Background(), driver.Key{Entity: entity, ID: id}, []byte(data)); err != nil {
		t.Fatal(err)
	}
}

// heard collects what callbacks are told, one line each.
type heard struct {
	lines []string
	full  map[string]string // event id → the whole event as JSON, as first told
	check func(live.Event)
}

func (h *heard) callbacks(t testing.TB) live.Callbacks {
	if h.full == nil {
		h.full = map[string]string{}
	}
	f := func(kind live.Kind) func(live.Event) {
		return func(e live.Event) {
			if e.Kind != kind {
				t.Errorf("%s was told as %s", e.ID, kind)
			}
			data, err := json.Marshal(e)
			if err != nil {
				t.Error(err)
			}
			if first, again := h.full[e.ID]; again && first != string(data) {
				t.Errorf("%s was told with another content:\nfirst %s\nnow   %s", e.ID, first, data)
			}
			h.full[e.ID] = string(data)
			h.lines = append(h.lines, line(e))
			if h.check != nil {
				h.check(e)
			}
		}
	}
	return live.Callbacks{
		OnScheduled: f(live.Scheduled), OnOpened: f(live.Opened), OnActive: f(live.Active),
		OnClosed: f(live.Closed), OnCancelled: f(live.Cancelled), OnRejected: f(live.Rejected),
	}
}

// line is an event in short: candle, kind, price, reason.
func line(e live.Event) string {
	s := fmt.Sprintf("%d %s %v", (e.Time-start)/minute, e.Kind, e.Price)
	if e.Reason != "" {
		s += " " + string(e.Reason)
	}
	return s
}

// config is of a runner over a store that holds everything.
func config(s *holdfast.Store, strategy live.Strategy) live.Config {
	return live.Config{Store: s, Exchange: "binance", Symbol: "BTCUSDT", Strategy: strategy}
}

func start1(t testing.TB, cfg live.Config) *live.Runner {
	t.Helper()
	r, err := live.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func tick(t testing.TB, r *live.Runner, candles ...candle.Candle) {
	t.Helper()
	for _, c := range candles {
		if _, err := r.Tick(context.Background(), c); err != nil {
			t.Fatal(err)
		}
	}
}

func equalLines(t testing.TB, want, got []string) {
	t.Helper()
	if !slices.Equal(want, got) {
		t.Errorf("told %q\nwant %q", got, want)
	}
}

// long is a plan at market where the price is 100.
func long() live.Plan {
	return live.Plan{Position: trade.Long, TakeProfit: 110, StopLoss: 95, Note: "up"}
}
