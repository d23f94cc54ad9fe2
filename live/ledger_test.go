package live_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/live"
	"github.com/holdfast-go/holdfast/live/candle"
	"github.com/holdfast-go/holdfast/memstore"
	"github.com/holdfast-go/holdfast/trade"
)

func TestLedgerRow(t *testing.T) {
	for _, c := range []struct {
		side             trade.Side
		profit, stop     float64
		close            candle.Candle
		pnl, price, fees float64
		reason           live.Reason
	}{
		{trade.Long, 102, 95, bar(5, 100, 102, 100, 101), 1.798, 102, 0.1, live.TakeProfit},
		{trade.Short, 98, 105, bar(5, 100, 100, 98, 99), 1.802, 98, 0.1, live.TakeProfit},
		{trade.Long, 102, 95, bar(5, 100, 100, 95, 99), -5, 95, 0, live.StopLoss},
		{trade.Short, 98, 105, bar(5, 100, 105, 99, 99), -5.205, 105, 0.1, live.StopLoss},
	} {
		d := memstore.New()
		cfg := config(open(t, d), script{plans: map[int64]live.Plan{
			at(2): {Position: c.side, TakeProfit: c.profit, StopLoss: c.stop, Note: "a<b"}}})
		cfg.RiskName, cfg.FeePercent = "r", c.fees
		r := start1(t, cfg)
		tick(t, r, flat(1, 100), flat(2, 100), flat(3, 100), c.close)
		id := fmt.Sprintf("script:BTCUSDT:%d", at(2))
		want := live.Trade{
			ID: id, Symbol: "BTCUSDT", StrategyName: "script", ExchangeName: "binance", RiskName: "r", Position: c.side,
			PriceOpen: 100, PriceClose: c.price, TakeProfit: c.profit, StopLoss: c.stop, OpenedAt: at(2), ClosedAt: at(5),
			CloseReason: c.reason, PnlPercent: c.pnl, FeePercent: c.fees, Note: "a<b",
		}
		var got live.Trade
		if err := json.Unmarshal([]byte(get(t, d, "ledger/script", id)), &got); err != nil || got != want {
			t.Errorf("ledger %+v (%v)\nwant   %+v", got, err, want)
		}
		s, err := r.Summary(context.Background())
		if err != nil || s.Trades != 1 || s.PnlPercent != c.pnl || s.Wins+s.Losses != 1 || (s.Wins == 1) != (c.pnl > 0) || s.Open != nil {
			t.Errorf("summary %+v, %v", s, err)
		}
	}
}

// What brings nothing is not stored as a negative zero.
func TestNothingGainedIsZero(t *testing.T) {
	d := memstore.New()
	plan := live.Plan{Position: trade.Short, TakeProfit: 90, StopLoss: 110, Minutes: 1}
	r := start1(t, config(open(t, d), script{plans: map[int64]live.Plan{at(0): plan}}))
	tick(t, r, flat(0, 100), flat(1, 100))
	if got := get(t, d, "ledger/script", fmt.Sprintf("script:BTCUSDT:%d", at(0))); !strings.Contains(got, `"pnlPercent":0,`) {
		t.Errorf("ledger %s", got)
	}
}

func TestSummaryIsOfOneSymbol(t *testing.T) {
	ctx, s := context.Background(), open(t, memstore.New())
	var runners []*live.Runner
	for i, symbol := range symbols() {
		plans := map[int64]live.Plan{at(0): long(), at(2): long(), at(4): withEntry(long(), 98)}
		cfg := config(s, script{plans: plans})
		cfg.Symbol = symbol
		r := start1(t, cfg)
		tick(t, r, flat(0, 100), flat(1, 94))
		if i == 0 {
			tick(t, r, flat(2, 100), flat(3, 120), flat(4, 100))
		}
		runners = append(runners, r)
	}
	one, err := runners[0].Summary(ctx)
	if err != nil || one.Trades != 2 || one.Wins != 1 || one.Losses != 1 || one.PnlPercent != 4 || one.Open != nil || one.Scheduled == nil {
		t.Errorf("%+v, %v", one, err)
	}
	if err := runners[1].Close(ctx); err != nil {
		t.Fatal(err)
	}
	two, err := runners[1].Summary(ctx)
	if err != nil || two.Trades != 1 || two.Losses != 1 || two.PnlPercent != -6 {
		t.Errorf("%+v, %v", two, err)
	}
}

// A row that was written without an id gets one, or the ledger could not hold
// its trade.
func TestRowWithoutID(t *testing.T) {
	d := memstore.New()
	put(t, d, "signal/script", "BTCUSDT", fmt.Sprintf(row, "", "binance", "script", "BTCUSDT"))
	tick(t, start1(t, config(open(t, d), script{})), flat(0, 94))
	if got := get(t, d, "ledger/script", "script:BTCUSDT:1700000000000"); !strings.Contains(got, `"closeReason":"stop_loss"`) {
		t.Errorf("ledger %s", got)
	}
}

func TestActiveTellsWhatClosingWouldBring(t *testing.T) {
	cfg := config(open(t, memstore.New()), script{plans: map[int64]live.Plan{at(0): long()}})
	cfg.FeePercent = 0.1
	r := start1(t, cfg)
	tick(t, r, flat(0, 100))
	out, err := r.Tick(context.Background(), flat(1, 102))
	if err != nil || out.Events[0].PnlPercent != 1.798 || out.Events[0].ID != fmt.Sprintf("script:BTCUSDT:%d/active/%d", at(0), at(1)) {
		t.Errorf("%+v, %v", out, err)
	}
}

// The form of the cursor is a promise to later releases.
func TestCursorForm(t *testing.T) {
	d := memstore.New()
	cfg := config(open(t, d), quick(t, "pullback"))
	cfg.RiskName = "r"
	r := start1(t, cfg)
	for i := range 6 {
		tick(t, r, bar(i, 1.5e-7, 1.25e22, 1.5e-7, 50000.5))
	}
	if err := r.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	want := `{"version":1,"exchangeName":"binance","strategyName":"pullback","symbol":"BTCUSDT","riskName":"r","lastCandle":1700000340000,"recent":[` +
		`[1700000160000,1.5e-07,1.25e+22,1.5e-07,50000.5,1],[1700000220000,1.5e-07,1.25e+22,1.5e-07,50000.5,1],` +
		`[1700000280000,1.5e-07,1.25e+22,1.5e-07,50000.5,1],[1700000340000,1.5e-07,1.25e+22,1.5e-07,50000.5,1]],"redo":null,"untold":[]}`
	if got := get(t, d, "cursor/pullback", "BTCUSDT"); got != want {
		t.Errorf("cursor %s\nwant   %s", got, want)
	}
}
