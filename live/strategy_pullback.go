package live

import (
	"fmt"

	"github.com/holdfast-go/holdfast/trade"
)

// PullbackOptions of NewPullback. Nil stands for the zero value, which stands
// for the defaults.
type PullbackOptions struct {
	Name       string  // default "pullback"
	Fast, Slow int     // candles in the averages: default 10 and 30
	Entry      float64 // percent from the close: default 0.3
	TakeProfit float64 // percent from the entry: default 0.8
	StopLoss   float64 // percent from the entry: default 0.6
	Minutes    float64 // estimated time: default 240
}

// Pullback waits in a trend for a better price. Up, where the close is above
// the fast simple moving average and that above the slow one, it schedules a
// long entry somewhat below the close; down, it is the mirror image.
type Pullback struct{ o PullbackOptions }

// NewPullback makes the strategy, or tells which setting cannot be.
func NewPullback(o *PullbackOptions) (*Pullback, error) {
	s := &Pullback{}
	if o != nil {
		s.o = *o
	}
	or(&s.o.Name, "pullback")
	or(&s.o.Fast, 10)
	or(&s.o.Slow, 30)
	or(&s.o.Entry, 0.3)
	or(&s.o.TakeProfit, 0.8)
	or(&s.o.StopLoss, 0.6)
	or(&s.o.Minutes, 240)
	switch {
	case s.o.Fast < 1 || s.o.Slow <= s.o.Fast || s.o.Slow > maxWindow:
		return nil, fmt.Errorf("averages of %d and %d candles: the fast one is at least 1, the slow one more, up to %d", s.o.Fast, s.o.Slow, maxWindow)
	case !(s.o.Entry > 0 && s.o.Entry < 100):
		return nil, fmt.Errorf("an entry %v percent from the close: above 0 and below 100 are possible", s.o.Entry)
	}
	if err := percents(s.o.TakeProfit, s.o.StopLoss, s.o.Minutes); err != nil {
		return nil, err
	}
	return s, nil
}

// Name implements Strategy.
func (s *Pullback) Name() string { return s.o.Name }

// Window implements Strategy.
func (s *Pullback) Window() int { return s.o.Slow }

// Signal implements Strategy.
func (s *Pullback) Signal(v View) (*Plan, error) {
	fast, slow := sma(v.Recent, s.o.Fast), sma(v.Recent, s.o.Slow)
	p := Plan{Minutes: s.o.Minutes}
	switch price := v.Candle.Close; {
	case price > fast && fast > slow:
		p.Position, p.Note = trade.Long, "pullback in an uptrend"
		p.PriceOpen = percentFrom(price, -s.o.Entry)
	case price < fast && fast < slow:
		p.Position, p.Note = trade.Short, "pullback in a downtrend"
		p.PriceOpen = percentFrom(price, s.o.Entry)
	default:
		return nil, nil
	}
	p.aim(p.PriceOpen, s.o.TakeProfit, s.o.StopLoss)
	return &p, nil
}
