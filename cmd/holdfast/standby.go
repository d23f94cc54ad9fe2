package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/lease"
	"github.com/holdfast-go/holdfast/trade"
)

// releaseWithin is how long the end of a run waits for a store that does not
// answer: then the leases end by themselves.
const releaseWithin = 5 * time.Second

// waiting is the object that live prints when it waits for a lease.
type waiting struct {
	Kind   string    `json:"kind"` // "waiting"
	Symbol string    `json:"symbol"`
	Lease  string    `json:"lease"`
	PID    int       `json:"pid"`
	Host   string    `json:"host"`
	Since  time.Time `json:"since"`
	Token  uint64    `json:"token"`
	Error  string    `json:"error,omitempty"` // why the store cannot be read
}

// standby holds a lease for each symbol of a run, or waits for them.
type standby struct {
	d      *desk
	leases map[string]*lease.Lease // by symbol

	lost  context.CancelCauseFunc
	watch sync.WaitGroup // what calls it
}

// newStandby refuses a store on which no lease could hold: one that cannot tell
// the writes of a process that was overtaken from those of its successor, and
// one that no second process can open.
func newStandby(d *desk) (*standby, error) {
	switch p := d.store.Properties(); {
	case p.Batch != driver.BatchAny:
		return nil, advise(fmt.Errorf("live: --lease: the store %q cannot refuse the writes of a process that was taken over: it checks no condition on another value (batch: %s)", p.Backend, p.Batch),
			"use redis:, postgres: or a replica set of MongoDB; or leave --lease out, and see to it that one process alone runs")
	case !p.Shared:
		return nil, advise(fmt.Errorf("live: --lease: the store %q is for one process at a time, so that no other can stand by", p.Backend),
			"leave --lease out, or use a store that several processes share, such as redis: or postgres:")
	}
	return &standby{d: d, leases: map[string]*lease.Lease{}, lost: func(error) {}}, nil
}

// acquire takes the leases of all symbols, in one order in every process, so
// that two that want the same ones do not wait for each other.
func (s *standby) acquire(ctx context.Context) error {
	for _, symbol := range slices.Sorted(slices.Values(s.d.options.symbols)) {
		name := trade.PositionKey(s.d.options.strategy, symbol)
		l, err := lease.Acquire(ctx, s.d.store, name, &lease.Options{
			TTL:     s.d.options.leaseTTL,
			Waiting: func(h lease.Holder, err error) { s.tell(symbol, name, h, err) },
		})
		if err != nil {
			return err
		}
		s.leases[symbol] = l
	}
	return nil
}

// guard returns a context that ends, with the reason, when a lease is lost.
func (s *standby) guard(ctx context.Context) context.Context {
	ctx, s.lost = context.WithCancelCause(ctx)
	for _, l := range s.leases {
		s.watch.Go(func() {
			select {
			case <-l.Done():
				s.lost(l.Err())
			case <-ctx.Done():
			}
		})
	}
	return ctx
}

// held tells whether all leases are held; a run without any is its own master.
func (s *standby) held(ctx context.Context) error {
	if s == nil {
		return nil
	}
	for _, l := range s.leases {
		if err := l.Check(ctx); err != nil {
			return err
		}
	}
	return nil
}

// release gives up what is still held. An error that ended the run comes first.
func (s *standby) release(ctx context.Context, err error) error {
	s.lost(nil)
	s.watch.Wait()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseWithin)
	defer cancel()
	for _, l := range s.leases {
		if release := l.Release(ctx); err == nil {
			err = release
		}
	}
	return err
}

func (s *standby) tell(symbol, name string, h lease.Holder, err error) {
	if s.d.a.json {
		doc := waiting{"waiting", symbol, name, h.PID, h.Host, h.Since.UTC(), h.Token, ""}
		if err != nil {
			doc.Error = err.Error()
		}
		s.d.printDoc(doc)
		return
	}
	if err != nil {
		s.d.a.note(fmt.Sprintf("live: %s: the store does not answer, still waiting: %v", oneLine(symbol), err))
		return
	}
	s.d.print("%s %s: waits for %s\n", oneLine(symbol), s.d.options.strategy, oneLine(h.String()))
}

// interrupted tells whether a run that stood by was told to end.
func interrupted(ctx context.Context, err error) bool {
	return ctx.Err() != nil && errors.Is(err, holdfast.ErrLocked) && errors.Is(err, context.Canceled)
}
