package journal

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/vfs"
)

// Journal is a journal that is open for writing.
//
// Concurrency: all methods may be called from many goroutines. It owns two: the
// committer, which writes and flushes when records come faster than the disk
// takes them (else who waits for a record does it, see [Flush.Wait]), and one
// that prepares the next segment. Close waits for both.
type Journal struct {
	fsys vfs.FS
	dir  string
	opt  Options

	in    intake
	queue queue

	asked uint64 // the segment whose successor has been asked for; the committer's
	work  sync.WaitGroup
	need  chan struct{} // asks for the next segment to be prepared
	quit  chan struct{}
	once  sync.Once

	// space is held while segments are made, given up or put to use. It is
	// taken before mu, and never with mu held.
	space sync.Mutex
	sure  bool // what was found at the opening is durable; with space held

	mu       sync.Mutex
	chain    []*segment // oldest first; the last one is written to
	spares   []*segment
	taken    *segment // no longer spare and not yet in the chain
	bad      []bad
	slot     uint64 // the highest in use
	number   uint64 // the highest given out
	last     uint64 // the last durable record's number
	newest   int64  // the highest time of a durable record
	released uint64
	failed   error
}

func newJournal(fsys vfs.FS, dir string, opt Options, sv *survey) *Journal {
	j := &Journal{
		fsys: fsys, dir: dir, opt: opt,
		need: make(chan struct{}, 1), quit: make(chan struct{}),
		chain: sv.chain, spares: sv.spares, bad: sv.bad, slot: sv.slot, number: sv.number, sure: sv.empty(),
	}
	j.in.maxBytes = opt.MaxSegment - dataStart - recordHeader
	j.in.handed.L = &j.in.mu
	j.in.led = j.lead
	j.queue.limit = opt.Queue
	return j
}

func (j *Journal) start() {
	j.work.Go(func() {
		for b := j.in.wait(); b != nil; b = j.in.wait() {
			woken := len(b.items)
			j.commit(b)
			j.in.gather(woken)
		}
	})
	j.work.Go(func() {
		for {
			select {
			case <-j.need:
				j.prepare()
			case <-j.quit:
				return
			}
		}
	})
}

// Reserve waits for room in the queue for a payload of n bytes. Each reservation
// is consumed by one Enqueue or given back by [Journal.Cancel].
//
// Errors: [ErrTooLarge], the context's, [ErrClosed], the failure that ended the
// journal.
func (j *Journal) Reserve(ctx context.Context, n int) error {
	if n < 0 || n > MaxPayload {
		return ErrTooLarge
	}
	return j.queue.enter(ctx, n)
}

// Cancel gives a reservation of n bytes back unused.
func (j *Journal) Cancel(n int) { j.queue.give(n) }

// Enqueue adds a record to the next flush and consumes a reservation of
// len(payload) bytes. It never waits for the disk. t is the record's time in
// unix nanoseconds. The payload is copied; item is handed to Committed or Failed.
// The order of calls is the order of records.
//
// From here on the record cannot be withdrawn: the outcome is what Wait of the
// flush says. Somebody must call that: if nothing else is under way, it is the
// caller of Wait who writes and flushes. Numbers
// follow each other; those of records that fail are never used again. Once the
// journal has failed or is closed, the flush is resolved with that error and the
// number is 0.
func (j *Journal) Enqueue(payload []byte, t int64, item any) (*Flush, uint64) {
	err := error(ErrTooLarge)
	if len(payload) <= MaxPayload {
		var f *Flush
		var seq uint64
		if f, seq, err = j.in.add(payload, t, item); err == nil {
			return f, seq
		}
	}
	j.queue.give(len(payload))
	return failedFlush(err), 0
}

// lead commits a batch on the goroutine of one who waits for it.
func (j *Journal) lead() {
	if j.in.crowd.Load() {
		runtime.Gosched() // who is about to add a record may join
	}
	j.commit(j.in.take())
	j.in.handOver()
}

// Append is Reserve, Enqueue and Wait. ctx counts until the record is in the
// queue; then its outcome is waited for, so that an error always means a record
// that is not acknowledged. The number is 0 if the record never got one.
func (j *Journal) Append(ctx context.Context, payload []byte, t int64, item any) (uint64, error) {
	if err := j.Reserve(ctx, len(payload)); err != nil {
		return 0, err
	}
	f, seq := j.Enqueue(payload, t, item)
	return seq, f.Wait()
}

// Last returns the number of the last durable record, 0 if there never was one.
func (j *Journal) Last() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last
}

// SetNext makes the next record's number at least seq. It has an effect only
// before the first Enqueue: for a caller whose checkpoint is ahead of a journal
// that has been lost.
func (j *Journal) SetNext(seq uint64) {
	j.in.mu.Lock()
	defer j.in.mu.Unlock()
	if j.in.begun || seq <= j.in.next || seq >= 1<<63 {
		return
	}
	j.in.next = seq
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.chain) == 0 {
		j.last = seq - 1 // a reader who asks for earlier ones must be told that they are not here
	}
}

// Release says that all records up to seq are stored elsewhere, durably. Their
// space may be reused, oldest first, once MaxSize or MaxAge asks for it; until
// then they are history.
func (j *Journal) Release(seq uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.released = max(j.released, min(seq, j.last))
}

// Failed returns the *[FlushError] that ended the journal, or nil.
func (j *Journal) Failed() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.failed
}

// fail ends the journal, and returns err.
func (j *Journal) fail(err error) error {
	j.mu.Lock()
	if j.failed == nil {
		j.failed = err
	}
	err = j.failed
	j.mu.Unlock()
	j.in.stop(err)
	j.queue.close(err)
	return err
}

// Close flushes what waits, stops the journal's goroutines and waits for them.
// Records that come later fail with [ErrClosed]. Closing twice does no harm. The
// error is Failed's, or one of closing the file.
func (j *Journal) Close() error {
	j.queue.close(ErrClosed)
	j.in.stop(ErrClosed)
	var err error
	j.once.Do(func() {
		close(j.quit)
		j.work.Wait()
		err = j.closeFiles()
	})
	j.work.Wait()
	if failed := j.Failed(); failed != nil {
		return failed
	}
	return err
}

func (j *Journal) closeFiles() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	var err error
	for _, s := range j.chain {
		if s.file == nil {
			continue
		}
		if e := s.file.Close(); err == nil {
			err = e
		}
		s.file = nil
	}
	return err
}

// Usage says what a journal takes on disk.
type Usage struct {
	Size     int64     // bytes of all segments, spare ones included
	Backlog  int64     // see [Journal.Backlog]; 0 from a Reader
	Segments int       // files
	Oldest   time.Time // when the oldest segment with records was put to use; zero if there is none
	First    uint64    // the number of the oldest record that is kept, 0 if there is none
	Last     uint64    // the number of the newest durable one
}

// Usage says what the journal takes now.
func (j *Journal) Usage() Usage {
	j.mu.Lock()
	defer j.mu.Unlock()
	u := Usage{
		Size: j.size(), Backlog: j.backlog(), Last: j.last,
		Segments: j.count() + len(j.bad),
	}
	if len(j.chain) > 0 {
		u.Oldest, u.First = time.Unix(0, j.chain[0].head.time), j.chain[0].head.first
	}
	return u
}

// Backlog returns how many bytes of durable records are not released. Within a
// segment that is released in part, records are taken to be of equal size.
func (j *Journal) Backlog() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.backlog()
}

// backlog and size: with mu held.
func (j *Journal) backlog() int64 {
	var n int64
	for _, s := range j.chain {
		if s.next <= j.released+1 || s.next <= s.head.first {
			continue
		}
		all := s.next - s.head.first
		left := min(all, s.next-1-j.released)
		n += int64(float64(s.end-dataStart) * (float64(left) / float64(all)))
	}
	return n
}

func (j *Journal) size() int64 {
	var n int64
	for _, s := range j.chain {
		n += s.size
	}
	for _, s := range j.spares {
		n += s.size
	}
	for _, b := range j.bad {
		n += b.seg.size
	}
	if j.taken != nil {
		n += j.taken.size
	}
	return n
}

// count returns how many segments can be used. With mu held.
func (j *Journal) count() int {
	n := len(j.chain) + len(j.spares)
	if j.taken != nil {
		n++
	}
	return n
}
