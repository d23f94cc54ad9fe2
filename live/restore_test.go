package live_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/internal/testtool"
	"github.com/holdfast-go/holdfast/live"
	"github.com/holdfast-go/holdfast/memstore"
)

const row = `{"id":"%s","position":"long","note":"","priceOpen":100,"priceTakeProfit":110,"priceStopLoss":95,` +
	`"minuteEstimatedTime":60,"exchangeName":"%s","strategyName":"%s","scheduledAt":1700000000000,"pendingAt":1700000000000,` +
	`"symbol":"%s","_isScheduled":false,"lots": [ 1 ]}`

func TestSignalOfBacktestKitIsTakenOver(t *testing.T) {
	for _, exchange := range []string{"binance", ""} { // "" in old rows
		d := memstore.New()
		put(t, d, "signal/script", "BTCUSDT", fmt.Sprintf(row, "0f9e3c52", exchange, "script", "BTCUSDT"))
		cfg := config(open(t, d), script{})
		cfg.RiskName = "r"
		h := &heard{}
		cfg.Callbacks = h.callbacks(t)
		cfg.Callbacks.OnRestored = func(r live.Restored) {
			if r.Signal == nil || r.Signal.ID != "0f9e3c52" || r.LastCandle != 0 || len(r.Notes) != 1 {
				t.Errorf("restored %+v", r)
			}
			h.lines = append(h.lines, "restored")
		}
		r := start1(t, cfg)
		if got := get(t, d, "risk/r", "positions"); !strings.HasPrefix(got, `[["script:BTCUSDT",{"signal":{"id":"0f9e3c52"`) || !strings.Contains(got, `"openTimestamp":1700000000000`) {
			t.Errorf("positions %s", got)
		}
		tick(t, r, flat(0, 100), bar(1, 100, 111, 100, 100))
		equalLines(t, []string{"restored", "0 active 100", "1 closed 110 take_profit"}, h.lines)
		if got := get(t, d, "ledger/script", "0f9e3c52"); !strings.Contains(got, `"openedAt":1700000000000`) {
			t.Errorf("ledger %s", got)
		}
	}
}

// Candles from before the signal was opened must not close it.
func TestCandlesOlderThanTheSignalDecideNothing(t *testing.T) {
	for _, entity := range []string{"signal/script", "schedule/script"} {
		d := memstore.New()
		signal := strings.ReplaceAll(fmt.Sprintf(row, "x", "binance", "script", "BTCUSDT"), "1700000000000", fmt.Sprint(at(5)))
		put(t, d, entity, "BTCUSDT", signal)
		h := &heard{}
		cfg := config(open(t, d), script{})
		cfg.Callbacks = h.callbacks(t)
		r := start1(t, cfg)
		tick(t, r, flat(0, 94), flat(4, 111))
		equalLines(t, nil, h.lines)
		tick(t, r, flat(5, 94))
		if len(h.lines) != 1 {
			t.Errorf("told %q", h.lines)
		}
	}
}

func TestInteropDirectoryOpens(t *testing.T) {
	base := testtool.Shared(t, "interop", "logs", "data")
	found, err := filepath.Glob(base + "/*/*/*.json")
	if err != nil || len(found) == 0 {
		t.Fatalf("no files in %s: %v", base, err)
	}
	d := memstore.New()
	for _, file := range found {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		id := strings.TrimSuffix(filepath.Base(file), ".json")
		entity, err := filepath.Rel(base, filepath.Dir(file))
		if err != nil {
			t.Fatal(err)
		}
		put(t, d, filepath.ToSlash(entity), id, string(data))
	}
	before := dump(t, d)
	for _, c := range []struct{ strategy, symbol, risk, id string }{
		{"strategy-a", "BTCUSDT", "conservative", "0f9e3c52-6a0b-4f0e-9d6a-5b1f2f3c4d5e"},
		{"strategy-a", "SOLUSDT", "conservative", ""},
		{"strategy-b", "BTCUSDT", "", "2c"},
	} {
		cfg := config(open(t, d), script{name: c.strategy})
		cfg.Symbol, cfg.RiskName = c.symbol, c.risk
		cfg.Callbacks.OnRestored = func(r live.Restored) {
			if (r.Signal == nil) != (c.id == "") || r.Signal != nil && r.Signal.ID != c.id {
				t.Errorf("%+v: restored %+v", c, r)
			}
		}
		start1(t, cfg)
	}
	if got := dump(t, d); got != before {
		t.Errorf("opening changed what was consistent: %s", difference(before, got))
	}
}

// A cursor that is lost must not bring old trades back.
func TestLostCursorDoesNotTradeAgain(t *testing.T) {
	d := memstore.New()
	cfg := config(open(t, d), script{plans: map[int64]live.Plan{at(0): long(), at(1): long(), at(2): long()}})
	tick(t, start1(t, cfg), flat(0, 100), flat(1, 94))
	if err := d.Delete(context.Background(), driver.Key{Entity: "cursor/script", ID: "BTCUSDT"}); err != nil {
		t.Fatal(err)
	}
	h := &heard{}
	cfg.Callbacks = h.callbacks(t)
	r := start1(t, cfg)
	tick(t, r, flat(0, 100), flat(1, 94), flat(2, 100))
	equalLines(t, []string{"2 opened 100"}, h.lines)
}

func TestSignalEditedOrRemovedByHandIsTheTruth(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(d *memstore.Store)
		want []string
		note string
	}{
		{"stop moved", func(d *memstore.Store) {
			put(t, d, "signal/script", "BTCUSDT", strings.Replace(get(t, d, "signal/script", "BTCUSDT"), `"priceStopLoss":95`, `"priceStopLoss": 101`, 1))
		}, []string{"restored", "0 opened 100", "1 closed 100 stop_loss"}, "risk position did not match"},
		{"cleared", func(d *memstore.Store) { put(t, d, "signal/script", "BTCUSDT", "null") },
			[]string{"restored", "0 opened 100"}, "risk position without a signal was removed"},
		{"deleted", func(d *memstore.Store) {
			if err := d.Delete(context.Background(), driver.Key{Entity: "signal/script", ID: "BTCUSDT"}); err != nil {
				t.Fatal(err)
			}
		}, []string{"restored", "0 opened 100"}, "risk position without a signal was removed"},
		{"risk position removed", func(d *memstore.Store) { put(t, d, "risk/r", "positions", "[]") },
			[]string{"restored", "0 opened 100", "1 active 100"}, "open signal without a risk position: it was added"},
		{"cursor removed", func(d *memstore.Store) {
			if err := d.Delete(context.Background(), driver.Key{Entity: "cursor/script", ID: "BTCUSDT"}); err != nil {
				t.Fatal(err)
			}
		}, []string{"restored", "1 active 100"}, ""},
		{"cursor cleared", func(d *memstore.Store) { put(t, d, "cursor/script", "BTCUSDT", "null") },
			[]string{"restored", "1 active 100"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := memstore.New()
			cfg := config(open(t, d), script{plans: map[int64]live.Plan{at(0): long()}})
			cfg.RiskName = "r"
			tick(t, start1(t, cfg), flat(0, 100))
			c.edit(d)
			h := &heard{}
			cfg.Callbacks = h.callbacks(t)
			cfg.Callbacks.OnRestored = func(r live.Restored) {
				h.lines = append(h.lines, "restored")
				if got := strings.Join(r.Notes, "\n"); !strings.Contains(got, c.note) || (c.note == "") != (got == "") {
					t.Errorf("notes %q", got)
				}
			}
			r := start1(t, cfg)
			tick(t, r, flat(1, 100))
			equalLines(t, c.want, h.lines)
			has := strings.Contains(get(t, d, "risk/r", "positions"), "script:BTCUSDT")
			if s, err := r.Summary(context.Background()); err != nil || has != (s.Open != nil) {
				t.Errorf("position %v, signal %v, %v", has, s.Open, err)
			}
		})
	}
}

// What a hand has put beside what an interrupted change is about is not
// overwritten.
func TestInterruptedChangeDoesNotOverwriteAnotherSignal(t *testing.T) {
	for _, entity := range []string{"signal/script", "schedule/script"} {
		plan := long()
		if entity == "schedule/script" {
			plan = withEntry(plan, 98)
		}
		m := &mortal{backend: memstore.New(), scope: driver.BatchKey, dieAt: 1, after: true} // the cursor, with its redo
		cfg := config(open(t, m), script{plans: map[int64]live.Plan{at(0): plan}})
		if _, err := start1(t, cfg).Tick(context.Background(), flat(0, 100)); err == nil {
			t.Fatal("no crash")
		}
		put(t, m.backend, entity, "BTCUSDT", fmt.Sprintf(row, "by-hand", "binance", "script", "BTCUSDT"))
		before := dump(t, m.backend)
		cfg.Store = open(t, m.backend)
		_, err := live.Open(context.Background(), cfg)
		if err == nil || !strings.Contains(err.Error(), `"by-hand"`) || !strings.Contains(err.Error(), fmt.Sprintf(`"script:BTCUSDT:%d"`, at(0))) ||
			!strings.Contains(err.Error(), "holdfast rm cursor/script BTCUSDT") {
			t.Errorf("error %v", err)
		}
		if got := dump(t, m.backend); got != before {
			t.Errorf("changed: %s", difference(before, got))
		}
	}
}

// A row of the interrupted change that was edited by hand stays edited.
func TestInterruptedChangeKeepsAnEdit(t *testing.T) {
	m := &mortal{backend: memstore.New(), scope: driver.BatchKey, dieAt: 2, after: true} // the signal's row
	cfg := config(open(t, m), script{plans: map[int64]live.Plan{at(0): long()}})
	if _, err := start1(t, cfg).Tick(context.Background(), flat(0, 100)); err == nil {
		t.Fatal("no crash")
	}
	edited := strings.Replace(get(t, m.backend, "signal/script", "BTCUSDT"), `"priceStopLoss":95`, `"priceStopLoss":90`, 1)
	put(t, m.backend, "signal/script", "BTCUSDT", edited)
	cfg.Store = open(t, m.backend)
	start1(t, cfg)
	if got := get(t, m.backend, "signal/script", "BTCUSDT"); got != edited {
		t.Errorf("signal %s", got)
	}
}

// Where the pipe does not send a candle again, a place that was taken for it
// is given back.
func TestReservedPlaceIsGivenBack(t *testing.T) {
	m := &mortal{backend: memstore.New(), scope: driver.BatchKey, dieAt: 1, after: true}
	cfg := config(open(t, m), script{plans: map[int64]live.Plan{at(0): long()}})
	cfg.RiskName = "r"
	if _, err := start1(t, cfg).Tick(context.Background(), flat(0, 100)); err == nil {
		t.Fatal("no crash")
	}
	if got := get(t, m.backend, "risk/r", "positions"); !strings.Contains(got, "script:BTCUSDT") {
		t.Fatalf("positions %s: the place was not taken first", got)
	}
	cfg.Store = open(t, m.backend)
	start1(t, cfg)
	if got := get(t, m.backend, "risk/r", "positions"); got != "[]" {
		t.Errorf("positions %s", got)
	}
}

// Signals and positions in stores of their own, and nothing of them elsewhere.
func TestSeparateStores(t *testing.T) {
	main, signals, risks := memstore.New(), memstore.New(), memstore.New()
	cfg := config(open(t, main), script{plans: map[int64]live.Plan{at(0): long()}})
	cfg.SignalStore, cfg.RiskStore, cfg.RiskName = open(t, signals), open(t, risks), "r"
	r := start1(t, cfg)
	tick(t, r, flat(0, 100))
	for name, c := range map[string]struct {
		d    *memstore.Store
		want string
	}{"main": {main, "cursor/script"}, "signals": {signals, "signal/script"}, "risks": {risks, "risk/r"}} {
		if got := dump(t, c.d); !strings.HasPrefix(got, c.want) || strings.Count(got, "\n") != 1 {
			t.Errorf("%s holds %s", name, got)
		}
	}
	tick(t, start1(t, cfg), flat(1, 94))
	if got := get(t, signals, "signal/script", "BTCUSDT"); got != "null" {
		t.Errorf("signal %s", got)
	}
	if got := get(t, risks, "risk/r", "positions"); got != "[]" {
		t.Errorf("positions %s", got)
	}
}
