package live_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/live"
	"github.com/holdfast-go/holdfast/live/candle"
	"github.com/holdfast-go/holdfast/memstore"
	"github.com/holdfast-go/holdfast/trade"
)

// A story is one signal on handmade candles. The plan is made at candle 0,
// which closes at 100; the story is told for long, and in its mirror image
// around 100 for short.
type story struct {
	name    string
	plan    live.Plan
	candles []candle.Candle // from candle 1
	want    []string        // without the active events
}

func stories() []story {
	limit := long()
	limit.PriceOpen = 98
	hour := long()
	hour.Minutes = 3
	return []story{
		{"take profit", long(), []candle.Candle{bar(1, 100, 110, 99, 105)}, []string{"0 opened 100", "1 closed 110 take_profit"}},
		{"stop loss", long(), []candle.Candle{bar(1, 100, 101, 95, 97)}, []string{"0 opened 100", "1 closed 95 stop_loss"}},
		{"neither touched", long(), []candle.Candle{bar(1, 100, 109.99, 95.01, 100)}, []string{"0 opened 100"}},
		{"both touched is stopped out", long(), []candle.Candle{bar(1, 100, 111, 94, 100)}, []string{"0 opened 100", "1 closed 95 stop_loss"}},
		{"opens beyond the stop: left at the open", long(), []candle.Candle{bar(1, 93, 111, 92, 100)}, []string{"0 opened 100", "1 closed 93 stop_loss"}},
		{"opens beyond the target: no more than the target", long(), []candle.Candle{bar(1, 115, 116, 112, 115)}, []string{"0 opened 100", "1 closed 110 take_profit"}},
		{"opens beyond the target, then falls to the stop", long(), []candle.Candle{bar(1, 115, 116, 94, 95)}, []string{"0 opened 100", "1 closed 95 stop_loss"}},
		{"time is over", hour, []candle.Candle{flat(1, 101), flat(2, 101), flat(3, 102)}, []string{"0 opened 100", "3 closed 102 time_expired"}},
		{"time is not yet over", hour, []candle.Candle{flat(1, 101), flat(2, 101)}, []string{"0 opened 100"}},
		{"target in the candle in which time is over", hour, []candle.Candle{bar(3, 101, 110, 100, 102)}, []string{"0 opened 100", "3 closed 110 take_profit"}},
		{"stop in the candle in which time is over", hour, []candle.Candle{bar(3, 101, 102, 95, 101)}, []string{"0 opened 100", "3 closed 95 stop_loss"}},
		{"scheduled, reached, closed", limit, []candle.Candle{flat(1, 99), bar(2, 99, 99, 98, 99), bar(3, 99, 110, 99, 105)},
			[]string{"0 scheduled 98", "2 opened 98", "3 closed 110 take_profit"}},
		{"scheduled, opened through the entry", limit, []candle.Candle{bar(1, 97, 99, 96, 99)}, []string{"0 scheduled 98", "1 opened 98"}},
		{"target in the entry candle does not count", limit, []candle.Candle{bar(1, 99, 111, 98, 100)}, []string{"0 scheduled 98", "1 opened 98"}},
		{"entry and stop in one candle", limit, []candle.Candle{bar(1, 99, 99, 94, 96)}, []string{"0 scheduled 98", "1 opened 98", "1 closed 95 stop_loss"}},
		{"entry, stop and target in one candle", limit, []candle.Candle{bar(1, 99, 111, 94, 96)}, []string{"0 scheduled 98", "1 opened 98", "1 closed 95 stop_loss"}},
		{"opens beyond the stop before the entry", limit, []candle.Candle{bar(1, 95, 99, 95, 99)}, []string{"0 scheduled 98", "1 cancelled 99 stop_loss_before_entry"}},
		{"not reached in time", limit, []candle.Candle{flat(119, 99), bar(120, 99, 99, 90, 97)}, []string{"0 scheduled 98", "120 cancelled 97 timeout"}},
		{"reached just in time", limit, []candle.Candle{flat(1, 99), bar(119, 99, 99, 98, 98.5)}, []string{"0 scheduled 98", "119 opened 98"}},
		{"estimated time counts from the entry", withEntry(hour, 98), []candle.Candle{flat(2, 98), flat(4, 99), flat(5, 99)},
			[]string{"0 scheduled 98", "2 opened 98", "5 closed 99 time_expired"}},
		{"an entry price already reached enters at the close", withEntry(long(), 103), nil, []string{"0 opened 100"}},
		{"no new signal in the candle in which one ended", long(), []candle.Candle{bar(1, 100, 110, 99, 105), flat(2, 100), flat(3, 100)},
			[]string{"0 opened 100", "1 closed 110 take_profit", "2 opened 100"}},
	}
}

func withEntry(p live.Plan, price float64) live.Plan {
	p.PriceOpen = price
	return p
}

func TestStories(t *testing.T) {
	for _, scope := range []driver.BatchScope{driver.BatchAny, driver.BatchKey, driver.BatchNone} {
		for _, s := range stories() {
			t.Run(string(scope)+"/long/"+s.name, func(t *testing.T) { tell(t, scope, s) })
			t.Run(string(scope)+"/short/"+s.name, func(t *testing.T) { tell(t, scope, mirror(s)) })
		}
	}
}

// tell runs a story, with a restart after every candle, and looks at what is
// stored after it.
func tell(t *testing.T, scope driver.BatchScope, s story) {
	d := &mortal{backend: memstore.New(), scope: scope}
	strategy := script{plans: map[int64]live.Plan{at(0): s.plan}}
	for n := 1; n <= 3; n++ { // wanted again in each candle that ends one, and once after
		if strings.Contains(s.name, "no new signal") && n <= 2 {
			strategy.plans[at(n)] = s.plan
		}
	}
	cfg := config(open(t, d), strategy)
	cfg.RiskName, cfg.FeePercent = "conservative", 0.1
	cfg.Validations = []live.Validation{live.MaxOpenPositions(1)}
	h := &heard{}
	cfg.Callbacks = h.callbacks(t)
	for _, c := range append([]candle.Candle{flat(0, 100)}, s.candles...) {
		r := start1(t, cfg)
		tick(t, r, c)
		if err := r.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, l := range h.lines {
		if !strings.Contains(l, "active") {
			got = append(got, l)
		}
	}
	equalLines(t, s.want, got)
	last := s.want[len(s.want)-1]
	opened, scheduled := strings.Contains(last, "opened"), strings.Contains(last, "scheduled")
	holds(t, "signal", get(t, d, "signal/script", "BTCUSDT"), opened)
	holds(t, "schedule", get(t, d, "schedule/script", "BTCUSDT"), scheduled)
	holds(t, "risk", get(t, d, "risk/conservative", "positions"), opened)
	if strings.Contains(get(t, d, "cursor/script", "BTCUSDT"), `"untold":[{`) {
		t.Error("closed with untold events")
	}
}

func holds(t *testing.T, what, data string, want bool) {
	t.Helper()
	if has := data != "not found" && data != "null" && data != "[]"; has != want {
		t.Errorf("%s is %s", what, data)
	}
}

// mirror turns a story around the price of 100.
func mirror(s story) story {
	flip := func(v float64) float64 { return 200 - v }
	s.plan.Position = trade.Short
	s.plan.TakeProfit, s.plan.StopLoss = flip(s.plan.TakeProfit), flip(s.plan.StopLoss)
	if s.plan.PriceOpen != 0 {
		s.plan.PriceOpen = flip(s.plan.PriceOpen)
	}
	candles := s.candles
	s.candles = nil
	for _, c := range candles {
		c.Open, c.High, c.Low, c.Close = flip(c.Open), flip(c.Low), flip(c.High), flip(c.Close)
		s.candles = append(s.candles, c)
	}
	want := s.want
	s.want = nil
	for _, w := range want {
		f := strings.SplitN(w, " ", 4)
		var price float64
		fmt.Sscan(f[2], &price)
		f[2] = fmt.Sprint(flip(price))
		s.want = append(s.want, strings.Join(f, " "))
	}
	return s
}

func TestPlansThatCannotBe(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		plan live.Plan
		want string
	}{
		{live.Plan{Position: trade.Long, TakeProfit: 100, StopLoss: 95}, "long: take profit 100 is not above the entry price 100"},
		{live.Plan{Position: trade.Long, TakeProfit: 101, StopLoss: 100}, "long: stop loss 100 is not below the entry price 100"},
		{live.Plan{Position: trade.Short, TakeProfit: 101, StopLoss: 105}, "short: take profit 101 is not below the entry price 100"},
		{live.Plan{Position: trade.Short, TakeProfit: 99, StopLoss: 95}, "short: stop loss 95 is not above the entry price 100"},
		{live.Plan{Position: "up", TakeProfit: 101, StopLoss: 95}, `position "up": long or short`},
		{live.Plan{Position: trade.Long, TakeProfit: nan, StopLoss: 95}, "take profit NaN is not a finite price above 0"},
		{live.Plan{Position: trade.Long, TakeProfit: 101, StopLoss: -1}, "stop loss -1 is not a finite price above 0"},
		{live.Plan{Position: trade.Short, PriceOpen: -5, TakeProfit: 90, StopLoss: 105}, "entry price -5 is not a finite price above 0"},
		{live.Plan{Position: trade.Long, PriceOpen: nan, TakeProfit: 101, StopLoss: 95}, "entry price NaN"},
		{live.Plan{Position: trade.Long, TakeProfit: 101, StopLoss: 95, Minutes: -1}, "estimated time of -1 minutes"},
		{live.Plan{Position: trade.Long, PriceOpen: 94, TakeProfit: 101, StopLoss: 95}, "long: stop loss 95 is not below the entry price 94"},
	} {
		d := memstore.New()
		r := start1(t, config(open(t, d), script{plans: map[int64]live.Plan{at(0): c.plan}}))
		out, err := r.Tick(context.Background(), flat(0, 100))
		if err != nil || len(out.Events) != 1 || out.Events[0].Reason != live.InvalidPlan || !strings.HasPrefix(out.Events[0].Detail, c.want) {
			t.Errorf("%+v: %+v, %v; want %s", c.plan, out, err, c.want)
		}
		tick(t, r, flat(1, 100)) // and it goes on
		holds(t, "signal", get(t, d, "signal/script", "BTCUSDT"), false)
	}
}
