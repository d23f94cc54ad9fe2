package live_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/live"
	"github.com/holdfast-go/holdfast/live/candle"
	"github.com/holdfast-go/holdfast/memstore"
	"github.com/holdfast-go/holdfast/trade"
)

// An ordinary tick is one write, idle and in a position; a change of state is
// one batch where that can be, and no more writes than values elsewhere.
func TestWritesPerTick(t *testing.T) {
	limit := withEntry(long(), 98)
	for _, c := range []struct {
		scope driver.BatchScope
		want  string
	}{
		{driver.BatchAny, "[1 1 1 1 1 1]"},
		// Scheduling: cursor, row, cursor. Opening: risk, cursor, row, the
		// other row, cursor. Closing: cursor, ledger, row, risk, cursor.
		{driver.BatchKey, "[1 3 1 5 1 5]"},
	} {
		m := &mortal{backend: memstore.New(), scope: c.scope}
		cfg := config(open(t, m), script{plans: map[int64]live.Plan{at(1): limit}})
		cfg.RiskName = "r"
		cfg.Validations = []live.Validation{live.MaxOpenPositions(1)}
		r := start1(t, cfg)
		var got []int
		for _, c := range []candle.Candle{flat(0, 100), flat(1, 100), flat(2, 99), flat(3, 98), flat(4, 99), flat(5, 94)} {
			before := m.writes
			tick(t, r, c)
			got = append(got, m.writes-before)
		}
		if fmt.Sprint(got) != c.want {
			t.Errorf("%s: writes per tick %v, want %s", c.scope, got, c.want)
		}
	}
}

func TestHandledCandlesAreSkipped(t *testing.T) {
	d := memstore.New()
	cfg := config(open(t, d), script{plans: map[int64]live.Plan{at(1): long()}})
	h := &heard{}
	cfg.Callbacks = h.callbacks(t)
	r := start1(t, cfg)
	tick(t, r, flat(0, 100), flat(1, 100), flat(2, 100))
	before := dump(t, d)
	skip := func(r *live.Runner, n int) {
		t.Helper()
		out, err := r.Tick(context.Background(), flat(n, 94)) // would be stopped out
		if err != nil || !out.Skipped || out.Events != nil {
			t.Errorf("candle %d: %+v, %v", n, out, err)
		}
	}
	skip(r, 2)
	skip(r, 1)
	if r.Skipped() != 2 || dump(t, d) != before {
		t.Errorf("%d skipped; changed: %s", r.Skipped(), difference(before, dump(t, d)))
	}
	r = start1(t, cfg)
	skip(r, 0)
	skip(r, 2)
	if dump(t, d) != before {
		t.Error("a skipped candle changed something after a restart")
	}
	tick(t, r, flat(3, 100))
}

func TestInvalidCandles(t *testing.T) {
	d := memstore.New()
	r := start1(t, config(open(t, d), script{}))
	tick(t, r, flat(0, 100))
	before := dump(t, d)
	for _, c := range []candle.Candle{
		bar(1, 100, 99, 98, 100), bar(1, 0, 1, 0, 1), bar(1, math.NaN(), 1, 1, 1), bar(1, 1, math.Inf(1), 1, 1),
	} {
		_, err := r.Tick(context.Background(), c)
		if err == nil || !strings.Contains(err.Error(), fmt.Sprint(at(1))) || !strings.Contains(err.Error(), "2023-11-14T22:15:00Z") {
			t.Errorf("%+v: %v", c, err)
		}
	}
	for _, time := range []int64{0, -5, math.MaxInt64, math.MinInt64} {
		if _, err := r.Tick(context.Background(), candle.Candle{Time: time, Open: 1, High: 1, Low: 1, Close: 1}); err == nil {
			t.Errorf("a candle at %d was taken", time)
		}
	}
	if got := dump(t, d); got != before {
		t.Errorf("an invalid candle changed something: %s", difference(before, got))
	}
	tick(t, r, flat(1, 100))
}

// failing is a strategy that cannot decide.
type failing struct{ script }

func (failing) Signal(live.View) (*live.Plan, error) { return nil, errors.New("no model loaded") }

func TestStrategyErrorStopsTheTickAlone(t *testing.T) {
	d := memstore.New()
	r := start1(t, config(open(t, d), failing{}))
	for range 2 {
		_, err := r.Tick(context.Background(), flat(0, 100))
		if err == nil || errors.Is(err, live.ErrReopen) || !strings.Contains(err.Error(), "no model loaded") {
			t.Errorf("error %v", err)
		}
	}
	if got := dump(t, d); got != "" {
		t.Errorf("stored %s", got)
	}
}

func TestFailedWriteStopsTheRunner(t *testing.T) {
	m := &mortal{backend: memstore.New(), scope: driver.BatchKey, dieAt: 2}
	r := start1(t, config(open(t, m), script{}))
	tick(t, r, flat(0, 100))
	if _, err := r.Tick(context.Background(), flat(1, 100)); !errors.Is(err, errDead) {
		t.Errorf("error %v", err)
	}
	m.dead = false // the store is well again, but what it holds is not known
	_, err := r.Tick(context.Background(), flat(2, 100))
	if !errors.Is(err, live.ErrReopen) || !errors.Is(err, errDead) || !strings.Contains(err.Error(), "open the runner again") {
		t.Errorf("error %v", err)
	}
	before := m.writes
	if err := r.Close(context.Background()); err != nil || m.writes != before {
		t.Errorf("Close: %v, %d writes", err, m.writes-before)
	}
	if _, err := r.Tick(context.Background(), flat(2, 100)); !errors.Is(err, live.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// A tick that has begun is finished: to be told to stop is not a crash.
func TestCancelledContext(t *testing.T) {
	d := memstore.New()
	ctx, cancel := context.WithCancel(context.Background())
	plan := long()
	cfg := config(open(t, d), cancelling{script{plans: map[int64]live.Plan{at(0): plan}}, cancel})
	r := start1(t, cfg)
	if _, err := r.Tick(ctx, flat(0, 100)); err != nil {
		t.Errorf("cancelled within a tick: %v", err)
	}
	if _, err := r.Tick(ctx, flat(1, 100)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before a tick: %v", err)
	}
	tick(t, r, flat(1, 100))
}

type cancelling struct {
	script
	cancel func()
}

func (c cancelling) Signal(v live.View) (*live.Plan, error) {
	c.cancel()
	return c.script.Signal(v)
}

func TestPanickingCallback(t *testing.T) {
	d := memstore.New()
	cfg := config(open(t, d), script{plans: map[int64]live.Plan{at(0): withEntry(long(), 98)}})
	h := &heard{}
	cfg.Callbacks = h.callbacks(t)
	cfg.Callbacks.OnOpened = func(live.Event) { panic("order refused") }
	r := start1(t, cfg)
	tick(t, r, flat(0, 100))
	func() {
		defer func() { _ = recover() }()
		tick(t, r, bar(1, 99, 99, 94, 96)) // opened, which panics, and closed
	}()
	if _, err := r.Tick(context.Background(), flat(2, 100)); !errors.Is(err, live.ErrReopen) {
		t.Errorf("the runner went on without telling the rest: %v", err)
	}
	if err := r.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	cfg.Callbacks = h.callbacks(t)
	start1(t, cfg)
	equalLines(t, []string{"0 scheduled 98", "1 opened 98", "1 closed 95 stop_loss"}, h.lines)
}

// A candle whose validation panics is not handled: the runner must not pass it over,
// nor go on to one that would forget it. The next one handles it.
func TestPanickingValidation(t *testing.T) {
	for name, plan := range map[string]live.Plan{"opened": long(), "scheduled": withEntry(long(), 98)} {
		t.Run(name, func(t *testing.T) {
			cfg := config(open(t, memstore.New()), script{plans: map[int64]live.Plan{at(0): plan}})
			h := &heard{}
			cfg.RiskName, cfg.Callbacks = "r", h.callbacks(t)
			cfg.Validations = []live.Validation{func(trade.Positions, trade.SignalRow) error { panic("no rate") }}
			r := start1(t, cfg)
			func() {
				defer func() { _ = recover() }()
				tick(t, r, flat(0, 100))
			}()
			for n := range 2 {
				if out, err := r.Tick(context.Background(), flat(n, 100)); !errors.Is(err, live.ErrReopen) {
					t.Errorf("candle %d: %+v, %v", n, out, err)
				}
			}
			if err := r.Close(context.Background()); err != nil {
				t.Fatal(err)
			}
			cfg.Validations = nil
			tick(t, start1(t, cfg), flat(0, 100))
			if len(h.lines) != 1 {
				t.Errorf("told: %q", h.lines)
			}
		})
	}
}

func TestCallbacksCannotChangeTheRunner(t *testing.T) {
	d := memstore.New()
	plan := long()
	plan.Minutes = 100
	cfg := config(open(t, d), script{plans: map[int64]live.Plan{at(0): plan}})
	spoil := func(row *trade.SignalRow) { row.StopLoss, *row.MinuteEstimatedTime = 1, 1 }
	cfg.Callbacks.OnOpened = func(e live.Event) { spoil(&e.Signal) }
	cfg.Callbacks.OnRestored = func(r live.Restored) {
		if r.Signal != nil {
			spoil(r.Signal)
		}
	}
	cfg.RiskName = "r"
	cfg.Validations = []live.Validation{func(ps trade.Positions, row trade.SignalRow) error {
		spoil(&row)
		for i := range ps {
			ps[i].Key = "spoiled"
		}
		return nil
	}}
	r := start1(t, cfg)
	tick(t, r, flat(0, 100))
	for n := 1; n <= 2; n++ {
		out, err := r.Tick(context.Background(), flat(n, 100))
		if err != nil || out.Events[0].Kind != live.Active || out.Events[0].Signal.StopLoss != 95 {
			t.Errorf("%+v, %v", out, err)
		}
		r = start1(t, cfg)
	}
}

func TestGapsAreLogged(t *testing.T) {
	var log bytes.Buffer
	cfg := config(open(t, memstore.New()), script{})
	cfg.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	r := start1(t, cfg)
	tick(t, r, flat(0, 100), flat(1, 100), flat(2, 100))
	if log.Len() > 0 {
		t.Errorf("logged %s", &log)
	}
	tick(t, r, flat(5, 100))
	if !strings.Contains(log.String(), "gap between candles") || !strings.Contains(log.String(), fmt.Sprintf("after=%d candle=%d", at(2), at(5))) {
		t.Errorf("logged %s", &log)
	}
}
