package candle

import (
	"io"
	"iter"
	"math/bits"
	"math/rand/v2"
)

const (
	// DemoSeed is the seed of the demo that the project's examples use.
	DemoSeed uint64 = 20_240_101

	// DemoCount is the number of candles in a week of minutes.
	DemoCount = 10_080
)

const (
	demoStart  = 1_704_067_200_000 // 2024-01-01T00:00:00Z
	demoMinute = 60_000            // In milliseconds.
	demoPrice  = 50_000_00         // The first price, in cents.
	demoSteps  = 8                 // Price changes within a minute.
)

// Demo returns n made candles, one a minute from 2024-01-01T00:00:00Z on. Their
// price walks at random from 50,000, in percentages, through trends up and down
// and ranges of half an hour to four hours. Prices have 2 decimals, volumes 6.
// All candles are valid as [Candle.Validate] has it.
//
// The same n and seed give the same candles on every platform and with every
// version of Go and of this package; a larger n continues a smaller one's. The
// sequence may be ranged over any number of times, also concurrently.
func Demo(n int, seed uint64) iter.Seq[Candle] {
	return func(yield func(Candle) bool) {
		d := newDemo(seed)
		for range n {
			if !yield(d.next()) {
				return
			}
		}
	}
}

// DemoSource returns the candles of [Demo] as a Source. Unlike a [SeqSource] it
// holds nothing that needs closing.
func DemoSource(n int, seed uint64) Source {
	return &demoSource{left: n, demo: newDemo(seed)}
}

type demoSource struct {
	left int
	demo *demo
}

func (d *demoSource) Next() (Candle, error) {
	if d.left <= 0 {
		return Candle{}, io.EOF
	}
	d.left--
	return d.demo.next(), nil
}

// A demo walks in whole cents and parts per million: integers come out alike
// on every platform, where a compiler may fuse float operations on some.
type demo struct {
	pcg   *rand.PCG
	time  int64
	price int64 // The last close, in cents.
	left  int64 // Minutes left of the regime.
	drift int64 // Of each step, in ppm.
	noise int64 // Most change of a step at random, in ppm.
	home  int64 // The price that a range pulls back to, or 0 in a trend.
}

func newDemo(seed uint64) *demo {
	return &demo{pcg: rand.NewPCG(seed, 0x686f6c6466617374), time: demoStart, price: demoPrice}
}

// between returns a number from lo to hi, both included. It does not use
// rand.Rand, of which only the generators are specified.
func (d *demo) between(lo, hi int64) int64 {
	high, _ := bits.Mul64(d.pcg.Uint64(), uint64(hi-lo+1))
	return lo + int64(high)
}

// turn begins a regime. A price far from the first one is led back.
func (d *demo) turn() {
	d.left = d.between(30, 240)
	d.noise = d.between(60, 220)
	d.drift, d.home = 0, 0
	kind := d.between(0, 2)
	switch {
	case d.price < demoPrice/4:
		kind = 0
	case d.price > demoPrice*4:
		kind = 1
	}
	switch kind {
	case 0:
		d.drift = d.between(4, 16)
	case 1:
		d.drift = -d.between(4, 16)
	case 2:
		d.home = d.price
	}
}

// step changes the price by some ppm. In a range it loses a sixty-fourth of its
// distance from home.
func (d *demo) step() {
	ppm := d.drift + d.between(-d.noise, d.noise)
	change := d.price * ppm / 1_000_000
	if d.home != 0 {
		change += (d.home - d.price) / 64
	}
	d.price += change
}

// next returns the next candle. It opens where the one before closed.
func (d *demo) next() Candle {
	if d.left == 0 {
		d.turn()
	}
	d.left--
	open, high, low := d.price, d.price, d.price
	for range demoSteps {
		d.step()
		high, low = max(high, d.price), min(low, d.price)
	}
	// The further the price moved, the more was traded.
	volume := d.between(200_000, 6_000_000) + (high-low)*d.between(100, 900)
	c := Candle{
		Time:   d.time,
		Open:   float64(open) / 100,
		High:   float64(high) / 100,
		Low:    float64(low) / 100,
		Close:  float64(d.price) / 100,
		Volume: float64(volume) / 1_000_000,
	}
	d.time += demoMinute
	return c
}
