package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/internal/shell"
	"github.com/holdfast-go/holdfast/trade"
)

// restore reads the state, and leaves the store as if the last run had ended
// between two candles. It can be interrupted like a tick, and started again.
func (r *Runner) restore(ctx context.Context) (Restored, error) {
	var err error
	if r.stores, err = newStores(&r.cfg); err != nil {
		return Restored{}, err
	}
	r.commits = r.stores.committer(&r.cfg)
	if r.cursor, err = newCursor(&r.cfg); err != nil {
		return Restored{}, err
	}
	row, err := r.readCursor(ctx)
	if err != nil {
		return Restored{}, err
	}
	if row == nil {
		if r.cursor.last, err = r.lastTrade(ctx); err != nil {
			return Restored{}, err
		}
	}
	// Before anything is changed: rows that are another's stop it.
	if err := r.readRows(ctx); err != nil {
		return Restored{}, err
	}
	found := Restored{}
	if row != nil {
		found.Untold = row.Untold
		if found.Notes, err = r.finish(ctx, row); err != nil {
			return Restored{}, err
		}
	}
	notes, err := r.settle(ctx, row)
	if err != nil {
		return Restored{}, err
	}
	found.Notes = append(found.Notes, notes...)
	r.note(found.Notes)
	found.Signal, found.Scheduled = copyRow(r.state.signal), copyRow(r.state.scheduled)
	found.LastCandle = r.cursor.last
	return found, nil
}

func (r *Runner) note(notes []string) {
	for _, note := range notes {
		r.cfg.Logger.Warn(note, "strategy", r.stores.strategy, "symbol", r.stores.symbol)
	}
}

// readCursor returns nil where there is no cursor: a first run, or a directory
// of backtest-kit.
func (r *Runner) readCursor(ctx context.Context) (*cursorRow, error) {
	data, err := r.stores.cursors.Get(ctx, r.cfg.Symbol)
	if errors.Is(err, holdfast.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	row, err := readCursor(data)
	if err == nil && row != nil {
		err = first(
			same("exchange", row.ExchangeName, r.cfg.Exchange),
			same("strategy", row.StrategyName, r.stores.strategy),
			same("symbol", row.Symbol, r.cfg.Symbol),
			r.cursor.adopt(row),
		)
	}
	if err != nil {
		return nil, fmt.Errorf("cursor/%s %s: %w; to start without it, at the newest trade in the ledger: %s",
			r.stores.strategy, r.cfg.Symbol, err, r.removal("cursor/"))
	}
	return row, nil
}

// lastTrade is the time of the newest trade in the ledger, 0 if there is none.
// Where a cursor was lost or removed, no candle up to there is traded again.
func (r *Runner) lastTrade(ctx context.Context) (int64, error) {
	var last int64
	for e, err := range r.stores.ledger.All(ctx) {
		if errors.Is(err, errors.ErrUnsupported) {
			return 0, nil // a store that cannot list
		}
		if err != nil {
			return 0, err
		}
		if e.Value.Symbol == r.cfg.Symbol && validTime(e.Value.ClosedAt) {
			last = max(last, e.Value.ClosedAt)
		}
	}
	return last, nil
}

// readRows reads the open and the scheduled signal, and refuses what is not
// this runner's. It also learns whether all other places can be used.
func (r *Runner) readRows(ctx context.Context) error {
	longest := fmt.Sprintf("%s:%d", r.stores.key(), maxTime)
	if _, err := r.stores.ledger.Has(ctx, longest); err != nil {
		return err
	}
	var err error
	if r.state.signal, err = r.readRow(ctx, r.stores.signals, "signal/"); err != nil {
		return err
	}
	if r.state.scheduled, err = r.readRow(ctx, r.stores.schedules, "schedule/"); err != nil {
		return err
	}
	if r.cfg.RiskName != "" {
		_, err = r.stores.risks.Read(ctx, r.cfg.RiskName)
	}
	return err
}

func (r *Runner) readRow(ctx context.Context, a *trade.SignalAdapter, prefix string) (*trade.SignalRow, error) {
	row, err := a.Read(ctx, r.stores.strategy, r.cfg.Symbol)
	if err != nil || row == nil {
		return nil, err
	}
	err = first(
		same("exchange", row.ExchangeName, r.cfg.Exchange),
		same("strategy", row.StrategyName, r.stores.strategy),
		same("symbol", row.Symbol, r.cfg.Symbol),
		sound(row),
	)
	if err == nil {
		row, err = r.plain(ctx, row)
	}
	if err != nil {
		return nil, fmt.Errorf("%s%s %s: %w; or put a signal that is, or remove it: %s",
			prefix, r.stores.strategy, r.cfg.Symbol, err, r.removal(prefix))
	}
	return row, nil
}

// plain gives a row the id that it lacks, makes sure that the ledger can hold
// it under its id, and takes the white space out of fields that are not known
// here, so that it is written in the same way from memory and from a cursor.
func (r *Runner) plain(ctx context.Context, row *trade.SignalRow) (*trade.SignalRow, error) {
	if row.ID == "" {
		row.ID = fmt.Sprintf("%s:%d", r.stores.key(), max(row.PendingAt, row.ScheduledAt))
	}
	if _, err := r.stores.ledger.Has(ctx, row.ID); err != nil {
		return nil, err
	}
	data, err := encodeJSON(row)
	if err != nil {
		return nil, err
	}
	var out trade.SignalRow
	return &out, json.Unmarshal(data, &out)
}

// same refuses a value that is another's. Empty ones are old.
func same(what, has, want string) error {
	if has == "" || has == want {
		return nil
	}
	return fmt.Errorf("it belongs to %s %q, and this runner is for %q: run it with that one, or use another store", what, has, want)
}

// sound refuses a row that cannot be traded. The entry may lie outside of the
// two exits: a stop that was moved into profit by hand is a good one.
func sound(row *trade.SignalRow) error {
	if row.Position != trade.Long && row.Position != trade.Short {
		return fmt.Errorf("position %q: long or short", row.Position)
	}
	for _, p := range []struct {
		name  string
		value float64
	}{{"priceOpen", row.PriceOpen}, {"priceTakeProfit", row.TakeProfit}, {"priceStopLoss", row.StopLoss}} {
		if !isPrice(p.value) {
			return fmt.Errorf("%s %v is not a price above 0", p.name, p.value)
		}
	}
	if row.Position == trade.Long && row.StopLoss >= row.TakeProfit || row.Position == trade.Short && row.StopLoss <= row.TakeProfit {
		return fmt.Errorf("%s: priceStopLoss %v is on the wrong side of priceTakeProfit %v", row.Position, row.StopLoss, row.TakeProfit)
	}
	return nil
}

// finish carries out a change that was interrupted, and stores that it is.
func (r *Runner) finish(ctx context.Context, row *cursorRow) ([]string, error) {
	if row.RiskName != "" && row.RiskName != r.cfg.RiskName && (row.Redo != nil || r.state.signal != nil) {
		return nil, fmt.Errorf("the open signal counts towards risk profile %q, and this runner is for %q: run it with that one until the signal is closed",
			row.RiskName, r.cfg.RiskName)
	}
	if row.Redo == nil {
		return nil, nil
	}
	due := *row.Redo
	signal, err := pending(due.ID, due.Signal, &r.state.signal)
	if err != nil {
		return nil, r.conflict("signal/", err)
	}
	schedule, err := pending(due.ID, due.Schedule, &r.state.scheduled)
	if err != nil {
		return nil, r.conflict("schedule/", err)
	}
	due.Signal, due.Schedule = signal, schedule
	w := inOrder{r.stores, ctx}
	if err := apply(w, &due); err != nil {
		return nil, err
	}
	data, err := r.cursor.encode(nil, row.Untold)
	if err != nil {
		return nil, err
	}
	return []string{"an interrupted change of signal " + due.ID + " was finished"}, w.cursor(data)
}

// pending tells what of an effect on a row is left to be done, nil if nothing,
// and makes has what it will be then. A row of the same id is kept as it is:
// it may have been edited by hand.
func pending(id string, e *rowEffect, has **trade.SignalRow) (*rowEffect, error) {
	switch {
	case e == nil:
		return nil, nil
	case *has == nil && e.Row == nil:
		return nil, nil
	case *has != nil && (*has).ID != id:
		return nil, fmt.Errorf("an interrupted change is about signal %q, and there is %q", id, (*has).ID)
	case *has != nil && e.Row != nil:
		return nil, nil
	}
	*has = e.Row
	return e, nil
}

func (r *Runner) conflict(prefix string, err error) error {
	return fmt.Errorf("%s%s %s: %w: to keep what is there, remove the cursor: %s",
		prefix, r.stores.strategy, r.cfg.Symbol, err, r.removal("cursor/"))
}

// removal is the command that removes what the runner has stored under a prefix.
func (r *Runner) removal(prefix string) string {
	return shell.Command("rm", prefix+r.stores.strategy, r.cfg.Symbol)
}

// first returns the first of errs that is an error.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
