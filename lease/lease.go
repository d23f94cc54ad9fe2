// Package lease makes one process of several the only writer of a shared store,
// or of its share of one, and hands that over when it dies.
//
//	l, err := lease.Acquire(ctx, store, "bot", nil) // waits until it is free
//	if err != nil {
//		log.Fatal(err)
//	}
//	defer l.Release(context.WithoutCancel(ctx))
//	bot := l.Store() // every change through it is fenced
//
// A [Lease] has a fencing token, a number that grows with every holder. Whatever
// is written through [Lease.Store] carries the condition that the lease is still
// that holder's, and the store checks it in one step with the write. So a holder
// that was stopped, cut off or suspended for a while, and wakes up after another
// has taken over, changes nothing any more: it gets holdfast.ErrFenced, whatever
// its own clock says.
//
// # Clocks
//
// No time that one machine wrote is compared with the clock of another. A holder
// renews its heartbeat, a record whose revision changes each time. Who waits looks
// at that revision, and takes over when it has stayed the same for the lease time
// by the waiter's own monotonic clock. A clock that is wrong by hours does no harm
// therefore; the times in the records are for people. If clocks run at different
// speeds, or a pause comes at the worst moment, a lease is taken from a holder
// that lives: that costs a restart, and no write, since the fence does not depend
// on any clock.
//
// # What is stored
//
// Two records, in the store that is leased: entity "lease", id the name, with
// holder and token, changes only when the holder does; entity
// "lease/heartbeat", the same id, changes with every renewal. The condition of a
// fenced write is on the first, hence renewing does not disturb writing. Neither
// is ever deleted: the token has to grow over releases and restarts. Both have
// it, so that it survives if one is removed by hand.
//
// All changes of these records are conditional, so any number of processes may
// wait for, take and release one lease at once.
package lease

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/internal/fence"
)

// Lease is held from Acquire until Release, or until another holder takes it
// over. All methods may be called from many goroutines.
type Lease struct {
	name   string
	holder Holder
	log    *slog.Logger
	fence  *fence.Store
	store  *holdfast.Store // for the holder's work
	beats  *holdfast.Collection[beat]
	claims *holdfast.Collection[claim]

	stop context.CancelFunc // ends the renewing
	kept chan struct{}      // closed when it has ended
	done chan struct{}      // closed when the lease is not held any more

	releasing sync.Mutex // one Release at a time
	released  bool

	mu      sync.Mutex
	err     error     // why it is not held any more
	renewed time.Time // begin of the last renewal that succeeded
}

// Store is the store on which the lease was acquired, with every change fenced
// by it: ErrFenced once somebody else holds the lease, or it was released, and
// nothing was changed then. Reading, history and watching go on. A listing of
// either store that is under way sees what is changed through the other.
//
// Closing it closes nothing beneath. It makes two reads of a Delete that needs
// one, and clears an entity in steps.
func (l *Lease) Store() *holdfast.Store { return l.store }

// Name returns the name of the lease.
func (l *Lease) Name() string { return l.name }

// Holder tells how others see this holder.
func (l *Lease) Holder() Holder { return l.holder }

// Token is the fencing token: larger than that of every holder before. Hand it
// to systems beside the store that can refuse an older one.
func (l *Lease) Token() uint64 { return l.holder.Token }

// Done is closed when the lease is known not to be held any more: a write or a
// renewal was fenced, or it was released. While the store cannot be reached that
// is not known.
func (l *Lease) Done() <-chan struct{} { return l.done }

// Err is nil while the lease is held as far as is known, then why it is not: an
// ErrFenced.
func (l *Lease) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// Check tells whether the lease is held, for what is not a write of Store and so
// not fenced: an order, a message. It returns at once if the last renewal is so
// recent that nobody can have taken over, by the speed of the clocks; else it
// asks the store. A pause between Check and the deed stays possible: what must
// not be done twice needs an id or the Token on top.
func (l *Lease) Check(ctx context.Context) error {
	if err := l.Err(); err != nil {
		return err
	}
	if l.recent() {
		return ctx.Err()
	}
	return l.wrap(l.fence.Hold(ctx))
}

// recent tells whether less than the lease time has passed since the last
// renewal. The wall clock is asked too: the monotonic one stands still while the
// machine is suspended.
func (l *Lease) recent() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, limit := time.Now(), patience(l.holder.TTL)
	return now.Sub(l.renewed) < limit && now.Round(0).Sub(l.renewed.Round(0)) < limit
}

// Release gives the lease up, so that who waits takes it at once, and waits for
// the renewing to end. What is written through Store afterwards is fenced. Call
// it before the store is closed. ErrFenced says that it had been lost before;
// after any other error it ends by itself when its time is over, or with another
// Release. After a success further ones return nil.
func (l *Lease) Release(ctx context.Context) error {
	l.stop()
	<-l.kept
	l.releasing.Lock()
	defer l.releasing.Unlock()
	if l.released {
		return nil
	}
	// Through the fence: what others have written since is not touched. The
	// token stays, for the next holder to count from.
	err := l.claims.Put(ctx, l.name, claimOf(l.holder, true))
	var fenced *FencedError
	if errors.As(err, &fenced) && fenced.By.ID == l.holder.ID {
		err = nil // an earlier attempt whose answer was lost
	}
	if err != nil {
		return l.wrap(err)
	}
	l.released = true
	l.end(&FencedError{Name: l.name, Token: l.holder.Token, By: l.holder})
	return nil
}

// end notes why the lease is not held any more, and tells whether that is news.
func (l *Lease) end(err error) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return false
	}
	l.err = err
	close(l.done)
	return true
}

// lose is end for a lease that was to be kept.
func (l *Lease) lose(err error) {
	if l.end(err) {
		l.log.Warn("lease lost", "error", err)
	}
}

// fenced makes the error of a fenced write from the record that is there now,
// and notes that the lease is lost.
func (l *Lease) fenced(data []byte) error {
	by, err := decodeClaim(data)
	if err != nil {
		by = claim{} // the holder is not known, and the write is refused all the same
	}
	fenced := &FencedError{Name: l.name, Token: l.holder.Token, By: by.holder()}
	l.lose(fenced)
	return fenced
}

// wrap says which lease it is about. Nil stays nil.
func (l *Lease) wrap(err error) error { return wrap(l.name, err) }

func wrap(name string, err error) error {
	var held *HeldError
	var fenced *FencedError
	if err == nil || errors.As(err, &held) || errors.As(err, &fenced) {
		return err
	}
	return fmt.Errorf("lease %q: %w", name, err)
}
