package lease

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/holdfast-go/holdfast"
)

// Acquire waits until the lease of that name is free, or its holder has shown
// no sign of life for its lease time, and takes it. It is held and renewed until
// Release. The name is any id; leases of different names have nothing to do with
// each other.
//
// If ctx ends first, the error is that of the call which it ended, or a *HeldError
// that names the holder, and the context's too, if somebody is known to have the
// lease. No error leaves it taken by this call: a claim that may be stored already
// is looked for once more, for a moment even behind the end of ctx, and taken back.
// If the store does not answer then, the lease is free when its time is over.
//
// errors.ErrUnsupported says that the backend cannot change several keys under
// conditions (Properties.Batch), which a fence needs. A record of the lease that
// is damaged, or not one, is an error and stays as it is.
func Acquire(ctx context.Context, s *holdfast.Store, name string, o *Options) (*Lease, error) {
	a, err := newAcquirer(s, name, o)
	if err != nil {
		return nil, wrap(name, err)
	}
	l, err := a.acquire(ctx)
	return l, wrap(name, err)
}

// acquirer takes a lease.
type acquirer struct {
	s    *holdfast.Store
	name string
	o    Options
	me   Holder

	wrote time.Time // begin of the last attempt to take it
	seen  sight
	told  telling
}

// sight is what is known of a lease that somebody holds.
type sight struct {
	holder       Holder
	claim, beat  string // the revisions of the records
	since        time.Time
	unresponsive bool // both have not changed for as long as its holder's lease time
	claimed      bool // this acquirer has tried to take its place since: it may have it no more
}

// telling is what Waiting has been told last.
type telling struct {
	id     string
	failed bool
}

// errMine says that the lease is held by this acquirer itself.
var errMine = errors.New("taken")

func newAcquirer(s *holdfast.Store, name string, o *Options) (*acquirer, error) {
	if s == nil {
		return nil, errors.New("no store: Acquire was called with nil")
	}
	filled, err := o.filled()
	if err != nil {
		return nil, err
	}
	if p := s.Properties(); p.Batch != "any" {
		return nil, fmt.Errorf("%w: a fenced write needs a condition on another key, and the backend %q cannot check one (Properties.Batch is %q): use one that can",
			errors.ErrUnsupported, p.Backend, p.Batch)
	}
	me := Holder{PID: os.Getpid(), Host: hostname(), ID: rand.Text(), TTL: filled.TTL}
	return &acquirer{s: s, name: name, o: filled, me: me}, nil
}

// acquire takes the lease, and leaves no claim of its own behind an error.
func (a *acquirer) acquire(ctx context.Context) (*Lease, error) {
	l, err := a.take(ctx)
	var held *HeldError
	if err == nil || errors.As(err, &held) {
		return l, err // held: that another has it was read only now
	}
	ended := ctx.Err() != nil
	if !a.wrote.IsZero() {
		a.giveBack(ctx)
	}
	if ended && a.others() {
		return nil, &HeldError{Name: a.name, Holder: a.seen.holder, Cause: context.Cause(ctx)}
	}
	return nil, err
}

// others tells whether somebody else has the lease, as far as is known.
func (a *acquirer) others() bool {
	h := a.seen.holder
	return h.ID != "" && h.ID != a.me.ID && !a.seen.claimed
}

// take waits for the lease and takes it.
func (a *acquirer) take(ctx context.Context) (*Lease, error) {
	for {
		err := a.try(ctx)
		var held *HeldError
		switch {
		case errors.Is(err, errMine):
			return a.hold()
		case errors.As(err, &held):
			if a.o.NoWait {
				return nil, held
			}
			a.tell(nil)
		case err == nil:
			continue // to see it as it is stored now
		case ctx.Err() == nil && a.waits() && passing(err):
			// The holder could not renew either, perhaps: who sees nothing counts
			// no time.
			a.seen.since, a.seen.claim = time.Time{}, ""
			a.tell(err)
		default:
			return nil, err
		}
		if !a.pause(ctx) {
			return nil, ctx.Err()
		}
	}
}

// giveBackWithin bounds the look behind the end of the caller's context, which
// the caller has to wait for.
const giveBackWithin = 2 * time.Second

// giveBack releases the lease if a claim of this acquirer is stored: nobody
// renews it, so that all would have to wait until its time is over. It happens
// when the context ends between the claim and the look at it, or the answer to
// the claim was lost.
func (a *acquirer) giveBack(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), min(giveBackWithin, a.o.TTL))
	defer cancel()
	err := a.s.Update(ctx, func(b *holdfast.Batch) error {
		c, rev, err := read(b, claimEntity, a.name, decodeClaim)
		if err != nil {
			return err
		}
		a.seen = sight{}
		if rev == "" || c.Released {
			return nil
		}
		if c.ID != a.me.ID {
			a.seen.holder = c.holder()
			return nil
		}
		// Under the revision that was read: a successor's record stays as it is.
		data, err := json.Marshal(claimOf(c.holder(), true))
		if err != nil {
			return err
		}
		return b.Put(claimEntity, a.name, data)
	})
	if err != nil {
		a.o.Logger.Warn("lease not given back", "lease", a.name, "error", err)
	}
}

// waits tells whether the store has answered before, so that one that does not
// is worth waiting for.
func (a *acquirer) waits() bool { return a.seen.holder.ID != "" || !a.wrote.IsZero() }

// passing tells whether an error may pass by itself, as a time limit of the
// backend's own may.
func passing(err error) bool {
	for _, lasting := range []error{
		errRecord, holdfast.ErrDamaged, holdfast.ErrReadOnly, holdfast.ErrInvalidName, holdfast.ErrClosed,
		holdfast.ErrStopped, errors.ErrUnsupported,
	} {
		if errors.Is(err, lasting) {
			return false
		}
	}
	return true
}

// try looks at the lease and takes it if it may be taken. Nil says that it was
// taken, errMine that it is this acquirer's, with its revision in seen.
//
// An answer that is lost on the way needs no guess: the next try finds the own
// id, or not.
func (a *acquirer) try(ctx context.Context) error {
	return a.s.Update(ctx, func(b *holdfast.Batch) error {
		began := time.Now()
		c, claimRev, err := read(b, claimEntity, a.name, decodeClaim)
		if err != nil {
			return err
		}
		h, beatRev, err := read(b, beatEntity, a.name, decodeBeat)
		if err != nil {
			return err
		}
		if claimRev != "" && !c.Released {
			a.see(c.holder(), claimRev, beatRev)
			switch {
			case c.ID == a.me.ID:
				return errMine
			case !a.seen.unresponsive:
				return &HeldError{Name: a.name, Holder: c.holder()}
			}
		}
		// Both were read in this batch, and have to be as they were read: a
		// heartbeat that comes in between is not overlooked.
		a.wrote, a.seen.claimed = began, true
		a.me.Token, a.me.Since = max(c.Token, h.Token)+1, began
		return a.claim(b)
	})
}

// see notes what was read. Time counts from behind the reading, so that the
// holder has had its whole lease time since its heartbeat, at least.
func (a *acquirer) see(h Holder, claimRev, beatRev string) {
	now := time.Now()
	if a.seen.claim != claimRev || a.seen.beat != beatRev || a.seen.since.IsZero() {
		a.seen = sight{holder: h, claim: claimRev, beat: beatRev, since: now}
	}
	a.seen.unresponsive = now.Sub(a.seen.since) >= patience(h.TTL)
}

func (a *acquirer) claim(b *holdfast.Batch) error {
	c, err := json.Marshal(claimOf(a.me, false))
	if err != nil {
		return err
	}
	h, err := json.Marshal(beat{Token: a.me.Token})
	if err != nil {
		return err
	}
	return errors.Join(b.Put(claimEntity, a.name, c), b.Put(beatEntity, a.name, h))
}

// read reads a record in a batch: the zero value and no revision if there is
// none.
func read[T any](b *holdfast.Batch, entity, name string, decode func([]byte) (T, error)) (v T, rev string, err error) {
	rec, err := b.Get(entity, name)
	if errors.Is(err, holdfast.ErrNotFound) {
		return v, "", nil
	}
	if err == nil {
		v, err = decode(rec.Data)
	}
	return v, rec.Rev, err
}

// tell tells Waiting what it has not been told yet.
func (a *acquirer) tell(err error) {
	now := telling{a.seen.holder.ID, err != nil}
	if now != a.told {
		a.told = now
		a.o.Waiting(a.seen.holder, err)
	}
}

// pause waits for the next look, at the latest when the holder's time is over:
// false if ctx is done first.
func (a *acquirer) pause(ctx context.Context) bool {
	ttl := a.seen.holder.TTL
	if ttl == 0 {
		ttl = a.o.TTL
	}
	wait := lookEvery(ttl)
	if !a.seen.since.IsZero() {
		if left := time.Until(a.seen.since.Add(patience(ttl))); left > 0 {
			wait = min(wait, left)
		}
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
