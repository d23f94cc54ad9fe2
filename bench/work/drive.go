package work

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-go/holdfast/bench/contender"
	"github.com/holdfast-go/holdfast/bench/row"
	"github.com/holdfast-go/holdfast/bench/stats"
)

// phase of a measurement; all threads look at it after each operation.
type phase = int32

const (
	warming phase = iota
	measuring
	over
)

// clock moves the phases on.
type clock struct {
	phase   atomic.Int32
	counted atomic.Bool // there is something to divide
	failed  atomic.Pointer[error]
	stopped chan struct{} // closed when a thread has failed
	once    sync.Once
}

func newClock() *clock { return &clock{stopped: make(chan struct{})} }

// fail ends the measurement; the first error counts.
func (c *clock) fail(err error) {
	c.failed.CompareAndSwap(nil, &err)
	c.once.Do(func() { close(c.stopped) })
}

// count tells that an operation was measured.
func (c *clock) count() {
	if !c.counted.Load() { // else all threads would write to one cache line
		c.counted.Store(true)
	}
}

// run lets the threads warm up, measures, and tells how long it was: longer
// than was asked for where not even one operation takes so little.
func (c *clock) run(ctx context.Context, warm, measure time.Duration) time.Duration {
	c.wait(ctx, warm)
	c.phase.Store(measuring)
	start := time.Now()
	c.wait(ctx, measure)
	for !c.counted.Load() && c.err(ctx) == nil {
		c.wait(ctx, time.Millisecond)
	}
	took := time.Since(start)
	c.phase.Store(over)
	return took
}

func (c *clock) wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-c.stopped:
	case <-ctx.Done():
	}
}

func (c *clock) err(ctx context.Context) error {
	if err := c.failed.Load(); err != nil {
		return *err
	}
	return ctx.Err()
}

// writers puts values for a while, each to keys of its own, so that it is
// known of each key what was acknowledged last. last is where that is kept,
// and where it goes on.
func writers(ctx context.Context, c contender.Contender, l contender.Load, last []int64) (contender.Tally, error) {
	clock := newClock()
	keys := row.Keys(len(last))
	histograms := make([]stats.Histogram, l.Threads)
	var wg sync.WaitGroup
	for thread := range l.Threads {
		wg.Go(func() {
			put := newPutter(c, keys)
			before := time.Now()
			for key := thread; ; key += l.Threads {
				if key >= l.Keys {
					key = thread
				}
				if err := put(key, last[key]+1); err != nil {
					clock.fail(err)
					return
				}
				last[key]++
				now := time.Now()
				switch clock.phase.Load() {
				case measuring:
					histograms[thread].Add(now.Sub(before))
					clock.count()
				case over:
					return
				}
				before = now
			}
		})
	}
	took := clock.run(ctx, l.Warm, l.Measure)
	wg.Wait()
	for i := range histograms[1:] {
		histograms[0].Merge(&histograms[i+1])
	}
	return tally(&histograms[0], took), clock.err(ctx)
}

func tally(h *stats.Histogram, took time.Duration) contender.Tally {
	micros := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
	return contender.Tally{Ops: h.Count(), Seconds: took.Seconds(),
		P50: micros(h.Quantile(0.5)), P99: micros(h.Quantile(0.99)), Max: micros(h.Max())}
}

// newPutter returns what one thread calls to put.
func newPutter(c contender.Contender, keys []string) func(key int, seq int64) error {
	if t, ok := c.(contender.Typed); ok {
		return func(key int, seq int64) error {
			r := row.Make(key, seq)
			return t.PutRow(r.Symbol, &r)
		}
	}
	var buf []byte
	return func(key int, seq int64) error {
		buf = row.Append(buf[:0], key, seq)
		return c.Put(keys[key], buf)
	}
}

// readBurst is how many reads there are between two looks at the clock, which
// would else be a good part of what is measured.
const readBurst = 64

// readers gets one value again and again.
func readers(ctx context.Context, c contender.Contender, l contender.Load) (contender.Tally, error) {
	clock := newClock()
	var total atomic.Int64
	var wg sync.WaitGroup
	for range l.Threads {
		wg.Go(func() {
			get, n := getter(c), int64(0)
			defer func() { total.Add(n) }()
			for {
				before := clock.phase.Load()
				for range readBurst {
					if err := get(); err != nil {
						clock.fail(err)
						return
					}
				}
				after := clock.phase.Load()
				if before == measuring && after == measuring {
					n += readBurst
					clock.count()
				}
				if after == over {
					return
				}
			}
		})
	}
	took := clock.run(ctx, l.Warm, l.Measure)
	wg.Wait()
	return contender.Tally{Ops: total.Load(), Seconds: took.Seconds()}, clock.err(ctx)
}

var errWrongValue = errors.New("a read has answered another value")

func getter(c contender.Contender) func() error {
	key := row.Key(0)
	if t, ok := c.(contender.Typed); ok {
		return func() error {
			r, err := t.GetRow(key)
			if err == nil && r.Symbol != key {
				err = errWrongValue
			}
			return err
		}
	}
	if a, ok := c.(contender.Appender); ok {
		var buf []byte
		return func() (err error) {
			buf, err = a.AppendGet(key, buf[:0])
			if err == nil && len(buf) != row.Size {
				err = errWrongValue
			}
			return err
		}
	}
	return func() error {
		value, err := c.Get(key)
		if err == nil && len(value) != row.Size {
			err = errWrongValue
		}
		return err
	}
}
