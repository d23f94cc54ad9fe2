package live

import (
	"context"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/trade"
)

// change is one step on its way into the store.
type change struct {
	// reserve, if not nil, checks the open positions of the risk profile and
	// adds the new one, or refuses.
	reserve func(trade.Positions) (trade.Positions, error)
	redo    *redo // all else that is written, never nil
	// cursor encodes the cursor, with what is under way or nil.
	cursor func(*redo) ([]byte, error)
}

// committer makes a change durable. When commit has returned nil, all of the
// change is; when it has returned a refusal of reserve, nothing is. After any
// other error some of it may be, and opening the runner again finishes it or
// undoes it. Both implementations leave the same final state.
type committer interface {
	commit(ctx context.Context, ch change) error
}

// batched writes everything in one batch. It needs a store that holds
// everything and can change any keys at once.
type batched struct{ s *stores }

func (c batched) commit(ctx context.Context, ch change) error {
	data, err := ch.cursor(nil)
	if err != nil {
		return err
	}
	return c.s.main.Update(ctx, func(b *holdfast.Batch) error {
		w := inBatch{c.s, b}
		if ch.reserve != nil {
			if err := w.risk(ch.reserve); err != nil {
				return err
			}
		}
		if err := apply(w, ch.redo); err != nil {
			return err
		}
		return w.cursor(data)
	})
}

// ordered writes one value after the other, in an order that makes every
// interruption harmless.
type ordered struct{ s *stores }

func (c ordered) commit(ctx context.Context, ch change) error {
	doing, err := ch.cursor(ch.redo)
	if err != nil {
		return err
	}
	done, err := ch.cursor(nil)
	if err != nil {
		return err
	}
	w := inOrder{c.s, ctx}
	if ch.reserve != nil {
		// First of all, and in one step with its check: two runners that see
		// one free place at once cannot both take it, and from here on the
		// exposure is counted. A crash after this leaves a position without a
		// signal, and the candle not handled: opening again removes it.
		if err := w.risk(ch.reserve); err != nil {
			return err
		}
	}
	// A crash after this leaves the whole intention: opening again carries it
	// out. The candle counts as handled, so it is not decided about twice.
	if err := w.cursor(doing); err != nil {
		return err
	}
	if err := apply(w, ch.redo); err != nil {
		return err
	}
	// A crash before this carries out again what is done already, which
	// changes nothing. The events stay untold until the next candle's cursor:
	// a crash after this, or within their telling, tells them again.
	return w.cursor(done)
}

// apply carries out a change but its cursor: what adds to the visible exposure
// or to the ledger before what takes away. So a crash between any two leaves a
// signal twice at worst (scheduled and open, open and in the ledger), never
// nowhere, and the risk position stands for as long as its signal does.
func apply(w writer, r *redo) error {
	steps := []struct {
		due bool
		do  func() error
	}{
		{r.Signal != nil && r.Signal.Row != nil, func() error { return w.signal(r.Signal.Row) }},
		{r.Schedule != nil && r.Schedule.Row != nil, func() error { return w.scheduled(r.Schedule.Row) }},
		{r.Trade != nil, func() error { return w.trade(*r.Trade) }},
		{r.Schedule != nil && r.Schedule.Row == nil, func() error { return w.scheduled(nil) }},
		{r.Signal != nil && r.Signal.Row == nil, func() error { return w.signal(nil) }},
		{r.Release, w.release},
	}
	for _, s := range steps {
		if !s.due {
			continue
		}
		if err := s.do(); err != nil {
			return err
		}
	}
	return nil
}
