package cachestore_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/cachestore"
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/memstore"
	"github.com/holdfast-go/holdfast/storetest"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// deaf is memory that cannot watch, and counts what it is asked.
type deaf struct {
	*memstore.Store
	mu      sync.Mutex
	gets    int
	err     error  // what Get answers instead of a value
	reading func() // called behind each Get
	putting func() // called within each Put
}

func (d *deaf) Lacks(capability any) bool {
	_, watcher := capability.(*driver.Watcher)
	return watcher
}

func (d *deaf) Get(ctx context.Context, k driver.Key) (driver.Record, error) {
	d.mu.Lock()
	d.gets++
	err := d.err
	d.mu.Unlock()
	if err != nil {
		return driver.Record{}, err
	}
	rec, err := d.Store.Get(ctx, k)
	if d.reading != nil {
		d.reading()
	}
	return rec, err
}

func (d *deaf) Put(ctx context.Context, k driver.Key, data []byte) error {
	err := d.Store.Put(ctx, k, data)
	if d.putting != nil {
		d.putting()
	}
	return err
}

func memory(t testing.TB) *memstore.Store {
	t.Helper()
	s := memstore.New()
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

func cached(t testing.TB, inner driver.Store, o *cachestore.Options) *cachestore.Store {
	t.Helper()
	s := cachestore.New(inner, o)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

func key(id string) driver.Key { return driver.Key{Entity: "e", ID: id} }

func put(t testing.TB, s driver.Store, id, data string) {
	t.Helper()
	must(t, s.Put(context.Background(), key(id), []byte(data)))
}

func get(t testing.TB, s driver.Store, id string) string {
	t.Helper()
	rec, err := s.Get(context.Background(), key(id))
	if errors.Is(err, driver.ErrNotFound) {
		return "absent"
	}
	must(t, err)
	return string(rec.Data)
}

func want(t testing.TB, s driver.Store, id, data string) {
	t.Helper()
	if got := get(t, s, id); got != data {
		t.Fatalf("got %s, want %s", got, data)
	}
}

// The contract holds whatever the cache is like: never too old for one who uses
// it alone, too small for anything, full at once.
func TestConformance(t *testing.T) {
	for name, o := range map[string]*cachestore.Options{
		"default": nil,
		"forever": {TTL: time.Hour},
		"small":   {TTL: time.Hour, MaxBytes: 700},
		"none":    {TTL: time.Nanosecond},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) driver.Store { return cached(t, memory(t), o) }, nil)
		})
	}
	t.Run("bare", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) driver.Store {
			return cached(t, struct{ driver.Store }{memory(t)}, &cachestore.Options{TTL: time.Hour})
		}, nil)
	})
}

// It caches: that it answers like a store is not enough.
func TestReadsOnce(t *testing.T) {
	inner := &deaf{Store: memory(t)}
	s := cached(t, inner, &cachestore.Options{TTL: time.Hour})
	put(t, s, "a", `1`)
	for range 100 {
		want(t, s, "a", `1`)
		if has, err := s.Has(t.Context(), key("a")); !has || err != nil {
			t.Fatal(has, err)
		}
	}
	if inner.gets != 1 {
		t.Errorf("the store was asked %d times", inner.gets)
	}
	if st := s.Stats(); st.Hits != 199 || st.Misses != 1 || st.Values != 1 || st.Bytes == 0 {
		t.Errorf("%+v", st)
	}
}

func TestOthersAreSeenAfterTheTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := &deaf{Store: memory(t)}
		s := cached(t, inner, nil)
		put(t, s, "a", `1`)
		want(t, s, "a", `1`)
		put(t, inner, "a", `2`)
		time.Sleep(cachestore.DefaultTTL - 1)
		want(t, s, "a", `1`)
		time.Sleep(1 * time.Nanosecond)
		want(t, s, "a", `2`)
	})
}

// The age counts from before the store was asked.
func TestSlowStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := &deaf{Store: memory(t)}
		inner.reading = func() { time.Sleep(cachestore.DefaultTTL) }
		s := cached(t, inner, nil)
		put(t, s, "a", `1`)
		want(t, s, "a", `1`)
		put(t, inner, "a", `2`)
		want(t, s, "a", `2`)
	})
}

func TestOthersAreWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := memory(t)
		s := cached(t, inner, &cachestore.Options{TTL: time.Hour})
		put(t, s, "a", `1`)
		want(t, s, "a", `1`)
		synctest.Wait() // it watches
		for i := range 10 {
			put(t, inner, "a", fmt.Sprint(i))
			synctest.Wait() // it was told
			want(t, s, "a", fmt.Sprint(i))
			want(t, s, "a", fmt.Sprint(i))
		}
		must(t, inner.Clear(t.Context(), "e"))
		synctest.Wait()
		want(t, s, "a", "absent")
	})
}

// Whoever is told of a change through the cache finds it there.
func TestWatcherFindsTheChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := &deafToFollow{Store: memory(t)}
		s := cached(t, inner, &cachestore.Options{TTL: time.Hour})
		put(t, s, "a", `0`)
		want(t, s, "a", `0`)
		synctest.Wait() // the cache's own watching has failed
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		next, stop := iter.Pull2(s.Watch(ctx, "e"))
		defer stop()
		for i := range 20 {
			put(t, inner, "a", fmt.Sprint(i))
			if _, err, _ := next(); err != nil {
				t.Fatal(err)
			}
			want(t, s, "a", fmt.Sprint(i))
		}
	})
}

// deafToFollow refuses the first watcher: that of the cache itself.
type deafToFollow struct {
	*memstore.Store
	once sync.Once
}

func (d *deafToFollow) Watch(ctx context.Context, entity string) (changes iter.Seq2[driver.Change, error]) {
	changes = d.Store.Watch(ctx, entity)
	d.once.Do(func() {
		changes = func(yield func(driver.Change, error) bool) { yield(driver.Change{}, errors.ErrUnsupported) }
	})
	return changes
}

// A watching that ends leaves nothing behind that it vouched for, and begins
// again.
func TestWatchingThatEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := &brittle{Store: memory(t), broken: make(chan struct{})}
		s := cached(t, inner, &cachestore.Options{TTL: time.Hour})
		put(t, s, "a", `1`)
		want(t, s, "a", `1`)
		synctest.Wait()
		close(inner.broken)
		synctest.Wait()
		put(t, inner, "a", `2`)
		want(t, s, "a", `2`)
		time.Sleep(time.Minute)
		put(t, inner, "b", `1`)
		want(t, s, "b", `1`)
		synctest.Wait() // it watches again
		put(t, inner, "a", `3`)
		synctest.Wait()
		want(t, s, "a", `3`)
		if inner.watches != 2 {
			t.Errorf("%d watchings", inner.watches)
		}
	})
}

// brittle is memory whose first watching ends.
type brittle struct {
	*memstore.Store
	broken  chan struct{}
	watches int
}

func (b *brittle) Watch(ctx context.Context, entity string) iter.Seq2[driver.Change, error] {
	b.watches++
	if b.watches > 1 {
		return b.Store.Watch(ctx, entity)
	}
	return func(yield func(driver.Change, error) bool) {
		select {
		case <-b.broken:
			yield(driver.Change{}, errors.New("connection reset"))
		case <-ctx.Done():
			yield(driver.Change{}, ctx.Err())
		}
	}
}

// Errors are asked for again each time; that there was a good value a moment
// before does not hide damage for longer than the TTL.
func TestErrorsAreNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := &deaf{Store: memory(t)}
		s := cached(t, inner, nil)
		put(t, s, "a", `1`)
		for _, err := range []error{
			&driver.DamagedError{Path: "e a", Reason: "by the test"}, driver.ErrNotFound, errors.New("connection reset"),
		} {
			want(t, s, "a", `1`)
			time.Sleep(cachestore.DefaultTTL)
			inner.err = err
			for range 2 {
				if _, got := s.Get(t.Context(), key("a")); !errors.Is(got, err) {
					t.Errorf("got %v, want %v", got, err)
				}
			}
			inner.err = nil
			want(t, s, "a", `1`) // at once
		}
	})
}

// A conflict is the end of what was believed: the next attempt reads anew.
func TestConflictIsReadAnew(t *testing.T) {
	inner := &deaf{Store: memory(t)}
	s := cached(t, inner, &cachestore.Options{TTL: time.Hour})
	store, err := holdfast.New(s, nil)
	must(t, err)
	c, err := holdfast.NewCollection[int](store, "e", nil)
	must(t, err)
	put(t, s, "a", `1`)
	want(t, s, "a", `1`)
	put(t, inner, "a", `10`)
	runs := 0
	must(t, c.Update(t.Context(), "a", func(old int, _ bool) (int, error) {
		runs++
		return old + 1, nil
	}))
	if want(t, inner, "a", `11`); runs != 2 {
		t.Errorf("%d attempts", runs)
	}
}

// So it is where the condition is on a value that does not change.
func TestConflictElsewhere(t *testing.T) {
	inner := &deaf{Store: memory(t)}
	s := cached(t, inner, &cachestore.Options{TTL: time.Hour})
	store, err := holdfast.New(s, nil)
	must(t, err)
	put(t, s, "a", `1`)
	want(t, s, "a", `1`)
	put(t, inner, "a", `2`)
	runs := 0
	must(t, store.Update(t.Context(), func(b *holdfast.Batch) error {
		runs++
		rec, err := b.Get("e", "a")
		if err != nil || runs > 3 {
			return fmt.Errorf("attempt %d: %w", runs, err)
		}
		return b.Put("e", "b", rec.Data)
	}))
	want(t, inner, "b", `2`)
}

// A value that is read while it is written, or before and answered after, is not
// kept: it may be the old one.
func TestReadingBesideWriting(t *testing.T) {
	inner := &deaf{Store: memory(t)}
	s := cached(t, inner, &cachestore.Options{TTL: time.Hour})
	put(t, s, "a", `1`)
	inner.reading = func() { // between the store's answer and its arrival
		inner.reading = nil
		put(t, s, "a", `2`)
	}
	want(t, s, "a", `1`)
	want(t, s, "a", `2`)
	inner.putting = func() { // the store has the new value, and the writer does not know
		inner.putting = nil
		want(t, s, "a", `3`)
		if n := s.Stats().Values; n != 0 {
			t.Errorf("%d values were kept during a write", n)
		}
	}
	put(t, s, "a", `3`)
	want(t, s, "a", `3`)
	put(t, s, "a", `3`)
	inner.reading = func() {
		inner.reading = nil
		must(t, s.Clear(t.Context(), "e"))
	}
	want(t, s, "a", `3`)
	want(t, s, "a", "absent")
}

func TestBound(t *testing.T) {
	inner := &deaf{Store: memory(t)}
	const limit = 20_000
	s := cached(t, inner, &cachestore.Options{TTL: time.Hour, MaxBytes: limit})
	for i := range 1000 {
		id := strconv.Itoa(i)
		put(t, inner, id, `"0123456789"`)
		get(t, s, id)
		get(t, s, "0") // is used all the time
		if b := s.Stats().Bytes; b > limit {
			t.Fatalf("%d bytes", b)
		}
	}
	st := s.Stats()
	if st.Values < limit/300 || st.Values > limit/256 {
		t.Errorf("%+v", st)
	}
	asked := inner.gets
	if asked != 1000 {
		t.Errorf("1000 values were read %d times: what is used all the time was dropped", asked)
	}
	if get(t, s, "0"); inner.gets != asked {
		t.Error("what is used all the time was dropped")
	}
	if get(t, s, "1"); inner.gets == asked {
		t.Error("what was used longest ago is kept")
	}
	put(t, inner, "large", `"`+string(slices.Repeat([]byte("x"), limit))+`"`)
	if get(t, s, "large"); s.Stats().Bytes > limit {
		t.Error("a value larger than the cache is kept")
	}
}

func TestWhatIsGivenAwayIsACopy(t *testing.T) {
	inner := &deaf{Store: memory(t)}
	s := cached(t, inner, &cachestore.Options{TTL: time.Hour})
	put(t, s, "a", `"abc"`)
	for range 3 {
		rec, err := s.Get(t.Context(), key("a"))
		must(t, err)
		if string(rec.Data) != `"abc"` {
			t.Fatalf("%s", rec.Data)
		}
		rec.Data[1] = 'x'
	}
}

func TestClosed(t *testing.T) {
	s := cachestore.New(&deaf{Store: memory(t)}, &cachestore.Options{TTL: time.Hour})
	put(t, s, "a", `1`)
	want(t, s, "a", `1`)
	must(t, s.Close())
	if _, err := s.Get(t.Context(), key("a")); !errors.Is(err, driver.ErrClosed) {
		t.Errorf("got %v, want %v", err, driver.ErrClosed)
	}
}
