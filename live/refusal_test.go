package live_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/live"
	"github.com/holdfast-go/holdfast/memstore"
)

func TestRefusedSignals(t *testing.T) {
	ours := fmt.Sprintf(row, "x", "binance", "script", "BTCUSDT")
	for _, c := range []struct {
		name, signal string
		want         []string
	}{
		{"exchange", fmt.Sprintf(row, "x", "bybit", "script", "BTCUSDT"), []string{`"bybit"`, `"binance"`}},
		{"strategy", fmt.Sprintf(row, "x", "binance", "other", "BTCUSDT"), []string{`"other"`, `"script"`}},
		{"symbol", fmt.Sprintf(row, "x", "binance", "script", "ETHUSDT"), []string{`"ETHUSDT"`, `"BTCUSDT"`}},
		{"position", strings.Replace(ours, "long", "sideways", 1), []string{`"sideways"`}},
		{"price", strings.Replace(ours, `"priceOpen":100`, `"priceOpen":-1`, 1), []string{"priceOpen -1"}},
		{"absent price", strings.Replace(ours, `"priceStopLoss":95,`, "", 1), []string{"priceStopLoss 0"}},
		{"sides", strings.Replace(ours, `"priceStopLoss":95`, `"priceStopLoss":111`, 1), []string{"111", "wrong side", "110"}},
		{"type", strings.Replace(ours, `"priceOpen":100`, `"priceOpen":"100"`, 1), []string{"priceOpen", "string"}},
		{"id", strings.Replace(ours, `"id":"x"`, `"id":"\u0000"`, 1), []string{"U+0000"}},
	} {
		for _, entity := range []string{"signal/script", "schedule/script"} {
			t.Run(c.name+"/"+entity, func(t *testing.T) {
				d := memstore.New()
				put(t, d, entity, "BTCUSDT", c.signal)
				cfg := config(open(t, d), script{})
				cfg.RiskName = "r"
				cfg.Callbacks.OnRestored = func(live.Restored) { t.Error("told as restored") }
				before := dump(t, d)
				_, err := live.Open(context.Background(), cfg)
				if err == nil {
					t.Fatal("it was taken")
				}
				for _, want := range append(c.want, entity, "BTCUSDT") {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("the error does not name %s: %v", want, err)
					}
				}
				if c.name != "type" && !strings.Contains(err.Error(), "holdfast rm "+entity) {
					t.Errorf("the error names no way out: %v", err)
				}
				if got := dump(t, d); got != before {
					t.Errorf("a refused signal was changed: %s", difference(before, got))
				}
			})
		}
	}
}

func TestOtherRefusalsOfOpen(t *testing.T) {
	signal := fmt.Sprintf(row, "a", "binance", "script", "BTCUSDT")
	cursor := `{"version":1,"exchangeName":"binance","strategyName":"script","symbol":"BTCUSDT","riskName":"r","lastCandle":1700000040000,"recent":[],"redo":null,"untold":[]}`
	for _, c := range []struct {
		name string
		keys [][3]string
		want []string
	}{
		{"both", [][3]string{{"signal/script", "BTCUSDT", signal}, {"schedule/script", "BTCUSDT", strings.Replace(signal, `"a"`, `"b"`, 1)}}, []string{`"a"`, `"b"`, "holdfast rm"}},
		{"position of another exchange", [][3]string{{"risk/r", "positions", `[["script:BTCUSDT",{"exchangeName":"bybit"}]]`}}, []string{`"bybit"`, `"binance"`, "risk/r"}},
		{"positions unreadable", [][3]string{{"risk/r", "positions", `[1]`}}, []string{"risk/r", "pairs"}},
		{"risk profile changed", [][3]string{{"signal/script", "BTCUSDT", signal}, {"cursor/script", "BTCUSDT", strings.Replace(cursor, `"r"`, `"q"`, 1)}}, []string{`"q"`, `"r"`}},
		{"cursor of another exchange", [][3]string{{"cursor/script", "BTCUSDT", strings.Replace(cursor, "binance", "bybit", 1)}}, []string{`"bybit"`, `"binance"`, "holdfast rm cursor/script BTCUSDT"}},
		{"cursor of a newer release", [][3]string{{"cursor/script", "BTCUSDT", strings.Replace(cursor, `:1,`, `:2,`, 1)}}, []string{"version 2"}},
		{"cursor without a candle", [][3]string{{"cursor/script", "BTCUSDT", strings.Replace(cursor, "1700000040000", "0", 1)}}, []string{"lastCandle 0"}},
		{"cursor of another shape", [][3]string{{"cursor/script", "BTCUSDT", `[]`}}, []string{"cursor/script BTCUSDT"}},
		{"candle too short", [][3]string{{"cursor/script", "BTCUSDT", strings.Replace(cursor, "[]", "[[1,2]]", 1)}}, []string{"recent candle 1 has 2 values"}},
		{"candle invalid", [][3]string{{"cursor/script", "BTCUSDT", strings.Replace(cursor, "[]", "[[1700000040000,1,1,2,1,1]]", 1)}}, []string{"recent candle 1", "below low"}},
		{"candles unordered", [][3]string{{"cursor/script", "BTCUSDT", strings.Replace(cursor, "[]", "[[2,1,1,1,1,1],[1,1,1,1,1,1]]", 1)}}, []string{"recent candle 2", "order"}},
		{"candles end early", [][3]string{{"cursor/script", "BTCUSDT", strings.Replace(cursor, "[]", "[[2,1,1,1,1,1]]", 1)}}, []string{"do not reach lastCandle"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := memstore.New()
			for _, k := range c.keys {
				put(t, d, k[0], k[1], k[2])
			}
			before := dump(t, d)
			cfg := config(open(t, d), script{})
			cfg.RiskName = "r"
			_, err := live.Open(context.Background(), cfg)
			if err == nil {
				t.Fatal("it was opened")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not name %s: %v", want, err)
				}
			}
			if got := dump(t, d); got != before {
				t.Errorf("changed: %s", difference(before, got))
			}
		})
	}
}

type damagedAt struct {
	*memstore.Store
	key driver.Key
}

func (d damagedAt) Get(ctx context.Context, k driver.Key) (driver.Record, error) {
	if k == d.key {
		return driver.Record{}, driver.ErrDamaged
	}
	return d.Store.Get(ctx, k)
}

// A damaged value is not an absent one: nothing starts beside it.
func TestDamageStopsOpen(t *testing.T) {
	for _, k := range []driver.Key{
		{Entity: "signal/script", ID: "BTCUSDT"}, {Entity: "schedule/script", ID: "BTCUSDT"},
		{Entity: "cursor/script", ID: "BTCUSDT"}, {Entity: "risk/r", ID: "positions"},
	} {
		cfg := config(open(t, damagedAt{memstore.New(), k}), script{})
		cfg.RiskName = "r"
		if _, err := live.Open(context.Background(), cfg); !errors.Is(err, holdfast.ErrDamaged) {
			t.Errorf("%s damaged: %v", k, err)
		}
	}
}
