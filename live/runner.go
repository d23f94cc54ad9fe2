// Package live runs strategies on closed candles, with their state in a store:
// restore, tick, persist before telling, stop.
//
// A [Runner] is one strategy on one symbol. A signal lives through
//
//	idle → scheduled → opened → active → closed (take_profit, stop_loss, time_expired)
//	               └─→ cancelled (timeout, stop_loss_before_entry, risk)
//
// and starts at opened where it enters at market. The clock is the candle: a
// thing happens at the open time of the candle in which it happens. Nothing
// that is stored comes from the machine's clock, a random number or a map's
// order, and all ids are derived from strategy, symbol and candle. So a run
// that was killed at any moment and started again over the same candles leaves
// byte for byte what an uninterrupted one leaves.
//
// How a candle is judged, always in the worse way: a candle that touches both
// exits is stopped out; one that opens beyond the stop is left at its open; one
// that opens beyond the target brings the target; the target does not count in
// the candle of a scheduled entry. At most one signal ends or begins in a
// candle: the strategy is not asked in the candle in which one ended.
//
// What is kept, beside the rows of package trade: entity "ledger/{strategy}",
// one [Trade] per closed trade; entity "cursor/{strategy}", id {symbol}: the
// last candle handled, the strategy's window, the change under way and the
// events that may not have been told.
package live

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-go/holdfast/live/candle"
)

// The errors of a Runner that takes no more candles, for errors.Is.
var (
	// ErrReopen: an earlier write failed, so that what is stored is unknown, or
	// a callback or validation panicked. Close the runner and Open it again, which finishes
	// or undoes what was under way and tells what is untold.
	ErrReopen = errors.New("state unknown after an interrupted tick: open the runner again")
	// ErrClosed: the runner was closed.
	ErrClosed = errors.New("runner is closed")
)

// errUnfinished stands for the write that failed where none was come to: the cursor
// in memory is ahead of what is stored.
var errUnfinished = errors.New("a validation has not returned")

// errUntold stands for the write that failed while callbacks run.
var errUntold = errors.New("a callback has not returned")

// Runner runs one strategy on one symbol. It is for one goroutine at a time.
// Several runners of one process may share stores and a risk profile, and tick
// on one goroutine or several (where the store cannot compare and swap, on
// one). Open all of them before the first ticks, and hand in their candles in
// one order of time, if their results are to be the same in every run.
type Runner struct {
	cfg     Config
	stores  *stores
	commits committer
	cursor  *cursor
	state   state

	view        []candle.Candle // reused
	interval    int64           // smallest distance between candles so far, ms
	skipped     int
	warnedEarly bool
	failed      error // the write that failed
	closed      bool
}

// Open restores what the store holds for the strategy and symbol, finishes a
// change that was interrupted, brings the risk profile in line with the
// signals, and tells OnRestored and then what may not have been told.
//
// The store is the truth: a signal that was edited, added or removed by hand,
// or written by backtest-kit without a cursor, is taken as it is. A signal of
// another exchange, strategy or symbol is refused with an error that names
// both; one without an exchange is accepted. What is damaged is ErrDamaged.
// One runner per strategy and symbol may be open on a store at a time, which
// Config.Lease sees to.
func Open(ctx context.Context, cfg Config) (*Runner, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("live: %w", err)
	}
	r := &Runner{cfg: cfg}
	restored, err := r.restore(ctx)
	if err != nil {
		return nil, r.fail("open", err)
	}
	if err := r.held(ctx); err != nil {
		return nil, r.fail("open", err)
	}
	if f := r.cfg.Callbacks.OnRestored; f != nil {
		f(restored)
	}
	if err := r.tell(ctx); err != nil {
		return nil, r.fail("open", err)
	}
	return r, nil
}

// Skipped counts the candles that were handed in since Open though they, or
// later ones, had been handled.
func (r *Runner) Skipped() int { return r.skipped }

// Close stores that everything was told. After an ErrReopen or ErrFenced it
// writes nothing.
// It does not close the store. A second Close returns nil.
func (r *Runner) Close(ctx context.Context) error {
	if r.closed {
		return nil
	}
	r.closed = true
	if r.failed != nil || len(r.cursor.untold) == 0 {
		return nil
	}
	data, err := r.cursor.encode(nil, nil)
	if err == nil {
		err = r.stores.cursors.Put(ctx, r.cfg.Symbol, data)
	}
	return r.fail("close", err)
}

// fail says whose error it is. Nil stays nil.
func (r *Runner) fail(op string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("live: %s %s %s: %w", op, r.cfg.Strategy.Name(), r.cfg.Symbol, err)
}

// validTime tells whether a time can stand in a cursor: after 1970 began, and
// not after the last moment that JavaScript's Date knows.
func validTime(ms int64) bool { return ms > 0 && ms <= maxTime }

const maxTime = 8_640_000_000_000_000

// clock writes a candle's time for people.
func clock(ms int64) string {
	return fmt.Sprintf("%d (%s)", ms, time.UnixMilli(ms).UTC().Format(time.RFC3339))
}
