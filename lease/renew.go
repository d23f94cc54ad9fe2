package lease

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/internal/fence"
)

// hold makes the Lease of an acquirer that has seen its own claim stored, and
// begins to renew it.
func (a *acquirer) hold() (*Lease, error) {
	l := &Lease{
		name: a.name, holder: a.seen.holder, log: a.o.Logger.With("lease", a.name, "token", a.seen.holder.Token),
		kept: make(chan struct{}), done: make(chan struct{}), renewed: a.wrote,
	}
	note := fmt.Sprintf("fenced by lease %q, token %d", a.name, l.holder.Token)
	l.fence = fence.New(a.s.Driver(), claimEntity, a.name, a.seen.claim, note, l.fenced)
	// Two stores over one fence: closing that of the holder's work must not end
	// the renewing.
	var own *holdfast.Store
	var err error
	if l.store, err = a.s.Through(l.fence); err == nil {
		own, err = a.s.Through(l.fence)
	}
	if err == nil {
		l.beats, err = holdfast.NewCollection[beat](own, beatEntity, nil)
	}
	if err == nil {
		l.claims, err = holdfast.NewCollection[claim](own, claimEntity, nil)
	}
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	l.stop = stop
	go l.keep(ctx)
	return l, nil
}

// keep renews the lease until it is stopped or lost. Release waits for it.
func (l *Lease) keep(ctx context.Context) {
	defer close(l.kept)
	t := time.NewTimer(renewEvery(l.holder.TTL))
	defer t.Stop()
	for n := uint64(1); ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-l.done:
			return
		case <-t.C:
		}
		err := l.renew(ctx, n)
		switch {
		case err == nil:
			t.Reset(renewEvery(l.holder.TTL))
		case errors.Is(err, holdfast.ErrFenced):
			return
		case errors.Is(err, holdfast.ErrClosed):
			// Its own store was closed under it: it cannot be held any longer.
			l.lose(l.wrap(err))
			return
		case ctx.Err() == nil:
			l.log.Warn("lease not renewed", "error", err)
			t.Reset(lookEvery(l.holder.TTL))
		}
	}
}

// renew writes a heartbeat, as fenced as any other write. It gives up in time
// for another attempt.
func (l *Lease) renew(ctx context.Context, n uint64) error {
	ctx, cancel := context.WithTimeout(ctx, renewEvery(l.holder.TTL))
	defer cancel()
	began := time.Now()
	err := l.beats.Put(ctx, l.name, beat{Token: l.holder.Token, Beat: n})
	if err == nil {
		l.mu.Lock()
		l.renewed = began
		l.mu.Unlock()
	}
	return err
}
