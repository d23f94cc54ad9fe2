package lease_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/lease"
)

// One who waits takes over within the lease time after the holder has died,
// whenever that was within its renewing, and not while it lives.
func TestTakeoverWithinTheLeaseTime(t *testing.T) {
	for i := range 25 {
		lived := time.Minute + time.Duration(i)*ttl/50
		t.Run(fmt.Sprint(lived), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				shared := memory(t)
				p, first := start(t, shared)
				_, second := start(t, shared)
				l := acquire(t, first, quick(t))
				began := time.Now()
				time.AfterFunc(lived, p.stop)
				next := acquire(t, second, quick(t))
				if waited := time.Since(began); waited <= lived || waited > lived+ttl {
					t.Errorf("taken over %v after the holder's death", waited-lived)
				}
				if next.Token() != l.Token()+1 {
					t.Errorf("token %d after %d", next.Token(), l.Token())
				}
			})
		})
	}
}

// Whoever was not there when the holder died waits for that holder's whole
// lease time, and not for its own.
func TestLateWaiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := memory(t)
		p, first := start(t, shared)
		_, second := start(t, shared)
		acquire(t, first, quick(t))
		p.stop()
		time.Sleep(time.Hour)
		began := time.Now()
		acquire(t, second, &lease.Options{TTL: time.Minute})
		if waited := time.Since(began); waited < ttl*8/10 || waited > ttl {
			t.Errorf("waited for %v", waited)
		}
	})
}

// Paused, overtaken and woken: refused by the store, in every way to write, at
// once and though its own clock says nothing.
func TestWokenHolderIsFenced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := memory(t)
		p, first := start(t, shared)
		_, second := start(t, shared)
		old := acquire(t, first, quick(t))
		must(t, put(old, "a", "old"))
		p.stop()
		next := acquire(t, second, quick(t))
		must(t, put(next, "a", "new"))
		p.cont()
		fenced(t, put(old, "a", "too late"), next)
		c, err := holdfast.NewCollection[string](old.Store(), "state", nil)
		must(t, err)
		fenced(t, c.Delete(t.Context(), "a"), next)
		fenced(t, c.Clear(t.Context()), next)
		fenced(t, c.Update(t.Context(), "a", func(string, bool) (string, error) { return "too late", nil }), next)
		fenced(t, old.Store().Update(t.Context(), func(b *holdfast.Batch) error {
			return errors.Join(b.Put("state", "b", []byte(`1`)), b.Delete("state", "a"))
		}), next)
		<-old.Done()
		fenced(t, old.Err(), next)
		fenced(t, old.Check(t.Context()), next)
		fenced(t, old.Release(t.Context()), next)
		if v, err := c.Get(t.Context(), "a"); v != "new" || err != nil {
			t.Errorf("%q, %v", v, err)
		}
		must(t, put(next, "a", "newer"))
		if text := old.Err().Error(); !strings.Contains(text, "taken over by process") || !strings.Contains(text, "token 2") {
			t.Errorf("%s", text)
		}
	})
}

// A write that was on its way while its holder was overtaken does not arrive.
func TestWriteUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := memory(t)
		p, first := start(t, shared)
		_, second := start(t, shared)
		old := acquire(t, first, quick(t))
		must(t, put(old, "a", "old"))
		p.stop()
		under := make(chan error, 1)
		go func() { under <- put(old, "a", "too late") }()
		synctest.Wait() // at the door of the store
		next := acquire(t, second, quick(t))
		p.cont()
		fenced(t, <-under, next)
	})
}

// An idle holder learns of it with its next renewal.
func TestIdleHolderLearnsThatItIsFenced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := memory(t)
		p, first := start(t, shared)
		_, second := start(t, shared)
		old := acquire(t, first, quick(t))
		p.stop()
		next := acquire(t, second, quick(t))
		p.cont()
		woken := time.Now()
		<-old.Done()
		if took := time.Since(woken); took > ttl/4 {
			t.Errorf("it took %v", took)
		}
		fenced(t, old.Err(), next)
	})
}

// What a clock that is wrong has written does not matter.
func TestWrongClocks(t *testing.T) {
	for _, since := range []string{"1970-01-01T00:00:00Z", "2199-01-01T00:00:00Z"} {
		synctest.Test(t, func(t *testing.T) {
			shared := memory(t)
			_, s := start(t, shared)
			must(t, shared.Put(t.Context(), key("lease", "bot"), fmt.Appendf(nil,
				`{"version":1,"token":41,"id":"x","pid":1,"host":"elsewhere","since":%q,"ttl":10000,"released":false}`, since)))
			for i := range 100 { // the holder lives
				time.AfterFunc(time.Duration(i)*ttl/4, func() {
					must(t, shared.Put(t.Context(), key("lease/heartbeat", "bot"), fmt.Appendf(nil, `{"token":41,"beat":%d}`, i)))
				})
			}
			began := time.Now()
			l := acquire(t, s, quick(t))
			if waited := time.Since(began); waited < 99*ttl/4 || waited > 99*ttl/4+ttl {
				t.Errorf("since %s: waited for %v", since, waited)
			}
			if l.Token() != 42 {
				t.Errorf("token %d", l.Token())
			}
		})
	}
}

// A server that is away for longer than the lease time costs nobody the lease:
// who waited could not see that the holder is silent.
func TestOutageOfTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := memory(t)
		p, first := start(t, shared)
		q, second := start(t, shared)
		l := acquire(t, first, quick(t))
		taken, told := make(chan error, 1), []string{}
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			o := quick(t)
			o.Waiting = func(h lease.Holder, err error) { told = append(told, fmt.Sprint(h.Token, " ", err)) }
			_, err := lease.Acquire(ctx, second, "bot", o)
			taken <- err
		}()
		time.Sleep(time.Minute + ttl/80) // between two looks: which of the two records cannot be read is told
		for range 20 {
			p.off(errCut)
			q.off(errCut)
			time.Sleep(3 * ttl)
			q.off(nil) // the one who waits is back first
			time.Sleep(ttl / 20)
			p.off(nil)
			time.Sleep(ttl)
		}
		must(t, l.Check(t.Context()))
		must(t, put(l, "a", 1))
		cancel()
		err := <-taken
		var held *lease.HeldError
		if !errors.As(err, &held) || !errors.Is(err, context.Canceled) || held.Holder.ID != l.Holder().ID {
			t.Errorf("the one who waited: %v", err)
		}
		if len(told) != 1+2*20 || told[0] != "1 <nil>" || told[1] != "1 get lease bot: connection reset" || told[2] != told[0] {
			t.Errorf("told %d times: %.5q", len(told), told)
		}
	})
}

// Whose lease it waits for is told, and told again when that changes.
func TestWaitingNamesTheHolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := memory(t)
		_, first := start(t, shared)
		l := acquire(t, first, quick(t))
		var told []string
		o := quick(t)
		o.Waiting = func(h lease.Holder, err error) { told = append(told, h.ID) }
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		other := make(chan *lease.Lease, 1)
		time.AfterFunc(time.Minute, func() {
			l.Release(context.Background())
			next, err := lease.Acquire(context.Background(), first, "bot", quick(t))
			if err != nil {
				t.Error(err)
			}
			other <- next
		})
		_, second := start(t, shared)
		_, err := lease.Acquire(ctx, second, "bot", o)
		next := <-other
		defer next.Release(context.Background())
		if !errors.Is(err, holdfast.ErrLocked) || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), text(next.Holder().PID)) {
			t.Errorf("%v", err)
		}
		if len(told) != 2 || told[0] != l.Holder().ID || told[1] != next.Holder().ID {
			t.Errorf("told %q, want %q and %q", told, l.Holder().ID, next.Holder().ID)
		}
	})
}

// An answer that is lost is not guessed: what was asked for happened or not.
func TestLostAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, s := start(t, memory(t))
		once := true
		p.lost = func(op string) bool {
			lost := op == "apply" && once
			once = once && !lost
			return lost
		}
		l := acquire(t, s, quick(t)) // the claim was stored, unheard
		if l.Token() != 1 {
			t.Errorf("token %d: it took the lease from itself", l.Token())
		}
		must(t, put(l, "a", 1))
		once = true
		if err := l.Release(t.Context()); !errors.Is(err, errCut) {
			t.Errorf("Release, unheard: %v", err)
		}
		must(t, l.Release(t.Context()))
	})
}

// Check asks the store when the last renewal is too long ago, and does not
// otherwise.
func TestCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, s := start(t, memory(t))
		l := acquire(t, s, quick(t))
		p.off(errCut)
		time.Sleep(ttl / 2)
		must(t, l.Check(t.Context()))
		time.Sleep(ttl / 2)
		if err := l.Check(t.Context()); !errors.Is(err, errCut) {
			t.Errorf("got %v, want %v", err, errCut)
		}
		if l.Err() != nil {
			t.Errorf("that is no reason to give up: %v", l.Err())
		}
		p.off(nil)
		must(t, l.Check(t.Context()))
	})
}
