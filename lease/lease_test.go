package lease_test

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/lease"
)

func TestHolderIsNamed(t *testing.T) {
	shared := memory(t)
	_, first := start(t, shared)
	l := acquire(t, first, nil)
	host, err := os.Hostname()
	must(t, err)
	h := l.Holder()
	if h.PID != os.Getpid() || h.Host != host || h.ID == "" || h.Token != 1 || h.TTL != lease.DefaultTTL || time.Since(h.Since) > time.Minute {
		t.Errorf("%+v", h)
	}

	_, second := start(t, shared)
	_, err = lease.Acquire(t.Context(), second, "bot", &lease.Options{NoWait: true})
	var held *lease.HeldError
	if !errors.Is(err, holdfast.ErrLocked) || !errors.As(err, &held) {
		t.Fatalf("got error %v, want %v", err, holdfast.ErrLocked)
	}
	if held.Holder.ID != h.ID || held.Holder.PID != h.PID || held.Holder.Host != host || held.Holder.Token != 1 {
		t.Errorf("the error names %+v, want %+v", held.Holder, h)
	}
	for _, word := range []string{`"bot"`, text(h.PID), host, h.Since.UTC().Format(time.RFC3339)} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q lacks %q", err, word)
		}
	}
	if _, err := lease.Acquire(t.Context(), second, "another", &lease.Options{NoWait: true}); err != nil {
		t.Errorf("a lease of another name: %v", err)
	}
}

// The token grows with every holder, over releases and whatever is deleted.
func TestTokenOnlyGrows(t *testing.T) {
	shared := memory(t)
	_, s := start(t, shared)
	last := uint64(0)
	for _, between := range []func(){
		func() {},
		func() {},
		func() { must(t, shared.Delete(t.Context(), key("lease", "bot"))) },
		func() { must(t, shared.Delete(t.Context(), key("lease/heartbeat", "bot"))) },
		func() { must(t, shared.Clear(t.Context(), "lease")) },
	} {
		l := acquire(t, s, quick(t))
		if l.Token() <= last {
			t.Errorf("token %d after %d", l.Token(), last)
		}
		last = l.Token()
		must(t, l.Release(t.Context()))
		if c := stored(t, shared, "lease", "bot"); c["released"] != true || c["token"] != float64(last) {
			t.Errorf("after the release: %v", c)
		}
		between()
	}
}

func TestReleasedLease(t *testing.T) {
	shared := memory(t)
	_, s := start(t, shared)
	l := acquire(t, s, quick(t))
	must(t, put(l, "a", 1))
	must(t, l.Check(t.Context()))
	must(t, l.Release(t.Context()))
	must(t, l.Release(t.Context()))
	fenced(t, put(l, "a", 2), l)
	fenced(t, l.Check(t.Context()), l)
	fenced(t, l.Err(), l)
	<-l.Done()
	if got := stored(t, shared, "lease", "bot"); got["released"] != true {
		t.Errorf("%v", got)
	}
	c, err := holdfast.NewCollection[int](l.Store(), "state", nil)
	must(t, err)
	if v, err := c.Get(t.Context(), "a"); v != 1 || err != nil {
		t.Errorf("reading goes on: %v, %v", v, err)
	}
}

// One who waits has the lease at the next look after a release.
func TestReleaseIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := memory(t)
		_, first := start(t, shared)
		_, second := start(t, shared)
		l := acquire(t, first, quick(t))
		time.AfterFunc(time.Minute, func() { l.Release(context.Background()) })
		began := time.Now()
		acquire(t, second, quick(t))
		if waited := time.Since(began); waited < time.Minute || waited > time.Minute+ttl/10 {
			t.Errorf("waited for %v", waited)
		}
	})
}

// Renewing and writing at once do not disturb each other.
func TestWritingBesideRenewing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := memory(t)
		_, s := start(t, shared)
		l := acquire(t, s, quick(t))
		for i := range 100 {
			must(t, put(l, "a", i))
			time.Sleep(ttl / 7)
		}
		if n := stored(t, shared, "lease/heartbeat", "bot")["beat"].(float64); n < 50 {
			t.Errorf("%v renewals in %v", n, 100*ttl/7)
		}
	})
}

func TestBackendsThatCannotFence(t *testing.T) {
	for _, scope := range []driver.BatchScope{driver.BatchKey, driver.BatchNone} {
		_, s := start(t, narrow{memory(t), scope})
		_, err := lease.Acquire(t.Context(), s, "bot", nil)
		if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "condition") {
			t.Errorf("%s: %v", scope, err)
		}
	}
}

type narrow struct {
	backend
	scope driver.BatchScope
}

func (n narrow) Properties() driver.Properties {
	return driver.Properties{Backend: "narrow", Batch: n.scope}
}

func TestWhatAcquireRefuses(t *testing.T) {
	shared := memory(t)
	_, s := start(t, shared)
	readOnly, err := holdfast.New(shared, &holdfast.Options{ReadOnly: true})
	must(t, err)
	done, cancel := context.WithCancel(t.Context())
	cancel()
	for name, x := range map[string]struct {
		ctx  context.Context
		s    *holdfast.Store
		id   string
		ttl  time.Duration
		want error
	}{
		"no store":        {t.Context(), nil, "bot", 0, nil},
		"empty name":      {t.Context(), s, "", 0, holdfast.ErrInvalidName},
		"short":           {t.Context(), s, "bot", time.Millisecond, nil},
		"long":            {t.Context(), s, "bot", 25 * time.Hour, nil},
		"negative":        {t.Context(), s, "bot", -time.Second, nil},
		"read-only":       {t.Context(), readOnly, "bot", 0, holdfast.ErrReadOnly},
		"context is done": {done, s, "bot", 0, context.Canceled},
	} {
		_, err := lease.Acquire(x.ctx, x.s, x.id, &lease.Options{TTL: x.ttl})
		if err == nil || x.want != nil && !errors.Is(err, x.want) {
			t.Errorf("%s: got error %v, want %v", name, err, x.want)
		}
	}
}

// What lies there and is not a lease is never overwritten on a guess.
func TestForeignRecords(t *testing.T) {
	for _, data := range []string{
		`null`, `1`, `"bot"`, `[]`, `{}`, `{"version":2,"token":1,"id":"x","ttl":1000}`,
		`{"version":1,"token":0,"id":"x","ttl":1000}`, `{"version":1,"token":9007199254740993,"id":"x","ttl":1000}`,
		`{"version":1,"token":-1,"id":"x","ttl":1000}`, `{"version":1,"token":1,"id":"","ttl":1000}`,
		`{"version":1,"token":1,"id":"x","ttl":0}`, `{"version":1,"token":1,"id":"x","ttl":1e18}`,
	} {
		foreign(t, "lease", data)
	}
	for _, data := range []string{`null`, `1`, `[]`, `{"token":9007199254740993}`, `{"token":"x"}`} {
		foreign(t, "lease/heartbeat", data)
	}
}

func foreign(t *testing.T, entity, data string) {
	t.Helper()
	shared := memory(t)
	_, s := start(t, shared)
	must(t, shared.Put(t.Context(), key(entity, "bot"), []byte(data)))
	_, err := lease.Acquire(t.Context(), s, "bot", nil)
	if err == nil || !strings.Contains(err.Error(), "not the record of a lease") || !strings.Contains(err.Error(), entity) {
		t.Errorf("%s %s: got error %v", entity, data, err)
	}
	rec, err := shared.Get(t.Context(), key(entity, "bot"))
	if err != nil || string(rec.Data) != data {
		t.Errorf("%s %s: now %s, %v", entity, data, rec.Data, err)
	}
}

// damaged is a store in which an entity cannot be read.
type damaged struct {
	backend
	entity string
}

func (d *damaged) Get(ctx context.Context, k driver.Key) (driver.Record, error) {
	if k.Entity == d.entity {
		return driver.Record{}, &driver.DamagedError{Path: k.String(), Reason: "by the test"}
	}
	return d.backend.Get(ctx, k)
}

func TestDamagedRecord(t *testing.T) {
	for _, entity := range []string{"lease", "lease/heartbeat"} {
		_, s := start(t, &damaged{memory(t), entity})
		if _, err := lease.Acquire(t.Context(), s, "bot", nil); !errors.Is(err, holdfast.ErrDamaged) {
			t.Errorf("%s: got error %v, want %v", entity, err, holdfast.ErrDamaged)
		}
	}
}

// A store that is closed before its lease is released ends the renewing.
func TestStoreClosedUnderTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, s := start(t, memory(t))
		l := acquire(t, s, quick(t))
		p.off(holdfast.ErrClosed)
		<-l.Done()
		if !errors.Is(l.Err(), holdfast.ErrClosed) {
			t.Errorf("%v", l.Err())
		}
		if err := l.Release(t.Context()); !errors.Is(err, holdfast.ErrClosed) {
			t.Errorf("Release: %v", err)
		}
	})
}

// The holder's work may close its store without an end of the lease.
func TestStoreOfTheLeaseIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, s := start(t, memory(t))
		l := acquire(t, s, quick(t))
		must(t, l.Store().Close())
		time.Sleep(10 * ttl)
		must(t, l.Check(t.Context()))
		must(t, l.Release(t.Context()))
		must(t, putIn(s, "a", 1)) // the store beneath is open
	})
}

// A loop over all entries sees what is changed meanwhile through the other of
// the two stores, that of the lease and that beneath: an entry that this process
// has removed is a position that it has closed.
func TestListingSeesChangesThroughTheOtherStore(t *testing.T) {
	before := runtime.GOMAXPROCS(4) // entries are read ahead
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
	_, s := start(t, memory(t))
	l := acquire(t, s, nil)
	for name, x := range map[string]struct{ looks, changes *holdfast.Store }{
		"beneath":      {s, l.Store()},
		"of the lease": {l.Store(), s},
	} {
		looking, err := holdfast.NewCollection[int](x.looks, "state", nil)
		must(t, err)
		changing, err := holdfast.NewCollection[int](x.changes, "state", nil)
		must(t, err)
		const n, ahead = 300, 10
		for i := range n {
			must(t, changing.Put(t.Context(), text(i), i))
		}
		i := 0
		for e, err := range looking.All(t.Context()) {
			must(t, err)
			want := i
			if i >= ahead {
				want = -i
			}
			if e.ID != text(i) || e.Value != want {
				t.Fatalf("%s: got %s with %d, want %d with %d", name, e.ID, e.Value, i, want)
			}
			if i%2 == 0 && i+ahead < n {
				must(t, changing.Put(t.Context(), text(i+ahead), -i-ahead))
				must(t, changing.Delete(t.Context(), text(i+ahead+1)))
			}
			if i++; i > ahead {
				i++ // was removed before its turn
			}
		}
		if i != n {
			t.Errorf("%s: ended at %d of %d", name, i, n)
		}
	}
}
