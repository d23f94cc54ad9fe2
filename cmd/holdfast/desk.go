package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/live"
)

// desk is where the symbols of one run are traded.
type desk struct {
	a        *app
	store    *holdfast.Store
	options  liveOptions
	feeds    *feeds
	progress *progress
	standby  *standby // nil: no leases

	runners map[string]*live.Runner
	handled map[string]int
	total   int   // candles, skipped ones included
	printed bool  // the heading of the trades
	output  error // the first line that could not be printed
}

// standBy is run for one of several processes: it waits for the leases, and
// trades for as long as it has them.
func (d *desk) standBy(ctx context.Context, strategy live.Strategy) error {
	s, err := newStandby(d)
	if err != nil {
		return err
	}
	d.standby = s
	if err = s.acquire(ctx); err == nil {
		err = d.run(s.guard(ctx), strategy)
	}
	err = s.release(ctx, err)
	if interrupted(ctx, err) {
		return d.first(nil)
	}
	return d.first(err)
}

// run trades until the candles end, one of them cannot be handled or ctx ends.
func (d *desk) run(ctx context.Context, strategy live.Strategy) error {
	d.runners, d.handled = map[string]*live.Runner{}, map[string]int{}
	if err := d.open(ctx, strategy); err != nil {
		if lost := endOf(ctx); lost != nil {
			err = lost
		}
		return d.first(err)
	}
	err := d.trade(ctx)
	d.progress.clear()
	if errors.Is(err, holdfast.ErrFenced) {
		return d.first(err) // the state is another's now, and what it says of this run is not true
	}
	if d.output != nil {
		// Of the last candle's events some may not have been printed. They stay noted
		// as untold, as a kill leaves them, and are told when it is run again.
		return d.first(err)
	}
	// What was told is noted as told, and the summary read, even if ctx ended.
	ctx = context.WithoutCancel(ctx)
	for _, symbol := range d.options.symbols {
		if closing := d.runners[symbol].Close(ctx); err == nil {
			err = closing
		}
	}
	// One that was cut off may find the store again only now, and another's state
	// in it.
	if held := d.standby.held(ctx); held != nil {
		if err == nil || errors.Is(held, holdfast.ErrFenced) {
			err = held
		}
		return d.first(err)
	}
	if summary := d.summarise(ctx); err == nil {
		err = summary
	}
	return d.first(err)
}

// first prefers the error of printing: it is why the rest ended.
func (d *desk) first(err error) error {
	if d.output != nil {
		return output(d.output)
	}
	return err
}

// open restores every symbol before the first candle of any is handled: they
// share the risk profile.
func (d *desk) open(ctx context.Context, strategy live.Strategy) error {
	for _, symbol := range d.options.symbols {
		cfg := live.Config{
			Store: d.store, Exchange: d.options.exchange, Symbol: symbol, Strategy: strategy,
			RiskName: d.options.risk, FeePercent: d.options.fee, Callbacks: d.callbacks(symbol),
		}
		if d.standby != nil {
			cfg.Store, cfg.Lease = nil, d.standby.leases[symbol]
		}
		if d.options.maxPositions > 0 {
			cfg.Validations = []live.Validation{live.MaxOpenPositions(d.options.maxPositions)}
		}
		r, err := live.Open(ctx, cfg)
		if err != nil {
			return err
		}
		d.runners[symbol] = r
	}
	return nil
}

// trade hands each candle to its runner. ctx is heeded between candles.
func (d *desk) trade(ctx context.Context) error {
	done := make(chan struct{})
	defer close(done)
	candles := d.feeds.stream(done)
	for d.output == nil {
		if ctx.Err() != nil {
			return endOf(ctx)
		}
		var n next
		select {
		case n = <-candles:
		case <-ctx.Done():
			return endOf(ctx)
		}
		switch {
		case errors.Is(n.err, io.EOF):
			return nil
		case n.err != nil:
			return advise(fmt.Errorf("live: candles of %s: %w", quote(n.symbol), n.err), "what came before is handled and stored: run it again then")
		}
		did, err := d.runners[n.symbol].Tick(context.WithoutCancel(ctx), n.candle)
		if err != nil {
			return err
		}
		if !did.Skipped {
			d.handled[n.symbol]++
		}
		d.total++
		d.progress.at(d.total, d.feeds.read.Load())
	}
	return nil
}

// endOf is nil where the run was told to end, else why it has to.
func endOf(ctx context.Context) error {
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}
