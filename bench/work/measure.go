package work

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/bench/contender"
	"github.com/holdfast-go/holdfast/bench/place"
	"github.com/holdfast-go/holdfast/bench/row"
	"github.com/holdfast-go/holdfast/bench/suite"
)

func outcome(t contender.Tally) suite.Outcome {
	return suite.Outcome{Ops: t.Ops, Seconds: t.Seconds, Open: t.Open, P50: t.P50, P99: t.P99, Max: t.Max}
}

// write measures puts that overwrite, and checks what was acknowledged.
func (j *job) write(ctx context.Context, c contender.Contender) (reply, error) {
	t, err := j.writes(ctx, c)
	if err != nil {
		return reply{}, err
	}
	if t.Ops == 0 {
		return reply{}, errors.New("no write has ended within the time")
	}
	return reply{Outcome: outcome(t)}, j.verify(t.Last)
}

func (j *job) writes(ctx context.Context, c contender.Contender) (contender.Tally, error) {
	if err := c.Open(j.Load.Dir); err != nil {
		return contender.Tally{}, err
	}
	if e, ok := c.(contender.External); ok {
		t, err := e.Writes(ctx, j.Load)
		return t, errors.Join(err, c.Close())
	}
	last := make([]int64, j.Load.Keys)
	if err := putAll(ctx, c, j.Load.Threads, last); err != nil {
		return contender.Tally{}, errors.Join(err, c.Close())
	}
	t, err := writers(ctx, c, j.Load, last)
	t.Last = last
	return t, errors.Join(err, c.Close())
}

// putAll puts each key once, so that all that follows overwrites.
func putAll(ctx context.Context, c contender.Contender, threads int, last []int64) error {
	keys := row.Keys(len(last)) // made before: garbage of ours is not to show in what is measured
	errs := make([]error, threads)
	var wg sync.WaitGroup
	for thread := range threads {
		wg.Go(func() {
			put := newPutter(c, keys)
			for key := thread; key < len(last) && errs[thread] == nil; key += threads {
				last[key]++
				if errs[thread] = put(key, last[key]); errs[thread] == nil {
					errs[thread] = ctx.Err()
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// verify opens it once more: what was acknowledged must be there.
func (j *job) verify(last []int64) error {
	c, err := contender.New(j.Contender, j.Load.Threads)
	if err == nil {
		err = c.Open(j.Load.Dir)
	}
	if err != nil {
		return fmt.Errorf("open again: %w", err)
	}
	for key := 0; key < len(last) && err == nil; key += max(1, len(last)/100) {
		err = verifyOne(c, key, last[key])
	}
	return errors.Join(err, c.Close())
}

func verifyOne(c contender.Contender, key int, want int64) error {
	if want == 0 {
		return nil // never written
	}
	data, err := c.Get(row.Key(key))
	if err != nil {
		return fmt.Errorf("acknowledged, but not there: %s: %w", row.Key(key), err)
	}
	r, err := row.Parse(data)
	if err == nil && r != row.Make(key, want) {
		err = fmt.Errorf("acknowledged was write %d of %s, and there is write %d of %s", want, row.Key(key), r.Seq(), r.Symbol)
	}
	return err
}

// read measures gets of a value among others.
func (j *job) read(ctx context.Context, c contender.Contender) (reply, error) {
	if err := j.open(ctx, c, j.Load.Keys); err != nil {
		return reply{}, err
	}
	err := verifyOne(c, 0, 1)
	var t contender.Tally
	if e, ok := c.(contender.External); err == nil && ok {
		t, err = e.Reads(ctx, j.Load)
	} else if err == nil {
		t, err = readers(ctx, c, j.Load)
	}
	return reply{Outcome: outcome(t)}, errors.Join(err, c.Close())
}

// fill prepares values for later jobs.
func (j *job) fill(ctx context.Context, c contender.Contender) error {
	if err := j.open(ctx, c, j.Load.Keys); err != nil {
		return err
	}
	return c.Close()
}

// open opens an empty contender and fills it, each key once.
func (j *job) open(ctx context.Context, c contender.Contender, n int) error {
	if err := c.Open(j.Load.Dir); err != nil {
		return err
	}
	var err error
	if l, ok := c.(contender.Loader); ok {
		var buf []byte
		err = l.Load(n, func(i int) []byte {
			buf = row.Append(buf[:0], i, 1)
			return buf
		})
	} else {
		err = putAll(ctx, c, fillThreads, make([]int64, n))
	}
	if err != nil {
		return errors.Join(err, c.Close())
	}
	return nil
}

const fillThreads = 64

// overwrite puts more, as much as is asked for, and leaves it open.
func (j *job) overwrite(ctx context.Context, c contender.Contender) (reply, error) {
	if err := c.Open(j.Load.Dir); err != nil {
		return reply{}, err
	}
	last := j.Expect
	for left := j.Bytes / row.Size; left > 0; left -= int64(len(last)) {
		some := last[:min(left, int64(len(last)))]
		if err := putAll(ctx, c, fillThreads, some); err != nil {
			return reply{}, errors.Join(err, c.Close())
		}
	}
	return reply{Last: last}, nil
}

// list measures a start: open, list, decode.
func (j *job) list(ctx context.Context, c contender.Contender) (reply, error) {
	var err error
	if j.Cold {
		if err = place.DropCaches(); errors.Is(err, place.ErrNo) {
			err = fmt.Errorf("%w: %w", contender.ErrMissing, err)
		}
	} else {
		err = place.Warm(j.Load.Dir)
	}
	if err != nil {
		return reply{}, err
	}
	if e, ok := c.(contender.External); ok {
		if err := c.Open(j.Load.Dir); err != nil {
			return reply{}, err
		}
		t, err := e.List(ctx, j.Cold)
		if err == nil && len(t.Last) != len(j.Expect) {
			err = fmt.Errorf("%d values listed, %d put", len(t.Last), len(j.Expect))
		}
		return reply{Outcome: outcome(t)}, errors.Join(err, c.Close())
	}
	o, err := j.listHere(c)
	return reply{Outcome: o}, err
}

func (j *job) listHere(c contender.Contender) (suite.Outcome, error) {
	l, ok := c.(contender.Lister)
	if !ok {
		return suite.Outcome{}, fmt.Errorf("%s does not list", j.Contender)
	}
	var rows []row.Row
	start := time.Now()
	if err := c.Open(j.Load.Dir); err != nil {
		return suite.Outcome{}, err
	}
	opened := time.Since(start)
	err := l.All(func(_ string, r *row.Row) { rows = append(rows, *r) })
	all := time.Since(start)
	o := suite.Outcome{Ops: int64(len(rows)), Seconds: all.Seconds(), Open: opened.Seconds()}
	if err == nil {
		err = verifyRows(rows, j.Expect)
	}
	rows = nil
	o.Heap, o.RSS = memory()
	return o, errors.Join(err, c.Close())
}

// verifyRows checks that each key is there once, with its last value.
func verifyRows(rows []row.Row, expect []int64) error {
	if len(rows) != len(expect) {
		return fmt.Errorf("%d values listed, %d put", len(rows), len(expect))
	}
	seen := make([]bool, len(expect))
	for i := range rows {
		key, err := row.Index(rows[i].Symbol)
		switch {
		case err != nil:
			return err
		case key >= len(expect) || seen[key]:
			return fmt.Errorf("%s listed twice, or never put", rows[i].Symbol)
		case rows[i] != row.Make(key, expect[key]):
			return fmt.Errorf("%s: write %d listed, %d acknowledged", rows[i].Symbol, rows[i].Seq(), expect[key])
		}
		seen[key] = true
	}
	return nil
}

// memory is what the process keeps: its heap after garbage collection, and all.
func memory() (heap, rss int64) {
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse), place.RSS()
}

// grow measures what an entity costs while there are more and more, and then
// what a write costs among so many.
func (j *job) grow(ctx context.Context, c contender.Contender) (reply, error) {
	if err := c.Open(j.Load.Dir); err != nil {
		return reply{}, err
	}
	last := make([]int64, j.Load.Keys)
	start := time.Now()
	err := putAll(ctx, c, j.Load.Threads, last)
	filled := time.Since(start)
	var t contender.Tally
	if err == nil {
		t, err = writers(ctx, c, j.Load, last)
	}
	if err = errors.Join(err, c.Close()); err != nil {
		return reply{}, err
	}
	o := outcome(t)
	o.PutCost = float64(filled.Microseconds()) / float64(len(last))
	o.Disk, err = place.Usage(j.Load.Dir)
	return reply{Outcome: o, Last: last}, err
}
