package holdfast_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/memstore"
)

// processors makes the test run on so many, whatever the machine has.
func processors(t *testing.T, n int) {
	before := runtime.GOMAXPROCS(n)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// goroutine is the number of the goroutine that asks.
func goroutine() string {
	var buf [64]byte
	fields := strings.Fields(string(buf[:runtime.Stack(buf[:], false)]))
	return fields[1]
}

// numbered is a collection of log-0 to log-(n-1), each with its number.
func numbered(t *testing.T, d driver.Store, n int) *holdfast.Collection[int] {
	t.Helper()
	c := collection[int](t, newStore(t, d), "e")
	for i := range n {
		put(t, c, fmt.Sprint("log-", i), i)
	}
	return c
}

// oneByOne is what All was before it read ahead: Keys, and Entry for each.
func oneByOne[T any](ctx context.Context, c *holdfast.Collection[T]) iter.Seq2[holdfast.Entry[T], error] {
	return func(yield func(holdfast.Entry[T], error) bool) {
		for id, err := range c.Keys(ctx) {
			e := holdfast.Entry[T]{}
			if err == nil {
				e, err = c.Entry(ctx, id)
			}
			if errors.Is(err, holdfast.ErrNotFound) {
				continue
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// yielded is everything that a sequence yields, up to an entry.
func yielded[T any](seq iter.Seq2[holdfast.Entry[T], error], stopAfter int) []string {
	var lines []string
	for e, err := range seq {
		lines = append(lines, fmt.Sprintf("%s %+v %s %s %v", e.ID, e.Value, e.Rev, e.ModTime, err))
		if len(lines) == stopAfter {
			break
		}
	}
	return lines
}

// Absent, damaged, cleared and not of the type: all in their places.
func TestAllIsOneAfterTheOther(t *testing.T) {
	for _, procs := range []int{1, 2, 3, 8} {
		processors(t, procs)
		for _, n := range []int{0, 1, 31, 32, 33, 63, 64, 65, 95, 96, 97, 128, 129, 300, 1000} {
			h := &hooked{Store: memstore.New()}
			c := numbered(t, h, n)
			raw := collection[json.RawMessage](t, newStore(t, h), "e")
			for i := 0; i < n; i += 7 {
				put(t, raw, fmt.Sprint("log-", i), json.RawMessage([]string{`"text"`, ` null`, `1e400`}[i%3]))
			}
			h.get = func(k driver.Key) error {
				switch {
				case strings.HasSuffix(k.ID, "3"):
					return driver.ErrNotFound
				case strings.HasSuffix(k.ID, "5"):
					return &driver.DamagedError{Path: k.ID, Reason: "torn"}
				}
				return nil
			}
			for _, stop := range []int{0, 1, 32, 33, 40, 64, 100, n - 1} {
				want, got := yielded(oneByOne(t.Context(), c), stop), yielded(c.All(t.Context()), stop)
				if !slices.Equal(got, want) {
					t.Fatalf("%d processors, %d ids, left after %d: got\n%s\nwant\n%s", procs, n, stop,
						strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
			}
		}
	}
}

// What the consumer changes behind the entry it has is seen, however it changes
// it: reading ahead does not show.
func TestAllSeesChangesOfTheConsumer(t *testing.T) {
	processors(t, 4)
	next := func(id string, by int) string {
		var n int
		_, err := fmt.Sscanf(id, "log-%d", &n)
		must(t, err)
		return fmt.Sprint("log-", n+by)
	}
	for name, change := range map[string]func(c *holdfast.Collection[int], s *holdfast.Store, id string) error{
		"Put": func(c *holdfast.Collection[int], _ *holdfast.Store, id string) error {
			return c.Put(t.Context(), next(id, 1), -1)
		},
		"Delete": func(c *holdfast.Collection[int], _ *holdfast.Store, id string) error {
			return c.Delete(t.Context(), next(id, 1))
		},
		"Update": func(c *holdfast.Collection[int], s *holdfast.Store, id string) error {
			return s.Update(t.Context(), func(b *holdfast.Batch) error {
				return errors.Join(c.In(b).Delete(next(id, 1)), c.In(b).Put(next(id, 5), -1))
			})
		},
		"Clear": func(c *holdfast.Collection[int], _ *holdfast.Store, id string) error {
			if id != "log-100" {
				return nil
			}
			return c.Clear(t.Context())
		},
	} {
		t.Run(name, func(t *testing.T) {
			results := [2][]string{}
			for i, all := range []func(context.Context, *holdfast.Collection[int]) iter.Seq2[holdfast.Entry[int], error]{
				oneByOne[int], func(ctx context.Context, c *holdfast.Collection[int]) iter.Seq2[holdfast.Entry[int], error] {
					return c.All(ctx)
				},
			} {
				s := newStore(t, memstore.New())
				c := collection[int](t, s, "e")
				for n := range 400 {
					put(t, c, fmt.Sprint("log-", n), n)
				}
				for e, err := range all(t.Context(), c) {
					results[i] = append(results[i], fmt.Sprint(e.ID, " ", e.Value, " ", err))
					if err := change(c, s, e.ID); err != nil && e.ID != "log-399" {
						t.Fatal(err)
					}
				}
			}
			if !slices.Equal(results[0], results[1]) {
				t.Errorf("got  %q\nwant %q", results[1], results[0])
			}
		})
	}
}

// With the end of the context, and of the store, every entry that is left has
// that error, though it may have been read.
func TestAllBehindTheEnd(t *testing.T) {
	processors(t, 2)
	mine := errors.New("mine")
	for name, want := range map[string]error{"context": context.Canceled, "store": holdfast.ErrClosed} {
		s, err := holdfast.New(memstore.New(), nil)
		must(t, err)
		c := collection[int](t, s, "e")
		for n := range 300 {
			put(t, c, fmt.Sprint("log-", n), n)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		n := 0
		for e, err := range c.All(ctx) {
			if e.ID != fmt.Sprint("log-", n) || n <= 50 && err != nil || n > 50 && !errors.Is(err, want) {
				t.Fatalf("%s: entry %d: %q, %v", name, n, e.ID, err)
			}
			if n > 50 && err.Error() != "get e "+e.ID+": "+want.Error() {
				t.Errorf("%s: %v", name, err)
			}
			if n == 50 {
				if name == "store" {
					must(t, s.Close())
				} else {
					cancel(mine)
				}
			}
			n++
		}
		if cancel(nil); n != 300 {
			t.Errorf("%s: %d entries", name, n)
		}
	}
}

// Who leaves early waits until nothing is under way any more, and the backend
// is told to hurry.
func TestAllLeftEarlyLeavesNothingBehind(t *testing.T) {
	processors(t, 3)
	synctest.Test(t, func(t *testing.T) {
		var under, reads atomic.Int32
		h := &slow{Store: memstore.New()}
		c := numbered(t, h, 400)
		h.wait = func(ctx context.Context, id string) error {
			reads.Add(1)
			defer under.Add(-1)
			if under.Add(1); len(id) < len("log-100") {
				return nil
			}
			<-ctx.Done()
			time.Sleep(time.Second) // it takes its time
			return ctx.Err()
		}
		for e, err := range c.All(t.Context()) {
			must(t, err)
			if e.ID == "log-40" {
				synctest.Wait() // until each worker waits
				break
			}
		}
		before := reads.Load()
		if n := under.Load(); n != 0 {
			t.Errorf("%d reads are under way", n)
		}
		time.Sleep(time.Minute)
		if n := reads.Load() - before; n != 0 || before != 100+3 {
			t.Errorf("%d reads after the end, %d before", n, before)
		}
		// Goroutines that were left would end the bubble with a panic.
	})
}

// slow is the reference backend with a Get that may have to wait.
type slow struct {
	*memstore.Store
	wait func(ctx context.Context, id string) error
}

func (s *slow) Get(ctx context.Context, k driver.Key) (driver.Record, error) {
	if s.wait != nil {
		if err := s.wait(ctx, k.ID); err != nil {
			return driver.Record{}, err
		}
	}
	return s.Store.Get(ctx, k)
}

// A few ids, and the first of many, are read by who asks for them; so is
// everything on one processor. Functions always run there.
func TestWhoReads(t *testing.T) {
	for _, x := range []struct{ procs, ids, upTo, others int }{
		{2, 63, 63, 0}, {8, 63, 63, 0}, {1, 500, 500, 0}, {2, 500, 31, 0}, {2, 64, 64, 1}, {2, 500, 500, 1},
	} {
		processors(t, x.procs)
		var others atomic.Int32
		me := goroutine()
		h := &hooked{Store: memstore.New()}
		c := numbered(t, h, x.ids)
		h.get = func(driver.Key) error {
			if goroutine() != me {
				others.Add(1)
			}
			return nil
		}
		n := 0
		for range c.Filter(t.Context(), func(int) bool {
			if goroutine() != me {
				t.Error("the function of Filter runs elsewhere")
			}
			return true
		}) {
			if n++; n == x.upTo {
				break
			}
		}
		if got := min(others.Load(), 1); int(got) != x.others {
			t.Errorf("%d processors, %d of %d ids: %d were read by others", x.procs, x.upTo, x.ids, others.Load())
		}
	}
}

// What waits for its turn is bounded: in number, and with large values in bytes.
func TestAheadIsBounded(t *testing.T) {
	processors(t, 2)
	for _, x := range []struct{ size, least, most int }{
		{10, 100, 4 * 32}, {100 << 10, 100, 4 * 32}, {1 << 20, 8, 4 * 4}, {9 << 20, 3, 4},
	} {
		synctest.Test(t, func(t *testing.T) {
			d := &sized{trivial: newTrivial(500), data: []byte(`"` + strings.Repeat("x", x.size) + `"`)}
			c := collection[json.RawMessage](t, newStore(t, d), "e")
			n := 0
			for range c.All(t.Context()) {
				if n++; n == 33 {
					synctest.Wait() // until nobody can go on
					// The one whose turn it is may have been read by a worker.
					if ahead := int(d.reads.Load()) - 32; ahead < x.least || ahead > x.most+1 {
						t.Errorf("of values of %d bytes %d were read ahead, want %d to %d", x.size, ahead, x.least, x.most)
					}
					return
				}
			}
		})
	}
}

type sized struct {
	*trivial
	data  []byte
	reads atomic.Int32
}

func (d *sized) Get(_ context.Context, k driver.Key) (driver.Record, error) {
	d.reads.Add(1)
	return driver.Record{Key: k, Data: d.data, Rev: "1"}, nil
}

// trapped is a codec that panics at a number, or ends the goroutine.
type trapped struct{ at func(n int) }

func (trapped) Encode(n int) ([]byte, error) { return json.Marshal(n) }

func (c trapped) Decode(data []byte) (n int, err error) {
	err = json.Unmarshal(data, &n)
	c.at(n)
	return n, err
}

// A panic of a codec falls on who asked for the entries, in its place.
func TestPanicInAll(t *testing.T) {
	processors(t, 4)
	s := numberedStore(t, 300)
	c, err := holdfast.NewCollection(s, "e", &holdfast.CollectionOptions[int]{Codec: trapped{func(n int) {
		if n == 200 {
			panic("trapped")
		}
	}}})
	must(t, err)
	n := 0
	defer func() {
		if r := recover(); r != "trapped" || n != 200 {
			t.Errorf("after %d entries recovered %v", n, r)
		}
	}()
	for range c.All(t.Context()) {
		n++
	}
}

func numberedStore(t *testing.T, n int) *holdfast.Store {
	s := newStore(t, memstore.New())
	c := collection[int](t, s, "e")
	for i := range n {
		put(t, c, fmt.Sprint("log-", i), i)
	}
	return s
}

// t.FailNow within a backend or codec ends its goroutine: the consumer's, then,
// and not just a worker, for which the consumer would wait without end.
func TestGoexitInAll(t *testing.T) {
	processors(t, 2)
	s := numberedStore(t, 400)
	me := ""
	for name, x := range map[string]struct {
		everywhere bool
		want       int
	}{"at the consumer too": {true, 100}, "at workers alone": {false, 400}} {
		c, err := holdfast.NewCollection(s, "e", &holdfast.CollectionOptions[int]{Codec: trapped{func(n int) {
			if n >= 100 && n%10 == 0 && (x.everywhere || goroutine() != me) {
				runtime.Goexit()
			}
		}}})
		must(t, err)
		n := 0
		done := make(chan struct{})
		go func() {
			defer close(done)
			me = goroutine()
			for e, err := range c.All(t.Context()) {
				if err != nil || e.Value != n {
					t.Errorf("%s: entry %d: %+v, %v", name, n, e, err)
				}
				n++
			}
		}()
		if <-done; n != x.want {
			t.Errorf("%s: %d entries, want %d", name, n, x.want)
		}
	}
}

// Writers, and several who list, at once: for the race detector. What stays is
// yielded once and in order.
func TestAllBesideWriters(t *testing.T) {
	processors(t, 4)
	s := numberedStore(t, 400)
	c := collection[int](t, s, "e")
	ctx, cancel := context.WithCancel(t.Context())
	var writers, readers sync.WaitGroup
	for w := range 2 {
		writers.Go(func() {
			for i := w; ctx.Err() == nil; i += 7 {
				id := fmt.Sprint("log-", 2*(i%200))
				_ = c.Put(ctx, id, 2*(i%200))
				_ = c.Delete(ctx, id)
			}
		})
	}
	for range 3 {
		readers.Go(func() {
			for range 10 {
				last, odd := -1, 0
				for e, err := range c.All(t.Context()) {
					if err != nil || e.Value <= last || e.ID != fmt.Sprint("log-", e.Value) {
						t.Errorf("behind %d: %+v, %v", last, e, err)
					}
					last = e.Value
					odd += e.Value % 2
				}
				if odd != 200 {
					t.Errorf("%d of what stays", odd)
				}
			}
		})
	}
	readers.Wait()
	cancel()
	writers.Wait()
}

// appending reads into memory of its caller's, and counts that.
type appending struct {
	*memstore.Store
	times atomic.Int64
}

func (s *appending) AppendGet(ctx context.Context, k driver.Key, dst []byte) (driver.Record, error) {
	s.times.Add(1)
	rec, err := s.Store.Get(ctx, k)
	rec.Data = append(dst, rec.Data...)
	return rec, err
}

// Values that are read by way of one piece of memory do not keep any of it.
func TestReadAheadThroughOnePieceOfMemory(t *testing.T) {
	type kept struct {
		Text string          `json:"text"`
		Raw  json.RawMessage `json:"raw"`
		Any  any             `json:"any"`
	}
	d := &appending{Store: memstore.New()}
	s := newStore(t, d)
	c, raw := collection[kept](t, s, "e"), collection[json.RawMessage](t, s, "e")
	const n = 1000
	text := func(i int) string { return fmt.Sprintf(`{"text":"t%d","raw":[%d],"any":["a%d"]}`, i, i, i) }
	for i := range n {
		if err := raw.Put(t.Context(), fmt.Sprint("log-", i), json.RawMessage(text(i))); err != nil {
			t.Fatal(err)
		}
	}
	var values []kept
	for e, err := range c.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, e.Value)
	}
	for i, v := range values {
		if got := fmt.Sprintf(`{"text":%q,"raw":%s,"any":[%q]}`, v.Text, v.Raw, v.Any.([]any)[0]); got != text(i) {
			t.Errorf("value %d has become %s", i, got)
		}
	}
	if len(values) != n || runtime.GOMAXPROCS(0) > 1 && d.times.Load() == 0 {
		t.Errorf("%d values of %d, %d read by AppendGet", len(values), n, d.times.Load())
	}
	before, i := d.times.Load(), 0
	var texts []json.RawMessage
	for e, err := range raw.All(t.Context()) { // the value is the data itself
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, e.Value)
	}
	for ; i < len(texts); i++ {
		if string(texts[i]) != text(i) {
			t.Errorf("text %d has become %s", i, texts[i])
		}
	}
	if d.times.Load() != before {
		t.Error("a codec that keeps the data was given memory that is used again")
	}
}
