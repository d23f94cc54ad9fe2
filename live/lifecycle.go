package live

import (
	"fmt"
	"strconv"

	"github.com/holdfast-go/holdfast/live/candle"
	"github.com/holdfast-go/holdfast/trade"
)

// state is where a runner stands: idle, or with an open signal, or with a
// scheduled one. The rows are never changed, only replaced.
type state struct{ signal, scheduled *trade.SignalRow }

// step is what one candle does. Nothing of it has happened before it is
// stored.
type step struct {
	next   state
	events []Event
	trade  *Trade // closed by this step

	// ask, if not nil, must pass the validations. If it is refused, the step
	// does not happen, and otherwise happens instead.
	ask       *trade.SignalRow
	otherwise func(refusal error) step
}

// step decides what a candle does. It reads no store and changes nothing.
func (r *Runner) step(c candle.Candle) (step, error) {
	switch {
	case r.state.signal != nil:
		return r.holding(c), nil
	case r.state.scheduled != nil:
		return r.waiting(c), nil
	}
	return r.idle(c)
}

// idle asks the strategy, once its window is full.
func (r *Runner) idle(c candle.Candle) (step, error) {
	r.view = r.cursor.window(r.view[:0], c)
	if len(r.view) < r.cfg.Strategy.Window() {
		return step{}, nil
	}
	plan, err := r.cfg.Strategy.Signal(View{Symbol: r.cfg.Symbol, Candle: c, Recent: r.view})
	if err != nil {
		return step{}, fmt.Errorf("strategy %s at candle %d: %w", r.cfg.Strategy.Name(), c.Time, err)
	}
	if plan == nil {
		return step{}, nil
	}
	return r.enter(*plan, c), nil
}

// enter opens at the close, or schedules.
func (r *Runner) enter(p Plan, c candle.Candle) step {
	entry := p.PriceOpen
	wait := entry != 0 && !(isPrice(entry) && beyond(p.Position, c.Close, entry))
	if !wait {
		entry = c.Close
	}
	row := r.newRow(p, entry, c)
	if err := p.Validate(entry); err != nil {
		return step{events: []Event{refused(Rejected, InvalidPlan, err, c, row)}}
	}
	s := step{ask: row, otherwise: func(err error) step {
		return step{events: []Event{refused(Rejected, Risk, err, c, row)}}
	}}
	if wait {
		row.IsScheduled = true
		s.next.scheduled = row
		s.events = []Event{newEvent(Scheduled, c.Time, entry, row)}
		return s
	}
	s.next.signal = row
	s.events = []Event{newEvent(Opened, c.Time, entry, row)}
	return s
}

// newRow derives the row of a plan from the candle: its id too.
func (r *Runner) newRow(p Plan, entry float64, c candle.Candle) *trade.SignalRow {
	row := &trade.SignalRow{
		ID:           trade.PositionKey(r.cfg.Strategy.Name(), r.cfg.Symbol) + ":" + strconv.FormatInt(c.Time, 10),
		Position:     p.Position,
		Note:         p.Note,
		PriceOpen:    finite(entry),
		TakeProfit:   finite(p.TakeProfit),
		StopLoss:     finite(p.StopLoss),
		ExchangeName: r.cfg.Exchange,
		StrategyName: r.cfg.Strategy.Name(),
		ScheduledAt:  c.Time,
		PendingAt:    c.Time,
		Symbol:       r.cfg.Symbol,
	}
	if minutes := finite(p.Minutes); minutes != 0 {
		row.MinuteEstimatedTime = &minutes
	}
	return row
}

// finite keeps what JSON cannot hold out of the row of a refused plan.
func finite(v float64) float64 {
	if v-v != 0 {
		return 0
	}
	return v
}

// refused is the event of a signal that a check stopped.
func refused(kind Kind, why Reason, err error, c candle.Candle, row *trade.SignalRow) Event {
	e := newEvent(kind, c.Time, c.Close, row)
	e.Reason, e.Detail = why, err.Error()
	return e
}

// waiting decides about a scheduled signal, in the order in which it can go
// wrong: too late, then opened beyond the stop, then the entry.
func (r *Runner) waiting(c candle.Candle) step {
	row := r.state.scheduled
	if r.tooEarly(c, row.ScheduledAt) {
		return step{next: r.state}
	}
	give := func(why Reason) step {
		e := newEvent(Cancelled, c.Time, c.Close, row)
		e.Reason = why
		return step{events: []Event{e}}
	}
	switch {
	case over(c.Time, row.ScheduledAt, r.cfg.AwaitMinutes):
		return give(Timeout)
	case beyond(row.Position, c.Open, row.StopLoss):
		return give(StopLossBeforeEntry)
	case !reached(row.Position, c, row.PriceOpen):
		return step{next: r.state}
	}
	return r.activate(c, row)
}

// activate opens a scheduled signal at its price. If the candle reached the
// stop too, it did so after the entry, which lies on the way: opened and
// stopped out in one. The target does not count in this candle: it may have
// been touched before the entry.
func (r *Runner) activate(c candle.Candle, scheduled *trade.SignalRow) step {
	row := copyRow(scheduled)
	row.IsScheduled, row.PendingAt = false, c.Time
	s := step{
		next:   state{signal: row},
		events: []Event{newEvent(Opened, c.Time, row.PriceOpen, row)},
		ask:    row,
		otherwise: func(err error) step {
			return step{events: []Event{refused(Cancelled, Risk, err, c, scheduled)}}
		},
	}
	if reached(row.Position, c, row.StopLoss) {
		s.next = state{}
		s.close(r, c, row, row.StopLoss, StopLoss)
	}
	return s
}

// holding decides about an open position.
func (r *Runner) holding(c candle.Candle) step {
	row := r.state.signal
	if r.tooEarly(c, row.PendingAt) {
		return step{next: r.state}
	}
	price, why := exit(row, c)
	if why == "" {
		e := newEvent(Active, c.Time, c.Close, row)
		e.PnlPercent = pnlPercent(row.Position, row.PriceOpen, c.Close, r.cfg.FeePercent)
		return step{next: r.state, events: []Event{e}}
	}
	var s step
	s.close(r, c, row, price, why)
	return s
}

// exit tells at what price and why a candle closes a position; no reason if it
// does not. What is worse comes first: a candle that opens beyond the stop is
// left at its open, one that touches both exits is stopped out, one that opens
// beyond the target brings no more than the target.
func exit(row *trade.SignalRow, c candle.Candle) (price float64, why Reason) {
	best, other := c.High, trade.Short
	if row.Position == trade.Short {
		best, other = c.Low, trade.Long
	}
	since := row.PendingAt
	if since == 0 {
		since = row.ScheduledAt
	}
	switch {
	case beyond(row.Position, c.Open, row.StopLoss):
		return c.Open, StopLoss
	case reached(row.Position, c, row.StopLoss):
		return row.StopLoss, StopLoss
	case beyond(other, best, row.TakeProfit):
		return row.TakeProfit, TakeProfit
	case row.MinuteEstimatedTime != nil && *row.MinuteEstimatedTime > 0 && over(c.Time, since, *row.MinuteEstimatedTime):
		return c.Close, TimeExpired
	}
	return 0, ""
}

// close adds the end of a position to the step.
func (s *step) close(r *Runner, c candle.Candle, row *trade.SignalRow, price float64, why Reason) {
	e := newEvent(Closed, c.Time, price, row)
	e.Reason = why
	e.PnlPercent = pnlPercent(row.Position, row.PriceOpen, price, r.cfg.FeePercent)
	s.events = append(s.events, e)
	s.trade = &Trade{
		ID: row.ID, Symbol: r.cfg.Symbol, StrategyName: r.cfg.Strategy.Name(), ExchangeName: r.cfg.Exchange,
		RiskName: r.cfg.RiskName, Position: row.Position, PriceOpen: row.PriceOpen, PriceClose: price,
		TakeProfit: row.TakeProfit, StopLoss: row.StopLoss, OpenedAt: row.PendingAt, ClosedAt: c.Time,
		CloseReason: why, PnlPercent: e.PnlPercent, FeePercent: r.cfg.FeePercent, Note: row.Note,
	}
}

// tooEarly tells that a candle is older than the row that it would decide
// about, which then was taken over from elsewhere: it counts for the
// strategy's window alone.
func (r *Runner) tooEarly(c candle.Candle, since int64) bool {
	if c.Time >= since || since == 0 {
		return false
	}
	if !r.warnedEarly {
		r.warnedEarly = true
		r.cfg.Logger.Warn("candles older than the signal decide nothing", "strategy", r.cfg.Strategy.Name(),
			"symbol", r.cfg.Symbol, "candle", c.Time, "since", since)
	}
	return true
}

// reached tells whether a candle went as far against the position's direction
// as a price: the entry of a scheduled signal, or the stop.
func reached(side trade.Side, c candle.Candle, price float64) bool {
	if side == trade.Long {
		return beyond(side, c.Low, price)
	}
	return beyond(side, c.High, price)
}

// beyond tells that a price lies at a limit, or on its far side when the
// position is losing: at or below it for long, at or above it for short.
func beyond(side trade.Side, price, limit float64) bool {
	if side == trade.Long {
		return price <= limit
	}
	return price >= limit
}

// over tells that at a time so many minutes have passed since another.
func over(now, since int64, minutes float64) bool {
	return float64(now) >= float64(since)+float64(minutes*60_000)
}
