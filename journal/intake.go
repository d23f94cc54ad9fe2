package journal

import "sync"

// intake gives numbers to records and gathers them in batches, of which the
// committer takes one at a time. While one is being flushed the next one fills.
type intake struct {
	maxBytes int64 // of a batch, single records aside

	mu     sync.Mutex
	filled sync.Cond // there is a batch, or an end
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
		in.filled.Signal()
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
	b.first, b.flush = in.next, newFlush()
	return b
}

// take waits for a batch and returns it; nil at the end, when no more will come.
func (in *intake) take() *batch {
	in.mu.Lock()
	defer in.mu.Unlock()
	for len(in.full) == 0 && in.open == nil && in.err == nil {
		in.filled.Wait()
	}
	if len(in.full) > 0 {
		b := in.full[0]
		in.full = in.full[1:]
		return b
	}
	b := in.open
	in.open = nil
	return b
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
	in.filled.Signal()
}
