// Package candle reads closed candles in the shapes in which exchanges publish
// them and people keep them, makes demo candles, and merges the candles of
// several symbols in time order.
//
// [Reader] takes CSV, a JSON array or newline-delimited JSON and tells them
// apart by itself. It never skips or repairs a row: the first row it cannot
// read ends the reading with an error that names the file and the line.
//
// Nothing in this package judges the order of candles, and nothing starts a
// goroutine that outlives the call, except [FromSeq] as its comment says.
package candle

import (
	"fmt"
	"math"
	"strconv"
)

// A Candle is the price range of one symbol over one interval. The interval's
// length is not part of it; every candle is taken to be closed, so that its
// values are final.
type Candle struct {
	// Time is when the interval opened, in milliseconds since 1970-01-01 UTC.
	Time int64
	// Open, High, Low and Close are prices in the quote currency: finite and
	// above 0, with Low the lowest and High the highest of the four.
	Open, High, Low, Close float64
	// Volume is the traded amount, as a rule in the base currency: finite and
	// 0 or above. It is 0 where the source does not tell it.
	Volume float64
}

// A Source hands out candles one at a time. Next returns [io.EOF] itself, not
// wrapped, after the last one; any other error means that candles are missing
// from there on. After an error, io.EOF included, Next keeps returning it. Next
// may block until a candle arrives. A Source is for one goroutine at a time
// unless it says otherwise.
type Source interface {
	Next() (Candle, error)
}

// Validate reports the first thing that is wrong with the candle's prices or
// volume: a price that is not finite and above 0, a volume that is not finite
// and 0 or above, or a high or low that does not enclose the open and the
// close. It does not look at Time. The error's text is one line.
func (c Candle) Validate() error {
	prices := [...]float64{c.Open, c.High, c.Low, c.Close}
	for i, p := range prices {
		// Written so that NaN, which compares false with all, fails too.
		if !(p > 0 && p <= math.MaxFloat64) {
			return fmt.Errorf("%s %s is not a finite number above 0", colOpen+column(i), number(p))
		}
	}
	if !(c.Volume >= 0 && c.Volume <= math.MaxFloat64) {
		return fmt.Errorf("volume %s is not a finite number of 0 or above", number(c.Volume))
	}
	switch {
	case c.High < c.Low:
		return fmt.Errorf("high %s is below low %s", number(c.High), number(c.Low))
	case c.Low > c.Open:
		return fmt.Errorf("low %s is above open %s", number(c.Low), number(c.Open))
	case c.Low > c.Close:
		return fmt.Errorf("low %s is above close %s", number(c.Low), number(c.Close))
	case c.High < c.Open:
		return fmt.Errorf("high %s is below open %s", number(c.High), number(c.Open))
	case c.High < c.Close:
		return fmt.Errorf("high %s is below close %s", number(c.High), number(c.Close))
	}
	return nil
}

// number writes v as people write prices: without an exponent unless v is far
// from the size of any price.
func number(v float64) string {
	if a := math.Abs(v); a == 0 || a >= 1e-9 && a < 1e15 {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}
