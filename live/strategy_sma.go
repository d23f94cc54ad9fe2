package live

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/holdfast-go/holdfast/live/candle"
	"github.com/holdfast-go/holdfast/trade"
)

// SMACrossOptions of NewSMACross. Nil stands for the zero value, which stands
// for the defaults.
type SMACrossOptions struct {
	Name       string  // default "sma-cross"
	Fast, Slow int     // candles in the averages: default 20 and 50
	TakeProfit float64 // percent from the entry: default 1
	StopLoss   float64 // percent from the entry: default 0.5
	Minutes    float64 // estimated time: default 240
}

// SMACross enters at market when the fast simple moving average of the closes
// crosses the slow one: long upwards, short downwards.
type SMACross struct{ o SMACrossOptions }

// NewSMACross makes the strategy, or tells which setting cannot be.
func NewSMACross(o *SMACrossOptions) (*SMACross, error) {
	s := &SMACross{}
	if o != nil {
		s.o = *o
	}
	or(&s.o.Name, "sma-cross")
	or(&s.o.Fast, 20)
	or(&s.o.Slow, 50)
	or(&s.o.TakeProfit, 1)
	or(&s.o.StopLoss, 0.5)
	or(&s.o.Minutes, 240)
	switch {
	case s.o.Fast < 1 || s.o.Slow <= s.o.Fast:
		return nil, fmt.Errorf("averages of %d and %d candles: the fast one is at least 1, the slow one more", s.o.Fast, s.o.Slow)
	case s.o.Slow >= maxWindow:
		return nil, fmt.Errorf("an average of %d candles: below %d are possible", s.o.Slow, maxWindow)
	}
	if err := percents(s.o.TakeProfit, s.o.StopLoss, s.o.Minutes); err != nil {
		return nil, err
	}
	return s, nil
}

// Name implements Strategy.
func (s *SMACross) Name() string { return s.o.Name }

// Window implements Strategy: the slow average now and one candle ago.
func (s *SMACross) Window() int { return s.o.Slow + 1 }

// Signal implements Strategy.
func (s *SMACross) Signal(v View) (*Plan, error) {
	before := v.Recent[:len(v.Recent)-1]
	was := sma(before, s.o.Fast) - sma(before, s.o.Slow)
	is := sma(v.Recent, s.o.Fast) - sma(v.Recent, s.o.Slow)
	p := Plan{Minutes: s.o.Minutes}
	switch {
	case was <= 0 && is > 0:
		p.Position, p.Note = trade.Long, "fast average crossed above slow"
	case was >= 0 && is < 0:
		p.Position, p.Note = trade.Short, "fast average crossed below slow"
	default:
		return nil, nil
	}
	p.aim(v.Candle.Close, s.o.TakeProfit, s.o.StopLoss)
	return &p, nil
}

// aim sets the two exits at percentages from the entry price.
func (p *Plan) aim(entry, profit, stop float64) {
	if p.Position == trade.Short {
		profit, stop = -profit, -stop
	}
	p.TakeProfit = percentFrom(entry, profit)
	p.StopLoss = percentFrom(entry, -stop)
}

// sma is the mean of the last n closes.
func sma(candles []candle.Candle, n int) float64 {
	sum := 0.0
	for _, c := range candles[len(candles)-n:] {
		sum += c.Close
	}
	return sum / float64(n)
}

// percentFrom is price changed by so many percent, to ten significant digits.
// The conversion keeps a compiler from fusing the product with anything, which
// would give another last digit on other platforms.
func percentFrom(price, percent float64) float64 {
	moved := float64(price * (1 + percent/100))
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(moved, 'g', 10, 64), 64)
	if err != nil {
		return moved // not finite: Plan.Validate refuses it
	}
	return rounded
}

// percents refuses exits that could not be.
func percents(profit, stop, minutes float64) error {
	var err error
	for _, p := range []float64{profit, stop} {
		if !(p > 0 && p < 100) {
			err = errors.Join(err, fmt.Errorf("an exit %v percent from the entry: above 0 and below 100 are possible", p))
		}
	}
	if !(minutes >= 0 && minutes <= math.MaxFloat64) {
		err = errors.Join(err, fmt.Errorf("an estimated time of %v minutes: at least 0", minutes))
	}
	return err
}

// or sets the default of an option.
func or[T comparable](v *T, unset T) {
	var zero T
	if *v == zero {
		*v = unset
	}
}
