package live_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/live"
	"github.com/holdfast-go/holdfast/live/candle"
	"github.com/holdfast-go/holdfast/memstore"
	"github.com/holdfast-go/holdfast/trade"
)

// quick is a strategy of the package with windows short enough to trade often.
func quick(t testing.TB, name string) live.Strategy {
	t.Helper()
	var s live.Strategy
	var err error
	switch name {
	case "sma-cross":
		s, err = live.NewSMACross(&live.SMACrossOptions{Fast: 2, Slow: 5, Minutes: 4})
	case "pullback":
		s, err = live.NewPullback(&live.PullbackOptions{Fast: 2, Slow: 5, Minutes: 4})
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStrategiesByName(t *testing.T) {
	for _, name := range live.StrategyNames() {
		s, err := live.StrategyByName(name)
		if err != nil || s.Name() != name {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
	for _, name := range []string{"", "SMA"} {
		_, err := live.StrategyByName(name)
		if err == nil || !strings.Contains(err.Error(), "use one of pullback, sma-cross") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestStrategyOptions(t *testing.T) {
	for _, o := range []live.SMACrossOptions{
		{Fast: 50}, {Fast: -1}, {Slow: 10_000}, {TakeProfit: -1}, {StopLoss: 100}, {Minutes: math.NaN()},
	} {
		if s, err := live.NewSMACross(&o); err == nil || s != nil {
			t.Errorf("%+v was taken", o)
		}
	}
	for _, o := range []live.PullbackOptions{{Fast: 30}, {Entry: -0.3}, {Slow: 10_001}, {StopLoss: math.Inf(1)}} {
		if s, err := live.NewPullback(&o); err == nil || s != nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

// ramp is candles that close at the prices.
func ramp(prices ...float64) []candle.Candle {
	var out []candle.Candle
	for i, p := range prices {
		out = append(out, flat(i, p))
	}
	return out
}

func view(candles []candle.Candle) live.View {
	return live.View{Symbol: "S", Candle: candles[len(candles)-1], Recent: candles}
}

func TestSMACross(t *testing.T) {
	s, err := live.NewSMACross(&live.SMACrossOptions{Fast: 1, Slow: 2})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		prices []float64
		want   *live.Plan
	}{
		{[]float64{101, 100, 102}, &live.Plan{Position: trade.Long, TakeProfit: 103.02, StopLoss: 101.49, Minutes: 240, Note: "fast average crossed above slow"}},
		{[]float64{100, 101, 99}, &live.Plan{Position: trade.Short, TakeProfit: 98.01, StopLoss: 99.495, Minutes: 240, Note: "fast average crossed below slow"}},
		{[]float64{100, 101, 102}, nil},
		{[]float64{100, 100, 100}, nil},
	} {
		p, err := s.Signal(view(ramp(c.prices...)))
		if err != nil || (p == nil) != (c.want == nil) || p != nil && *p != *c.want {
			t.Errorf("%v: %+v, %v; want %+v", c.prices, p, err, c.want)
		}
	}
}

func TestPullback(t *testing.T) {
	s, err := live.NewPullback(&live.PullbackOptions{Fast: 2, Slow: 3})
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.Signal(view(ramp(98, 99, 100)))
	if err != nil || *p != (live.Plan{Position: trade.Long, PriceOpen: 99.7, TakeProfit: 100.4976, StopLoss: 99.1018, Minutes: 240, Note: "pullback in an uptrend"}) {
		t.Errorf("up: %+v, %v", p, err)
	}
	p, err = s.Signal(view(ramp(102, 101, 100)))
	if err != nil || *p != (live.Plan{Position: trade.Short, PriceOpen: 100.3, TakeProfit: 99.4976, StopLoss: 100.9018, Minutes: 240, Note: "pullback in a downtrend"}) {
		t.Errorf("down: %+v, %v", p, err)
	}
	if p, err := s.Signal(view(ramp(100, 102, 101))); p != nil || err != nil {
		t.Errorf("neither: %+v, %v", p, err)
	}
}

// watching records what its strategy was shown.
type watching struct {
	live.Strategy
	seen *[][]candle.Candle
}

func (w watching) Signal(v live.View) (*live.Plan, error) {
	*w.seen = append(*w.seen, slices.Clone(v.Recent))
	return nil, nil
}

// A strategy is asked once its window is full, sees exactly that, and after a
// restart without the older candles sees the same.
func TestWindow(t *testing.T) {
	candles := walk(30, 1, 0.5)
	d := memstore.New()
	var seen [][]candle.Candle
	cfg := config(open(t, d), watching{quick(t, "pullback"), &seen})
	for _, c := range candles {
		tick(t, start1(t, cfg), c)
	}
	if len(seen) != len(candles)-4 {
		t.Fatalf("asked %d times about %d candles", len(seen), len(candles))
	}
	for i, recent := range seen {
		if !slices.Equal(recent, candles[i:i+5]) {
			t.Errorf("candle %d: saw %v", i+4, recent)
		}
	}
}
