package stats_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/bench/stats"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{7}, 7},
		{[]float64{3, 1, 2}, 2},
		{[]float64{4, 1, 3, 2}, 2.5},
		{[]float64{1, 1, 1000}, 1},
	} {
		before := slices.Clone(c.values)
		if got := stats.Median(c.values); got != c.want {
			t.Errorf("median of %v: %v, want %v", c.values, got, c.want)
		}
		if !slices.Equal(c.values, before) {
			t.Errorf("median has reordered %v", before)
		}
	}
	if !math.IsNaN(stats.Median(nil)) {
		t.Error("the median of nothing is a number")
	}
}

func TestHistogramSmallValuesAreExact(t *testing.T) {
	var h stats.Histogram
	for i := range 60 {
		h.Add(time.Duration(60 - i))
	}
	for q, want := range map[float64]time.Duration{0: 1, 0.5: 30, 0.99: 60, 1: 60} {
		if got := h.Quantile(q); got != want {
			t.Errorf("quantile %v: %d, want %d", q, got, want)
		}
	}
	if h.Max() != 60 || h.Count() != 60 {
		t.Errorf("max %d, count %d", h.Max(), h.Count())
	}
}

// Against sorting, over nine orders of magnitude.
func TestHistogramQuantiles(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var parts [3]stats.Histogram
	var all []time.Duration
	for i := range 30_000 {
		d := time.Duration(math.Pow(10, random.Float64()*9))
		parts[i%3].Add(d)
		all = append(all, d)
	}
	var h stats.Histogram
	for i := range parts {
		h.Merge(&parts[i])
	}
	slices.Sort(all)
	for _, q := range []float64{0.001, 0.5, 0.9, 0.99, 0.999, 1} {
		want := all[int(math.Ceil(q*float64(len(all))))-1]
		got := h.Quantile(q)
		if got < want || float64(got) > float64(want)*(1+1.0/64)+1 {
			t.Errorf("quantile %v: %d, want %d", q, got, want)
		}
	}
	if h.Max() != all[len(all)-1] || h.Count() != int64(len(all)) {
		t.Errorf("max %d, count %d", h.Max(), h.Count())
	}
}

func TestHistogramEdges(t *testing.T) {
	var h stats.Histogram
	if h.Quantile(0.5) != 0 || h.Max() != 0 {
		t.Error("an empty histogram has values")
	}
	h.Add(-5)
	h.Add(math.MaxInt64)
	if h.Quantile(0) != 0 || h.Quantile(1) != math.MaxInt64 {
		t.Errorf("quantiles %d and %d of a negative and the longest duration", h.Quantile(0), h.Quantile(1))
	}
}
