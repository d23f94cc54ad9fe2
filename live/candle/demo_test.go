package candle_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/live/candle"
)

// TestDemoGolden pins the demo's bits. Examples and their printed results rest
// on them: if this fails, restore Demo rather than change the sums.
func TestDemoGolden(t *testing.T) {
	for _, tt := range []struct {
		n    int
		seed uint64
		want string
	}{
		{candle.DemoCount, candle.DemoSeed, "fee9cb957f9cc23c964d74b53475ed7138857fe53f21dd33ada6230fd4ed3435"},
		{100_000, 0, "030fac1d8cff558971a98d25b37924d050a0445a167a66eec303bebc5b74584e"},
		{1_000, math.MaxUint64, "8f17e3e311b34fb2490f6f054b851c8163d9c47079d91d1b4c33de09f91b4867"},
	} {
		h := sha256.New()
		for c := range candle.Demo(tt.n, tt.seed) {
			for _, v := range []uint64{
				uint64(c.Time), math.Float64bits(c.Open), math.Float64bits(c.High),
				math.Float64bits(c.Low), math.Float64bits(c.Close), math.Float64bits(c.Volume),
			} {
				h.Write(binary.BigEndian.AppendUint64(nil, v))
			}
		}
		if got := fmt.Sprintf("%x", h.Sum(nil)); got != tt.want {
			t.Errorf("Demo(%d, %d) has the sum %s, want %s", tt.n, tt.seed, got, tt.want)
		}
	}
}

func TestDemoCandles(t *testing.T) {
	for seed := range uint64(5) {
		var before candle.Candle
		n := 0
		for c := range candle.Demo(50_000, seed) {
			if err := c.Validate(); err != nil {
				t.Fatalf("candle %d: %v", n, err)
			}
			if want := 1_704_067_200_000 + int64(n)*60_000; c.Time != want {
				t.Fatalf("candle %d is of %d, want %d", n, c.Time, want)
			}
			if n > 0 && c.Open != before.Close || n == 0 && c.Open != 50_000 {
				t.Fatalf("candle %d opens at %v after %v", n, c.Open, before.Close)
			}
			for _, p := range []float64{c.Open, c.High, c.Low, c.Close} {
				if p != parse(t, strconv.FormatFloat(p, 'f', 2, 64)) {
					t.Fatalf("candle %d: %v has more than 2 decimals", n, p)
				}
			}
			before = c
			n++
		}
		if n != 50_000 {
			t.Errorf("got %d candles", n)
		}
	}
}

func parse(t *testing.T, s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestDemoTrades sees to it that the demo has something to trade on: averages
// that cross both ways, and trends with pullbacks in them.
func TestDemoTrades(t *testing.T) {
	for seed := range uint64(5) {
		var closes []float64
		for c := range candle.Demo(candle.DemoCount, candle.DemoSeed+seed) {
			closes = append(closes, c.Close)
		}
		mean := func(n, at int) (m float64) {
			for _, v := range closes[at-n : at] {
				m += v / float64(n)
			}
			return m
		}
		ups, downs, pullbacks := 0, 0, 0
		for i := 201; i < len(closes); i++ {
			was, is := mean(20, i-1) > mean(60, i-1), mean(20, i) > mean(60, i)
			if is && !was {
				ups++
			}
			if was && !is {
				downs++
			}
			// Above the slow average, and below the fast one for the first time.
			if v := closes[i]; v > mean(200, i) && v < mean(20, i) && closes[i-1] >= mean(20, i-1) {
				pullbacks++
			}
		}
		if ups < 30 || downs < 30 || pullbacks < 30 {
			t.Errorf("seed %d more: %d crossings up, %d down, %d pullbacks", seed, ups, downs, pullbacks)
		}
		if spread := slices.Max(closes) / slices.Min(closes); spread < 1.05 || spread > 2 {
			t.Errorf("seed %d more: the highest close is %.3f of the lowest", seed, spread)
		}
	}
}

// TestDemoStays runs the demo for two years, with seeds that lead it far up and
// far down.
func TestDemoStays(t *testing.T) {
	for _, seed := range []uint64{3, 4} {
		lowest, highest := math.Inf(1), 0.0
		for c := range candle.Demo(1_000_000, seed) {
			lowest, highest = min(lowest, c.Low), max(highest, c.High)
		}
		if lowest < 8_000 || highest > 320_000 || lowest > 12_500 && highest < 200_000 {
			t.Errorf("seed %d: the price goes from %v to %v", seed, lowest, highest)
		}
	}
}

func TestDemoEnds(t *testing.T) {
	for _, n := range []int{-1, 0} {
		for c := range candle.Demo(n, 1) {
			t.Errorf("Demo(%d) has %v", n, c)
		}
		if _, err := candle.DemoSource(n, 1).Next(); err != io.EOF {
			t.Errorf("DemoSource(%d): %v", n, err)
		}
	}
	week := slices.Collect(candle.Demo(1000, 1))
	if !slices.Equal(week[:10], slices.Collect(candle.Demo(10, 1))) {
		t.Error("a longer demo begins differently")
	}
	for c := range candle.Demo(1000, 1) {
		if c != week[0] {
			t.Error("the second run differs")
		}
		break
	}
	got, _, err := readAll(t, candle.DemoSource(1000, 1))
	if !slices.Equal(got, week) || err != nil {
		t.Errorf("DemoSource differs from Demo: %v", err)
	}
	if slices.Equal(week, slices.Collect(candle.Demo(1000, 2))) {
		t.Error("the seed does not matter")
	}
}

// TestDemoRoundTrip writes the demo as CSV and reads it back.
func TestDemoRoundTrip(t *testing.T) {
	var b strings.Builder
	for c := range candle.Demo(2000, 7) {
		fmt.Fprintf(&b, "%d,%v,%v,%v,%v,%v\n", c.Time, c.Open, c.High, c.Low, c.Close, c.Volume)
	}
	got, _, err := readAll(t, newReader(b.String()))
	if err != nil || !slices.Equal(got, slices.Collect(candle.Demo(2000, 7))) {
		t.Errorf("what was read differs from what was written: %v", err)
	}
}
