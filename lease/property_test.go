package lease_test

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/lease"
)

// ledger is the shared store: it notes every change in the order in which they
// took effect.
type ledger struct {
	backend
	mu      sync.Mutex
	applied []driver.Op
}

func (l *ledger) Apply(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.backend.Apply(ctx, conds, ops)
	if err == nil {
		l.applied = append(l.applied, ops...)
	}
	return err
}

func (l *ledger) Delete(ctx context.Context, k driver.Key) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.backend.Delete(ctx, k)
}

// note is what the holders write: whose it is.
type note struct {
	Token uint64 `json:"token"`
	N     int    `json:"n"`
}

// rivals are the processes that want one lease.
type rivals struct {
	t      *testing.T
	shared *ledger
	rng    func(n int) int // safe to share

	mu      sync.Mutex
	acked   map[note]bool
	refused map[note]bool
	fences  int
	leases  int
}

func newRivals(t *testing.T, seed uint64) *rivals {
	var mu sync.Mutex
	rnd := rand.New(rand.NewPCG(seed, 1))
	return &rivals{
		t: t, shared: &ledger{backend: memory(t)}, acked: map[note]bool{}, refused: map[note]bool{},
		rng: func(n int) int {
			mu.Lock()
			defer mu.Unlock()
			return rnd.IntN(n)
		},
	}
}

// moment is a random time of up to n lease times.
func (r *rivals) moment(n int) time.Duration { return time.Duration(r.rng(n*1000)) * ttl / 1000 }

// disturb stops the process at whatever call it is in, cuts it off, and lets it
// go on, again and again.
func (r *rivals) disturb(ctx context.Context, p *process) {
	for ctx.Err() == nil {
		time.Sleep(r.moment(4))
		switch r.rng(3) {
		case 0:
			p.off(errCut)
			time.Sleep(r.moment(2))
			p.off(nil)
		default:
			p.stop()
			time.Sleep(r.moment(3))
			p.cont()
		}
	}
	p.cont()
	p.off(nil)
}

// work takes the lease and writes until it is refused, or has enough of it.
func (r *rivals) work(ctx context.Context, s *holdfast.Store) {
	for ctx.Err() == nil {
		l, err := lease.Acquire(ctx, s, "bot", &lease.Options{TTL: ttl})
		if err != nil {
			if !errors.Is(err, errCut) && ctx.Err() == nil {
				r.t.Errorf("Acquire: %v", err)
			}
			time.Sleep(ttl / 10)
			continue
		}
		r.mu.Lock()
		r.leases++
		r.mu.Unlock()
		r.hold(ctx, l)
		for l.Release(context.Background()) != nil && l.Err() == nil { // cut off
			time.Sleep(ttl / 10)
		}
	}
}

func (r *rivals) hold(ctx context.Context, l *lease.Lease) {
	for n := 0; ctx.Err() == nil; n++ {
		v := note{l.Token(), n}
		err := r.write(l, v)
		r.mu.Lock()
		switch {
		case err == nil:
			r.acked[v] = true
		case errors.Is(err, holdfast.ErrFenced):
			r.refused[v] = true
			r.fences++
		case !errors.Is(err, errCut):
			r.t.Errorf("%+v: %v", v, err)
		}
		r.mu.Unlock()
		if errors.Is(err, holdfast.ErrFenced) || r.rng(60) == 0 {
			return
		}
		time.Sleep(r.moment(1) / 4)
	}
}

// write writes in one of the ways there are.
func (r *rivals) write(l *lease.Lease, v note) error {
	c, err := holdfast.NewCollection[note](l.Store(), "state", nil)
	if err != nil {
		return err
	}
	id := strconv.Itoa(r.rng(3))
	switch r.rng(3) {
	case 0:
		return c.Put(context.Background(), id, v)
	case 1:
		return c.Update(context.Background(), id, func(note, bool) (note, error) { return v, nil })
	}
	return l.Store().Update(context.Background(), func(b *holdfast.Batch) error {
		return errors.Join(c.In(b).Put(id, v), c.In(b).Delete(id+"x"))
	})
}

// vandalise removes the record of the lease now and then.
func (r *rivals) vandalise(ctx context.Context) {
	for ctx.Err() == nil {
		time.Sleep(r.moment(40))
		err := r.shared.Delete(ctx, key("lease", "bot"))
		if err != nil && !errors.Is(err, driver.ErrNotFound) && ctx.Err() == nil {
			r.t.Error(err)
		}
	}
}

// judge goes through the changes in the order in which they took effect: tokens
// grow, and nobody writes but the holder of that moment.
func (r *rivals) judge() {
	r.t.Helper()
	var holder, last uint64
	written := map[note]bool{}
	for i, op := range r.shared.applied {
		var v struct {
			note
			Released bool
		}
		if !op.Delete {
			must(r.t, json.Unmarshal(op.Data, &v))
		}
		switch {
		case op.Delete:
		case op.Key.Entity == "lease" && v.Released:
			if v.Token != holder {
				r.t.Errorf("change %d: token %d released the lease of %d", i, v.Token, holder)
			}
			holder = 0
		case op.Key.Entity == "lease":
			if v.Token <= last {
				r.t.Errorf("change %d: token %d after %d", i, v.Token, last)
			}
			holder, last = v.Token, v.Token
		case op.Key.Entity == "lease/heartbeat", op.Key.Entity == "state":
			if v.Token != holder {
				r.t.Errorf("change %d: token %d wrote %s while %d held the lease", i, v.Token, op.Key, holder)
			}
			written[v.note] = op.Key.Entity == "state" || written[v.note]
		}
	}
	for v := range r.acked {
		if !written[v] {
			r.t.Errorf("%+v was acknowledged and never took effect", v)
		}
	}
	for v := range r.refused {
		if written[v] {
			r.t.Errorf("%+v was fenced and took effect", v)
		}
	}
}

// Several processes, stopped before and after any call, cut off and woken in any
// order, never write out of turn. HOLDFAST_LEASE_SEED repeats a run.
func TestRivals(t *testing.T) {
	seeds := []uint64{rand.Uint64(), rand.Uint64(), rand.Uint64(), rand.Uint64(), rand.Uint64(), rand.Uint64()}
	if s := os.Getenv("HOLDFAST_LEASE_SEED"); s != "" {
		seed, err := strconv.ParseUint(s, 10, 64)
		must(t, err)
		seeds = []uint64{seed}
	}
	var fences, leases, writes int
	for _, seed := range seeds {
		synctest.Test(t, func(t *testing.T) {
			t.Logf("HOLDFAST_LEASE_SEED=%d", seed)
			r := newRivals(t, seed)
			ctx, cancel := context.WithTimeout(t.Context(), 200*ttl)
			defer cancel()
			var wg sync.WaitGroup
			for range 4 {
				p, s := start(t, r.shared)
				wg.Go(func() { r.disturb(ctx, p) })
				wg.Go(func() { r.work(ctx, s) })
			}
			wg.Go(func() { r.vandalise(ctx) })
			wg.Wait()
			r.judge()
			fences, leases, writes = fences+r.fences, leases+r.leases, writes+len(r.acked)
		})
	}
	t.Logf("%d holders, %d writes, %d fenced", leases, writes, fences)
	if n := len(seeds); leases < 20*n || writes < 500*n || fences < 5*n {
		t.Errorf("%d holders, %d writes, %d fenced: too little happened", leases, writes, fences)
	}
}
