package live

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/live/candle"
	"github.com/holdfast-go/holdfast/trade"
)

// Outcome is what a candle did.
type Outcome struct {
	// Skipped: this candle or a later one was handled before; nothing was
	// done.
	Skipped bool
	// Events are what happened, as the callbacks were told: at most two.
	Events []Event
}

// Tick handles one closed candle: decides, stores, and then tells. When it
// returns nil, what it did is durable, as far as the store promises it. A
// candle that changes no state costs one write.
//
// A candle at or before the last one handled, in this run or an earlier one,
// is skipped. Gaps between candles are allowed. An invalid candle is an error
// that names its time, and so is an error of the strategy: nothing has
// happened then, and the runner goes on. After an error of the store, or a panic
// of a validation or callback, it does not: every further Tick is ErrReopen, or
// holdfast.ErrFenced where another process has taken the lease over.
//
// ctx is looked at before anything is done. A tick that has begun is finished,
// so that a program that is told to stop does so between candles.
func (r *Runner) Tick(ctx context.Context, c candle.Candle) (Outcome, error) {
	if err := r.ready(ctx, c); err != nil {
		return Outcome{}, r.fail("tick", err)
	}
	if c.Time <= r.cursor.last {
		r.skipped++
		return Outcome{Skipped: true}, nil
	}
	s, err := r.step(c)
	if err != nil {
		return Outcome{}, r.fail("tick", err)
	}
	r.noteGap(c.Time)
	r.failed = errUnfinished // until it is stored: a validation may panic
	s, err = r.store(context.WithoutCancel(ctx), c, s)
	if err != nil {
		r.failed = err
		return Outcome{}, r.fail("tick", fmt.Errorf("candle %s: %w", clock(c.Time), err))
	}
	r.state, r.cursor.untold = s.next, s.events
	if err := r.tell(context.WithoutCancel(ctx)); err != nil {
		return Outcome{}, r.fail("tick", fmt.Errorf("candle %s: stored, and not told: %w", clock(c.Time), err))
	}
	return Outcome{Events: slices.Clone(s.events)}, nil
}

// tell tells what is stored as untold. If a callback panics, the rest stays
// untold, and the runner must not go on to a candle that would forget it. So it
// is where the lease is gone: whoever has it now tells the rest.
func (r *Runner) tell(ctx context.Context) error {
	r.failed = errUntold
	for _, e := range r.cursor.untold {
		// The write before was fenced. A process that was stopped since, for longer
		// than the lease time, must not act on it as if no time had passed.
		if err := r.held(ctx); err != nil {
			r.failed = err
			return err
		}
		r.cfg.Callbacks.tell(e)
	}
	r.failed = nil
	return nil
}

// held tells why the lease, if there is one, is not known to be held.
func (r *Runner) held(ctx context.Context) error {
	if r.cfg.Lease == nil {
		return nil
	}
	return r.cfg.Lease.Check(ctx)
}

// ready refuses a candle that cannot be handled at all.
func (r *Runner) ready(ctx context.Context, c candle.Candle) error {
	switch {
	case r.closed:
		return ErrClosed
	case errors.Is(r.failed, holdfast.ErrFenced):
		return r.failed // opening again would be fenced too
	case r.failed != nil:
		return fmt.Errorf("%w (%w)", ErrReopen, r.failed)
	case ctx.Err() != nil:
		return ctx.Err()
	case !validTime(c.Time):
		return fmt.Errorf("candle %d: not a time in ms after 1970", c.Time)
	}
	if err := c.Validate(); err != nil {
		return fmt.Errorf("candle %s: %w", clock(c.Time), err)
	}
	return nil
}

// noteGap tells the log that candles seem to be missing.
func (r *Runner) noteGap(time int64) {
	if r.cursor.last == 0 {
		return
	}
	distance := time - r.cursor.last
	if r.interval != 0 && distance > r.interval {
		r.cfg.Logger.Debug("gap between candles", "strategy", r.cfg.Strategy.Name(), "symbol", r.cfg.Symbol,
			"after", r.cursor.last, "candle", time)
	}
	if r.interval == 0 || distance < r.interval {
		r.interval = distance
	}
}

// refusal is the error of a Validation on its way through the store.
type refusal struct{ error }

// store makes a step durable, or the one that takes its place if a validation
// refuses it, and returns the one that happened.
func (r *Runner) store(ctx context.Context, c candle.Candle, s step) (step, error) {
	r.cursor.push(c)
	err := r.ask(ctx, s)
	if err == nil {
		err = r.commit(ctx, s)
	}
	var no refusal
	if errors.As(err, &no) {
		s = s.otherwise(no.error)
		err = r.commit(ctx, s)
	}
	return s, err
}

// ask checks a step that opens no position: a signal to be scheduled, or one
// that is opened and stopped out in one candle. One that opens is checked
// where it takes its place among the positions.
func (r *Runner) ask(ctx context.Context, s step) error {
	if s.ask == nil || s.next.signal != nil || r.cfg.RiskName == "" {
		return nil
	}
	ps, err := r.stores.risks.Read(ctx, r.cfg.RiskName)
	if err != nil {
		return err
	}
	return r.validate(ps, s.ask)
}

func (r *Runner) validate(ps trade.Positions, row *trade.SignalRow) error {
	for _, v := range r.cfg.Validations {
		if err := v(slices.Clone(ps), *copyRow(row)); err != nil {
			return refusal{err}
		}
	}
	return nil
}

// commit writes a step: the cursor alone where no state changes.
func (r *Runner) commit(ctx context.Context, s step) error {
	ch := change{
		redo:   r.effects(s),
		cursor: func(doing *redo) ([]byte, error) { return r.cursor.encode(doing, s.events) },
	}
	if ch.redo == nil {
		data, err := ch.cursor(nil)
		if err != nil {
			return err
		}
		return r.stores.cursors.Put(ctx, r.cfg.Symbol, data)
	}
	if s.next.signal != nil && r.state.signal == nil && r.cfg.RiskName != "" {
		ch.reserve = func(ps trade.Positions) (trade.Positions, error) {
			if err := r.validate(ps, s.next.signal); err != nil {
				return nil, err
			}
			return ps.Put(r.stores.key(), positionOf(s.next.signal)), nil
		}
	}
	return r.commits.commit(ctx, ch)
}

// effects are what a step changes beside the cursor; nil if nothing.
func (r *Runner) effects(s step) *redo {
	var d redo
	for _, row := range []*trade.SignalRow{s.next.signal, s.next.scheduled, r.state.signal, r.state.scheduled} {
		if row != nil {
			d.ID = row.ID
		}
	}
	if s.next.signal != r.state.signal {
		d.Signal = &rowEffect{s.next.signal}
	}
	if s.next.scheduled != r.state.scheduled {
		d.Schedule = &rowEffect{s.next.scheduled}
	}
	d.Trade = s.trade
	d.Release = r.state.signal != nil && s.next.signal == nil && r.cfg.RiskName != ""
	if d.Signal == nil && d.Schedule == nil && d.Trade == nil {
		return nil
	}
	return &d
}

// positionOf is what the risk profile keeps of a signal.
func positionOf(row *trade.SignalRow) trade.Position {
	return trade.Position{
		Signal:        copyRow(row),
		StrategyName:  row.StrategyName,
		ExchangeName:  row.ExchangeName,
		OpenTimestamp: row.PendingAt,
	}
}
