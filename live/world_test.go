package live_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/live"
	"github.com/holdfast-go/holdfast/live/candle"
)

// world is what a crash does not change: two symbols under one risk profile
// that allows one position, and their candles in one order of time.
type world struct {
	strategy live.Strategy
	feed     []tickOf
	lease    func(cfg *live.Config) error // adds a lease; may be nil
}

type tickOf struct {
	symbol int
	candle candle.Candle
}

func symbols() []string { return []string{"BTCUSDT", "ETH/USDT:USDT"} }

func newWorld(strategy live.Strategy, candles int, seed uint64, percent float64) *world {
	w := &world{strategy: strategy}
	for i := range symbols() {
		for _, c := range walk(candles, seed+uint64(i), percent) {
			w.feed = append(w.feed, tickOf{i, c})
		}
	}
	slices.SortStableFunc(w.feed, func(a, b tickOf) int { return cmp.Compare(a.candle.Time, b.candle.Time) })
	return w
}

// open opens the runners over a store, in which base is what survives.
func (w *world) open(t testing.TB, d, base backend, h *heard) ([]*live.Runner, error) {
	s := open(t, d)
	var runners []*live.Runner
	for _, symbol := range symbols() {
		cfg := config(s, w.strategy)
		cfg.Symbol, cfg.RiskName, cfg.FeePercent = symbol, "shared", 0.04
		cfg.Validations = []live.Validation{live.MaxOpenPositions(1)}
		cfg.AwaitMinutes = 6
		h.check = func(e live.Event) { isStored(t, base, e) }
		cfg.Callbacks = h.callbacks(t)
		if w.lease != nil {
			if err := w.lease(&cfg); err != nil {
				return nil, err
			}
		}
		r, err := live.Open(context.Background(), cfg)
		if err != nil {
			return nil, err
		}
		runners = append(runners, r)
	}
	return runners, nil
}

// run is one life of the process over the feed from the given place, until it
// dies or is through and closes.
func (w *world) run(t testing.TB, d, base backend, h *heard) error {
	runners, err := w.open(t, d, base, h)
	for i := 0; err == nil && i < len(w.feed); i++ {
		_, err = runners[w.feed[i].symbol].Tick(context.Background(), w.feed[i].candle)
	}
	for i := 0; err == nil && i < len(runners); i++ {
		err = runners[i].Close(context.Background())
	}
	return err
}

// isStored wants what an event tells to stand in the store when it is told.
func isStored(t testing.TB, d driver.Store, e live.Event) {
	t.Helper()
	strategy, symbol := e.Signal.StrategyName, e.Signal.Symbol
	id := `{"id":"` + e.Signal.ID + `"`
	has := func(entity, id, text string) bool { return strings.Contains(get(t, d, entity+strategy, id), text) }
	cursor := get(t, d, "cursor/"+strategy, symbol)
	stored := strings.Contains(cursor, fmt.Sprintf(`"lastCandle":%d,`, e.Time)) &&
		strings.Contains(cursor, `"redo":null,`) && strings.Contains(cursor, `{"id":"`+e.ID+`"`)
	counted := strings.Contains(get(t, d, "risk/shared", "positions"), `["`+strategy+":"+symbol+`"`)
	traded, open := has("ledger/", e.Signal.ID, id), has("signal/", symbol, id)
	switch e.Kind {
	case live.Scheduled:
		stored = stored && has("schedule/", symbol, id)
	case live.Opened: // in this candle it may be closed too
		stored = stored && !has("schedule/", symbol, id) && (open && counted || traded && !open && !counted)
	case live.Active:
		stored = stored && open && counted && !traded
	case live.Closed:
		stored = stored && !open && !counted && traded
	case live.Cancelled:
		stored = stored && !open && !counted && !has("schedule/", symbol, id)
	}
	if !stored {
		t.Errorf("%s was told and is not stored:\n%s", e.ID, dump(t, d))
	}
}

// same compares what was told over all lives with what is told without a
// crash: every event at least once, with the same content, and no other.
func sameEvents(t testing.TB, want, got map[string]string) {
	t.Helper()
	if maps.Equal(want, got) {
		return
	}
	for id, e := range want {
		if got[id] == "" {
			t.Errorf("%s was never told", id)
		} else if got[id] != e {
			t.Errorf("%s was told as %s\nwant %s", id, got[id], e)
		}
	}
	for id := range got {
		if want[id] == "" {
			t.Errorf("%s was told, and does not happen without a crash", id)
		}
	}
}

// covers wants a run to contain all that a strategy can bring about, so that a
// test over it shows something.
func covers(t testing.TB, w *world, events map[string]string) {
	t.Helper()
	if seed != chosenSeed {
		return
	}
	want := []string{"opened", "active", "take_profit", "stop_loss", "time_expired", "risk"}
	if w.strategy.Name() == "pullback" {
		want = append(want, "scheduled", "timeout", "stop_loss_before_entry")
	}
	all := strings.Join(slices.Collect(maps.Values(events)), "\n")
	for _, text := range want {
		if !strings.Contains(all, `"`+text+`"`) {
			t.Errorf("no %s in the run of %s: choose another seed", text, w.strategy.Name())
		}
	}
}
