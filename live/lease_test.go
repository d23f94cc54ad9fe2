package live_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/lease"
	"github.com/holdfast-go/holdfast/live"
	"github.com/holdfast-go/holdfast/memstore"
)

// sleeper is a store whose process is stopped at its nth write, before that
// takes effect or after: all of its calls wait until it is woken.
type sleeper struct {
	backend
	stopAt int // 0 for never
	after  bool

	mu     sync.Mutex
	writes int
	asleep bool
	fell   chan struct{} // closed when it is stopped
	woken  chan struct{} // closed when it goes on
}

func newSleeper(b backend, stopAt int, after bool) *sleeper {
	return &sleeper{backend: b, stopAt: stopAt, after: after, fell: make(chan struct{}), woken: make(chan struct{})}
}

func (s *sleeper) pass() {
	s.mu.Lock()
	asleep := s.asleep
	s.mu.Unlock()
	if asleep {
		<-s.woken
	}
}

// wrote counts a write that changes state: what a lease writes does not count.
func (s *sleeper) counts(ops []driver.Op) bool {
	if len(ops) == 0 || lease.Kept(ops[0].Key.Entity) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	return s.writes == s.stopAt
}

func (s *sleeper) sleep() {
	s.mu.Lock()
	s.asleep = true
	s.mu.Unlock()
	close(s.fell)
	<-s.woken
}

func (s *sleeper) Get(ctx context.Context, k driver.Key) (driver.Record, error) {
	s.pass()
	return s.backend.Get(ctx, k)
}

func (s *sleeper) Apply(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
	s.pass()
	here := s.counts(ops)
	if here && !s.after {
		s.sleep()
	}
	err := s.backend.Apply(ctx, conds, ops)
	if here && s.after {
		s.sleep()
	}
	return err
}

func (s *sleeper) Properties() driver.Properties {
	return driver.Properties{Backend: "sleeper", Batch: driver.BatchAny, MaxData: driver.MaxData}
}

func (s *sleeper) Close() error { return nil }

// leased runs a life with a lease for each symbol.
func (w *world) leased(t testing.TB, d, base backend, h *heard) error {
	store := open(t, d)
	var leases []*lease.Lease
	mine := *w
	mine.lease = func(cfg *live.Config) error {
		l, err := lease.Acquire(context.Background(), store, cfg.Symbol, &lease.Options{TTL: time.Second})
		if err == nil {
			leases = append(leases, l)
			cfg.Store, cfg.Lease = nil, l
		}
		return err
	}
	err := mine.run(t, d, base, h)
	for _, l := range leases {
		if release := l.Release(context.Background()); err == nil {
			err = release
		}
	}
	return err
}

// stateOf is a dump without the records of leases.
func stateOf(t testing.TB, d driver.Store) string {
	lines := strings.SplitAfter(dump(t, d), "\n")
	return strings.Join(slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, "lease") }), "")
}

// A process that is stopped at any one of its writes, before or after that took
// effect, and woken after another has taken over and gone to the end, is fenced:
// it changes nothing, tells nothing, and what the two leave is byte for byte what
// an uninterrupted run leaves.
func TestStoppedAtEveryWrite(t *testing.T) {
	for _, name := range live.StrategyNames() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(quick(t, name), 30*factor, seed, 0.5)
			whole, wholeHeard := memstore.New(), &heard{}
			counting := newSleeper(whole, 0, false)
			if err := w.leased(t, counting, whole, wholeHeard); err != nil {
				t.Fatal(err)
			}
			covers(t, w, wholeHeard.full)
			want, stops := stateOf(t, whole), 0
			if !strings.Contains(dump(t, whole), "lease/heartbeat") {
				t.Fatal("there was no lease")
			}
			for n := 1; n <= counting.writes; n += stride {
				for _, after := range []bool{false, true} {
					synctest.Test(t, func(t *testing.T) { w.overtaken(t, n, after, want, wholeHeard) })
					if stops++; t.Failed() {
						t.Fatalf("seed %d: stopped at write %d (after it: %v)", seed, n, after)
					}
				}
			}
			t.Logf("seed %d: %d takeovers", seed, stops)
		})
	}
}

func (w *world) overtaken(t *testing.T, n int, after bool, want string, wholeHeard *heard) {
	base, told := memstore.New(), &heard{}
	d, first := newSleeper(base, n, after), &heard{}
	ended := make(chan error, 1)
	go func() { ended <- w.leased(t, d, base, first) }()
	<-d.fell
	heardBefore := len(first.lines)
	if err := w.leased(t, newSleeper(base, 0, false), base, told); err != nil {
		t.Fatal(err)
	}
	close(d.woken)
	d.mu.Lock()
	d.asleep = false
	d.mu.Unlock()
	err := <-ended
	// Stopped behind its last write it has nothing left to do, but to release.
	if !errors.Is(err, holdfast.ErrFenced) {
		t.Errorf("the one that was woken: got error %v, want %v", err, holdfast.ErrFenced)
	}
	if len(first.lines) != heardBefore {
		t.Errorf("it told %q after it was fenced", first.lines[heardBefore:])
	}
	if got := stateOf(t, base); got != want {
		t.Errorf("another state:\n%s", difference(want, got))
	}
	for id, e := range first.full { // what both have told was the same
		if again, twice := told.full[id]; twice && again != e {
			t.Errorf("%s was told as %s and as %s", id, e, again)
		}
		told.full[id] = e
	}
	sameEvents(t, wholeHeard.full, told.full)
}

// Once fenced, a runner says so and not that it wants to be opened again.
func TestFencedRunner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := memstore.New()
		store := open(t, base)
		l, err := lease.Acquire(t.Context(), store, "bot", nil)
		if err != nil {
			t.Fatal(err)
		}
		cfg := config(nil, script{})
		cfg.Lease = l
		r := start1(t, cfg)
		tick(t, r, flat(0, 100))
		put(t, base, "lease", "bot", `{"version":1,"token":2,"id":"x","pid":7,"host":"elsewhere","since":"2026-11-24T00:00:00Z","ttl":10000,"released":false}`)
		for range 2 {
			_, err = r.Tick(t.Context(), flat(1, 100))
			if !errors.Is(err, holdfast.ErrFenced) || errors.Is(err, live.ErrReopen) || !strings.Contains(err.Error(), "process 7 on elsewhere") {
				t.Errorf("got error %v", err)
			}
		}
		if err := r.Close(t.Context()); err != nil {
			t.Errorf("Close: %v", err)
		}
		if _, err := live.Open(t.Context(), cfg); !errors.Is(err, holdfast.ErrFenced) {
			t.Errorf("Open: got error %v, want %v", err, holdfast.ErrFenced)
		}
		if err := l.Release(t.Context()); !errors.Is(err, holdfast.ErrFenced) {
			t.Errorf("Release: %v", err)
		}
	})
}

// A store that the lease does not fence would be written by two at once.
func TestLeaseAndOtherStores(t *testing.T) {
	store := open(t, memstore.New())
	l, err := lease.Acquire(t.Context(), store, "bot", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release(context.Background())
	for _, change := range []func(*live.Config){
		func(c *live.Config) { c.Store = store },
		func(c *live.Config) { c.SignalStore = store },
		func(c *live.Config) { c.RiskStore = store },
	} {
		cfg := config(nil, script{})
		cfg.Lease = l
		change(&cfg)
		if _, err := live.Open(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "does not fence") {
			t.Errorf("got error %v", err)
		}
	}
	cfg := config(l.Store(), script{})
	cfg.Lease, cfg.SignalStore, cfg.RiskStore = l, l.Store(), l.Store()
	tick(t, start1(t, cfg), flat(0, 100))
}
