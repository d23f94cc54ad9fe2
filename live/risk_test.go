package live_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/live"
	"github.com/holdfast-go/holdfast/memstore"
	"github.com/holdfast-go/holdfast/trade"
)

func TestValidations(t *testing.T) {
	ctx := context.Background()
	for _, scope := range []driver.BatchScope{driver.BatchAny, driver.BatchKey, driver.BatchNone} {
		d := &mortal{backend: memstore.New(), scope: scope}
		s := open(t, d)
		other := trade.Positions{}.Put("other:ETHUSDT", trade.Position{StrategyName: "other"})
		risk := trade.NewRiskAdapter(s)
		limit := withEntry(long(), 98)
		cfg := config(s, script{plans: map[int64]live.Plan{at(0): long(), at(1): limit, at(2): limit, at(5): limit}})
		cfg.RiskName, cfg.Validations = "r", []live.Validation{live.MaxOpenPositions(1)}
		h := &heard{}
		cfg.Callbacks = h.callbacks(t)
		r := start1(t, cfg)
		set := func(ps trade.Positions) {
			if err := risk.Write(ctx, "r", ps); err != nil {
				t.Fatal(err)
			}
		}
		set(other)
		tick(t, r, flat(0, 100), flat(1, 100)) // neither opened nor scheduled
		set(nil)
		tick(t, r, flat(2, 100)) // scheduled
		set(other)
		tick(t, r, flat(3, 98), flat(4, 100)) // reached, and refused
		set(nil)
		tick(t, r, flat(5, 100))
		set(other)
		tick(t, r, bar(6, 100, 100, 90, 90)) // reached and stopped out in one: refused too
		equalLines(t, []string{"0 rejected 100 risk", "1 rejected 100 risk", "2 scheduled 98", "3 cancelled 98 risk",
			"5 scheduled 98", "6 cancelled 90 risk"}, h.lines)
		if got := get(t, d, "risk/r", "positions"); !strings.Contains(got, "other") || strings.Contains(got, "script") {
			t.Errorf("%s: positions %s", scope, got)
		}
		if e := h.full[fmt.Sprintf("script:BTCUSDT:%d/rejected", at(0))]; !strings.Contains(e, `"detail":"1 of at most 1 positions are open"`) {
			t.Errorf("event %s", e)
		}
	}
}

// Runners on goroutines of their own never hold more positions together than
// the profile allows, whatever the store can do.
func TestRunnersOnManyGoroutinesShareOneLimit(t *testing.T) {
	for _, scope := range []driver.BatchScope{driver.BatchAny, driver.BatchKey} {
		m := &mortal{backend: memstore.New(), scope: scope}
		s := open(t, m)
		risk := trade.NewRiskAdapter(s)
		var all sync.WaitGroup
		opened := make([]int, 6)
		for g := range opened {
			candles := walk(150, uint64(g), 0.5)
			cfg := config(s, quick(t, "sma-cross"))
			cfg.Symbol, cfg.RiskName = fmt.Sprint("S", g), "shared"
			cfg.Validations = []live.Validation{live.MaxOpenPositions(2)}
			cfg.Callbacks.OnOpened = func(live.Event) {
				opened[g]++
				if ps, err := risk.Read(context.Background(), "shared"); err != nil || len(ps) > 2 {
					t.Errorf("%d positions, %v", len(ps), err)
				}
			}
			all.Go(func() {
				r, err := live.Open(context.Background(), cfg)
				for i := 0; err == nil && i < len(candles); i++ {
					_, err = r.Tick(context.Background(), candles[i])
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		total := 0
		for _, n := range opened {
			total += n
		}
		if total < 5 {
			t.Errorf("%v positions opened: too few to show anything", opened)
		}
	}
}

// A position that a crash left behind is not left in a profile that is no
// longer the runner's.
func TestProfileChangedAfterACrash(t *testing.T) {
	d := memstore.New()
	cfg := config(open(t, d), script{plans: map[int64]live.Plan{at(1): long()}})
	cfg.RiskName = "old"
	tick(t, start1(t, cfg), flat(0, 100))
	cfg.Store = open(t, &mortal{backend: d, scope: driver.BatchKey, dieAt: 1, after: true})
	if _, err := start1(t, cfg).Tick(context.Background(), flat(1, 100)); err == nil {
		t.Fatal("no crash")
	}
	cfg.Store, cfg.RiskName = open(t, d), "new"
	tick(t, start1(t, cfg), flat(1, 100))
	if got := get(t, d, "risk/old", "positions"); got != "[]" {
		t.Errorf("old profile: %s", got)
	}
	if got := get(t, d, "risk/new", "positions"); !strings.Contains(got, "script:BTCUSDT") {
		t.Errorf("new profile: %s", got)
	}
}

// Positions that cannot be read stop Open before it finishes a change.
func TestUnreadablePositionsStopOpenFirst(t *testing.T) {
	m := &mortal{backend: memstore.New(), scope: driver.BatchKey, dieAt: 2, after: true} // the cursor, with its redo
	cfg := config(open(t, m), script{plans: map[int64]live.Plan{at(0): long()}})
	cfg.RiskName = "r"
	if _, err := start1(t, cfg).Tick(context.Background(), flat(0, 100)); err == nil {
		t.Fatal("no crash")
	}
	put(t, m.backend, "risk/r", "positions", "[1]")
	before := dump(t, m.backend)
	cfg.Store = open(t, m.backend)
	if _, err := live.Open(context.Background(), cfg); err == nil || dump(t, m.backend) != before {
		t.Errorf("error %v; changed: %s", err, difference(before, dump(t, m.backend)))
	}
}
