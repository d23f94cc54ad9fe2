// Package stats has the few statistics that the benchmark prints.
package stats

import (
	"math"
	"math/bits"
	"slices"
	"time"
)

// Median is the middle value, of an even number the mean of the middle two. Of
// none it is NaN, which no table mistakes for a measurement.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	mid := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[mid]
	}
	return (sorted[mid-1] + sorted[mid]) / 2
}

// subBuckets is how many steps there are between a power of two and the next:
// a quantile is off by at most one of them, 1.6 %.
const subBuckets = 64

// Histogram counts durations in a fixed space, so that measuring millions of
// them costs neither memory nor a sort. Not for several goroutines: each has
// its own, and Merge adds them up.
type Histogram struct {
	counts [58 * subBuckets]int64
	n      int64
	max    time.Duration
}

// Add counts one duration; a negative one, of a clock that was set back, is 0.
func (h *Histogram) Add(d time.Duration) {
	d = max(d, 0)
	h.counts[bucket(uint64(d))]++
	h.n++
	h.max = max(h.max, d)
}

// Merge adds all that other has counted.
func (h *Histogram) Merge(other *Histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.n += other.n
	h.max = max(h.max, other.max)
}

// Count is how many durations were added.
func (h *Histogram) Count() int64 { return h.n }

// Max is the longest, exactly.
func (h *Histogram) Max() time.Duration { return h.max }

// Quantile is the duration that the share q of all did not exceed (nearest
// rank), rounded up by less than a bucket; 0 if there are none.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := int64(math.Ceil(q * float64(h.n)))
	rank = min(max(rank, 1), h.n)
	var seen int64
	for i, n := range h.counts {
		seen += n
		if n > 0 && seen >= rank {
			return min(time.Duration(upper(i)), h.max)
		}
	}
	return 0
}

// bucket of a value: the first 64 are exact, after that each power of two is
// cut into 64.
func bucket(v uint64) int {
	if v < subBuckets {
		return int(v)
	}
	shift := bits.Len64(v) - 7
	return (shift+1)*subBuckets + int(v>>shift) - subBuckets
}

// upper is the largest value of a bucket.
func upper(i int) uint64 {
	if i < subBuckets {
		return uint64(i)
	}
	shift := i/subBuckets - 1
	return (uint64(i%subBuckets+subBuckets)+1)<<shift - 1
}
