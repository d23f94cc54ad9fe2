package lease_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/lease"
	"github.com/holdfast-go/holdfast/memstore"
)

const ttl = 10 * time.Second

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// backend is what a leased store needs, and what the tests look at.
type backend interface {
	driver.Store
	driver.Deleter
	driver.Lister
	driver.Applier
	driver.Describer
}

func memory(t testing.TB) *memstore.Store {
	t.Helper()
	s := memstore.New()
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

var errDead = errors.New("the process is dead")

// process is one of several on a shared store. It can be stopped, before a call
// takes effect or after, and go on; and be cut off from the store.
type process struct {
	backend
	mu      sync.Mutex
	stopped chan struct{} // closed when it goes on; nil if it runs
	cut     error         // what every call answers, nil if the store answers
	lost    func(op string) bool
}

// pass waits while the process is stopped.
func (p *process) pass() error {
	for {
		p.mu.Lock()
		stopped, cut := p.stopped, p.cut
		p.mu.Unlock()
		if stopped == nil {
			return cut
		}
		<-stopped
	}
}

// stop is SIGSTOP: no call begins or returns.
func (p *process) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped == nil {
		p.stopped = make(chan struct{})
	}
}

// cont is SIGCONT.
func (p *process) cont() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped != nil {
		close(p.stopped)
		p.stopped = nil
	}
}

// off has every call answer err from now on; nil connects the process again.
func (p *process) off(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = err
}

// kill has every call answer that the process is dead, those under way too.
func (p *process) kill() {
	p.off(errDead)
	p.cont()
}

// through makes a call, with a stop before it and one behind it.
func (p *process) through(op string, call func() error) error {
	if err := p.pass(); err != nil {
		return err
	}
	err := call()
	if p.lost != nil && p.lost(op) {
		return errCut
	}
	if cut := p.pass(); cut != nil {
		return cut // it took effect, and the answer is lost
	}
	return err
}

var errCut = errors.New("connection reset")

func (p *process) Init(ctx context.Context, entity string) error {
	return p.through("init", func() error { return p.backend.Init(ctx, entity) })
}

func (p *process) Get(ctx context.Context, k driver.Key) (rec driver.Record, err error) {
	err = p.through("get", func() error {
		rec, err = p.backend.Get(ctx, k)
		return err
	})
	return rec, err
}

func (p *process) Put(ctx context.Context, k driver.Key, data []byte) error {
	return p.through("put", func() error { return p.backend.Put(ctx, k, data) })
}

func (p *process) Delete(ctx context.Context, k driver.Key) error {
	return p.through("delete", func() error { return p.backend.Delete(ctx, k) })
}

func (p *process) Apply(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
	return p.through("apply", func() error { return p.backend.Apply(ctx, conds, ops) })
}

// start makes a process on the shared store, dead at the end of the test.
func start(t testing.TB, shared backend) (*process, *holdfast.Store) {
	t.Helper()
	p := &process{backend: shared}
	t.Cleanup(p.kill)
	s, err := holdfast.New(p, nil)
	must(t, err)
	return p, s
}

// quick are options of a lease of ttl that log to the test.
func quick(t testing.TB) *lease.Options {
	return &lease.Options{TTL: ttl, Logger: slog.New(slog.NewTextHandler(testWriter{t}, nil))}
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Helper()
	w.t.Logf("%s", p)
	return len(p), nil
}

// acquire takes the lease "bot", and lets its renewing end with the test.
func acquire(t testing.TB, s *holdfast.Store, o *lease.Options) *lease.Lease {
	t.Helper()
	l, err := lease.Acquire(t.Context(), s, "bot", o)
	must(t, err)
	t.Cleanup(func() {
		s.Driver().(*process).kill()
		l.Release(context.Background())
	})
	return l
}

// put writes through the lease.
func put(l *lease.Lease, id string, v any) error {
	return putIn(l.Store(), id, v)
}

func putIn(s *holdfast.Store, id string, v any) error {
	c, err := holdfast.NewCollection[any](s, "state", nil)
	if err != nil {
		return err
	}
	return c.Put(context.Background(), id, v)
}

// fenced demands an ErrFenced, that of the newer holder if there is one.
func fenced(t testing.TB, err error, by *lease.Lease) {
	t.Helper()
	var f *lease.FencedError
	if !errors.Is(err, holdfast.ErrFenced) || !errors.As(err, &f) {
		t.Fatalf("got error %v, want %v", err, holdfast.ErrFenced)
	}
	if by != nil && (f.By.ID != by.Holder().ID || f.By.Token != by.Token()) {
		t.Errorf("fenced by %+v, want %+v", f.By, by.Holder())
	}
}

// stored reads a record as it lies there.
func stored(t testing.TB, s driver.Store, entity, id string) map[string]any {
	t.Helper()
	rec, err := s.Get(context.Background(), driver.Key{Entity: entity, ID: id})
	must(t, err)
	var v map[string]any
	must(t, json.Unmarshal(rec.Data, &v))
	return v
}

func key(entity, id string) driver.Key { return driver.Key{Entity: entity, ID: id} }

func text(v any) string { return fmt.Sprint(v) }
