package journal

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// intake gives numbers to records and gathers them in batches, which are
// committed one at a time. While one is being flushed the next one fills.
//
// Who commits: a record that finds nothing under way makes its batch vacant, and
// the first who waits for it leads: it commits the batch itself, without a
// switch to another goroutine. What has come meanwhile it hands to the
// committer, which goes on until nothing is left.
type intake struct {
	maxBytes int64  // of a batch, single records aside
	led      func() // commits the batch that take returns, then hands over

	// vacant says that there is a batch that nobody commits yet. Whoever takes
	// it from true to false has to.
	vacant atomic.Bool
	crowd  atomic.Bool // the last batch was of several records

	mu     sync.Mutex
	handed sync.Cond // the committer is to go on, or there is an end
	yours  bool      // the committer is to go on
	busy   bool      // a batch is being committed, or vacant, or handed over
	full   []*batch  // complete, oldest first
	open   *batch    // takes records; nil if none waits
	next   uint64    // the next record's number
	begun  bool      // a number has been given out
	err    error     // why no record is taken any more
	free   []*batch  // to be used again
}

const (
	maxRecords = maxIndex / 2 // of a batch, so that index has room for burned numbers too
	maxFree    = 2
)

// add numbers a record and puts it into the open batch.
func (in *intake) add(payload []byte, t int64, item any) (*Flush, uint64, error) {
	sum := checksum(payload) // before the lock, like all that can be
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.err != nil {
		return nil, 0, in.err
	}
	b := in.open
	if b != nil && (int64(len(b.buf))+recordSize(len(payload)) > in.maxBytes || len(b.items) >= maxRecords) {
		in.full = append(in.full, b)
		b = nil
	}
	if b == nil {
		b = in.fresh()
		in.open = b
		if !in.busy {
			in.busy = true
			in.vacant.Store(true)
		}
	}
	seq := in.next
	in.next, in.begun = seq+1, true
	b.add(payload, sum, seq, t, item)
	return b.flush, seq, nil
}

// fresh returns an empty batch that begins with the next number.
func (in *intake) fresh() *batch {
	b := &batch{}
	if n := len(in.free); n > 0 {
		b, in.free = in.free[n-1], in.free[:n-1]
	}
	b.first, b.flush = in.next, newFlush(in)
	return b
}

// lead tells whether the caller is to commit the batch that take returns.
func (in *intake) lead() bool { return in.vacant.Load() && in.vacant.CompareAndSwap(true, false) }

// take returns the next batch, for the one who is to commit it.
func (in *intake) take() *batch {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.pop()
}

// pop removes the oldest batch; nil if there is none. The caller holds mu.
func (in *intake) pop() *batch {
	if len(in.full) > 0 {
		b := in.full[0]
		in.full = in.full[1:]
		return b
	}
	b := in.open
	in.open = nil
	if b != nil {
		in.crowd.Store(len(b.items) > 1)
	}
	return b
}

// handOver ends a lead: what has come meanwhile is for the committer.
func (in *intake) handOver() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.busy = in.open != nil || len(in.full) > 0; in.busy {
		in.yours = true
	}
	if in.busy || in.err != nil {
		in.handed.Signal()
	}
}

// wait is for the committer: it returns the next batch once one has been handed
// over, and goes on with those that come meanwhile; nil at the end, when no more
// will come and no one else commits.
func (in *intake) wait() *batch {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.yours {
		if b := in.pop(); b != nil {
			return b
		}
		in.yours, in.busy = false, false
	}
	for !in.yours {
		if in.err != nil && !in.busy {
			return nil
		}
		in.handed.Wait()
	}
	return in.pop()
}

// gather lets those whom a flush has woken join the next one: it costs the same
// for one record and for a hundred. Where they were many, it goes on as long as
// more come, so that all writers share one flush and do not fall into two halves
// that wait for each other's. It gives way to goroutines that can run, and never
// waits for one that cannot.
func (in *intake) gather(woken int) {
	runtime.Gosched()
	if woken < aCrowd {
		return
	}
	before := 0
	for range maxYields {
		n := in.waiting()
		if n <= before {
			return
		}
		before = n
		runtime.Gosched()
	}
}

const (
	aCrowd    = 8
	maxYields = 8 // for one who computes all the time each may last as long as a time slice
)

// waiting returns how many records the open batch has; 0 if a full one is not
// to wait for any more.
func (in *intake) waiting() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.open == nil || len(in.full) > 0 {
		return 0
	}
	return len(in.open.items)
}

// recycle keeps the memory of a batch for another one.
func (in *intake) recycle(b *batch) {
	clear(b.items)
	if int64(cap(b.buf)) > 2*in.maxBytes {
		return // one huge record should not hold its memory for ever
	}
	*b = batch{buf: b.buf[:0], items: b.items[:0]}
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.free) < maxFree {
		in.free = append(in.free, b)
	}
}

// stop refuses records from now on, with err unless there is a reason already.
// Those that wait can still be taken.
func (in *intake) stop(err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.err == nil {
		in.err = err
	}
	if in.lead() { // of which nobody has waited
		in.yours = true
	}
	in.handed.Signal()
}
