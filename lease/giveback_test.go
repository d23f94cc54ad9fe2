package lease_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/lease"
)

// leaveBehind ends the context right behind the first change of a process, of
// which it hears nothing if unheard, and then does what else there is to do.
func leaveBehind(t testing.TB, p *process, unheard bool, then func()) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	once := true
	p.lost = func(op string) bool {
		if op != "apply" || !once {
			return false
		}
		once = false
		cancel()
		then()
		return unheard
	}
	return ctx
}

// ended demands the error of the context, with the holder that is named in it:
// nil for none.
func ended(t testing.TB, err error, by *lease.Holder) {
	t.Helper()
	var held *lease.HeldError
	named := errors.As(err, &held)
	switch {
	case !errors.Is(err, context.Canceled) && !(by == nil && errors.Is(err, errCut)):
		t.Errorf("got error %v, want %v", err, context.Canceled)
	case by == nil && named:
		t.Errorf("%v: nobody has it", err)
	case by != nil && (!named || held.Holder.ID != by.ID):
		t.Errorf("%v: want one that names %+v", err, by)
	}
}

// Who leaves just as the lease becomes its own leaves it to the next one.
func TestLeavingBehindTheClaim(t *testing.T) {
	for _, unheard := range []bool{false, true} {
		shared := memory(t)
		p, first := start(t, shared)
		ctx := leaveBehind(t, p, unheard, func() {})
		_, err := lease.Acquire(ctx, first, "bot", quick(t))
		ended(t, err, nil)
		if c := stored(t, shared, "lease", "bot"); c["released"] != true || c["token"] != 1.0 {
			t.Errorf("unheard %v: left %v", unheard, c)
		}
		_, second := start(t, shared)
		l, err := lease.Acquire(t.Context(), second, "bot", &lease.Options{NoWait: true})
		must(t, err)
		if l.Token() != 2 {
			t.Errorf("token %d after 1", l.Token())
		}
		must(t, l.Release(t.Context()))
	}
}

// Of a holder that died, and in whose place the one who leaves has been, nobody
// says that it has the lease.
func TestLeavingBehindATakeover(t *testing.T) {
	for _, unheard := range []bool{false, true} {
		for _, cut := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				shared := memory(t)
				p, first := start(t, shared)
				acquire(t, first, quick(t))
				p.stop()
				q, second := start(t, shared)
				ctx := leaveBehind(t, q, unheard, func() {
					if cut {
						q.off(errCut)
					}
				})
				_, err := lease.Acquire(ctx, second, "bot", quick(t))
				ended(t, err, nil)
				if c := stored(t, shared, "lease", "bot"); c["released"] == cut || c["token"] != 2.0 {
					t.Errorf("unheard %v, cut off %v: left %v", unheard, cut, c)
				}
				// Where it could not be given back, it is free when its time is over.
				_, third := start(t, shared)
				began := time.Now()
				acquire(t, third, quick(t))
				if waited := time.Since(began); cut != (waited > 0) || waited > ttl {
					t.Errorf("unheard %v, cut off %v: waited for %v", unheard, cut, waited)
				}
			})
		}
	}
}

// The look back leaves the record of a successor alone, and names it.
func TestLeavingBehindASuccessor(t *testing.T) {
	shared := memory(t)
	p, s := start(t, shared)
	const theirs = `{"version":1,"token":7,"id":"x","pid":1,"host":"elsewhere","since":"2026-11-24T00:00:00Z","ttl":10000,"released":false}`
	ctx := leaveBehind(t, p, true, func() {
		must(t, shared.Put(context.Background(), key("lease", "bot"), []byte(theirs)))
	})
	_, err := lease.Acquire(ctx, s, "bot", quick(t))
	ended(t, err, &lease.Holder{ID: "x"})
	if rec, err := shared.Get(t.Context(), key("lease", "bot")); err != nil || string(rec.Data) != theirs {
		t.Errorf("now %s, %v", rec.Data, err)
	}
}

// A claim that did not arrive leaves the lease to the holder that has it, be it
// silent or not.
func TestLeavingBehindAClaimThatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := memory(t)
		p, first := start(t, shared)
		l := acquire(t, first, quick(t))
		p.stop()
		ctx, cancel := context.WithCancel(t.Context())
		_, second := start(t, &refusing{shared, cancel})
		_, err := lease.Acquire(ctx, second, "bot", quick(t))
		h := l.Holder()
		ended(t, err, &h)
	})
}

// refusing changes nothing, and ends a context where it should.
type refusing struct {
	backend
	cancel func()
}

func (r *refusing) Apply(ctx context.Context, _ []driver.Cond, _ []driver.Op) error {
	r.cancel()
	return fmt.Errorf("not applied: %w", ctx.Err())
}

// Who stops waiting for an answer to its claim, without having seen any holder,
// names none.
func TestLeavingWithoutAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, s := start(t, memory(t))
		p.lost = func(op string) bool {
			if op == "apply" {
				p.off(errCut)
			}
			return op == "apply"
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := lease.Acquire(ctx, s, "bot", quick(t))
		var held *lease.HeldError
		if !errors.Is(err, context.DeadlineExceeded) || errors.As(err, &held) {
			t.Errorf("got error %v, want %v", err, context.DeadlineExceeded)
		}
	})
}

// hanging answers no Get any more, until its context ends.
type hanging struct {
	*process
	hangs bool
}

func (h *hanging) Get(ctx context.Context, k driver.Key) (driver.Record, error) {
	if h.hangs {
		<-ctx.Done()
		return driver.Record{}, ctx.Err()
	}
	return h.process.Get(ctx, k)
}

// A store that does not answer does not keep the one who leaves for long.
func TestLeavingAStoreThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := start(t, memory(t))
		h := &hanging{process: p}
		s, err := holdfast.New(h, nil)
		must(t, err)
		ctx := leaveBehind(t, p, true, func() { h.hangs = true })
		began := time.Now()
		_, err = lease.Acquire(ctx, s, "bot", &lease.Options{TTL: time.Hour})
		ended(t, err, nil)
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}
