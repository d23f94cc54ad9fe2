package holdfast

import (
	"context"
	"runtime"
	"sync/atomic"
)

// Of a long listing, entries are read and decoded before their turn, in chunks,
// by as many goroutines as there are processors.
const (
	aheadFrom   = 32       // entries before that are read in their turn: who wants a few pays for a few
	aheadLeast  = 64       // ids from which on it is worth while
	aheadChunk  = 32       // entries that a worker reads in a row
	aheadWindow = 2        // chunks for each worker that may wait for their turn
	aheadBytes  = 16 << 20 // of data that may wait in all of them, one value for each aside
)

// ahead gives the entries of a listing in their order, each as it is in its
// turn: what this store changes after an entry was read ahead is seen, as if it
// had not been, and so is what a Store changes that is connected with it by
// Through, such as that of a lease. Only changes by others (another process on a
// shared backend, or another Store that New made over it) may be missed for as
// long as an entry waits.
//
// It has the goroutines that read ahead, and stop waits for them.
type ahead[T any] struct {
	c   *Collection[T]
	ctx context.Context // the caller's
	ids []string

	slots  []slot[T]     // chunk n, counted from aheadFrom, is in slot n modulo their number
	window chan struct{} // full where chunks are taken or wait in all slots
	next   atomic.Int64  // chunk that nobody has taken
	left   atomic.Int64  // workers
	gone   chan struct{} // closed when no worker is left
	quit   chan struct{} // closed when the workers shall go
	cancel context.CancelFunc

	now []item[T] // of the chunk whose turn it is; what is missing was not read ahead
	at  uint64    // Store.changes before that chunk was read
}

type slot[T any] struct {
	items   []item[T]
	changes uint64
	done    chan struct{} // holds a token when the chunk has been read
}

type item[T any] struct {
	entry Entry[T]
	err   error
}

// entry gives the ith entry. It is called for each i in turn.
func (a *ahead[T]) entry(i int) (Entry[T], error) {
	if i == aheadFrom && len(a.ids) >= aheadLeast {
		a.start(runtime.GOMAXPROCS(0))
	}
	if a.slots == nil {
		return a.c.Entry(a.ctx, a.ids[i])
	}
	chunk, at := (i-aheadFrom)/aheadChunk, (i-aheadFrom)%aheadChunk
	if at == 0 {
		a.turn(chunk)
	}
	if at >= len(a.now) {
		return a.c.Entry(a.ctx, a.ids[i])
	}
	return a.current(a.now[at])
}

// start starts the workers. One alone would gain nothing.
func (a *ahead[T]) start(workers int) {
	if workers < 2 {
		return
	}
	a.slots = make([]slot[T], workers*aheadWindow)
	for i := range a.slots {
		a.slots[i].done = make(chan struct{}, 1)
	}
	a.window = make(chan struct{}, len(a.slots))
	a.gone, a.quit = make(chan struct{}), make(chan struct{})
	a.left.Store(int64(workers))
	// Backends are told to give up what nobody waits for any more.
	ctx, cancel := context.WithCancel(a.ctx)
	a.cancel = cancel
	for range workers {
		go a.work(ctx)
	}
}

// stop ends the workers and waits for them.
func (a *ahead[T]) stop() {
	if a.slots != nil {
		close(a.quit)
		a.cancel()
		<-a.gone
	}
}

// turn waits until a chunk has been read, and makes room for another one in
// place of the one before.
func (a *ahead[T]) turn(chunk int) {
	if chunk > 0 {
		select {
		case <-a.window:
		case <-a.gone:
		}
	}
	s := &a.slots[chunk%len(a.slots)]
	select {
	case <-s.done:
	case <-a.gone:
		select {
		case <-s.done: // before they went
		default:
			a.now = nil
			return
		}
	}
	a.now, a.at = s.items, s.changes
}

// current is what was read ahead, if it is still so.
func (a *ahead[T]) current(it item[T]) (Entry[T], error) {
	s, k := a.c.s, a.c.key(it.entry.ID)
	if err := s.usable(a.ctx, true); err != nil {
		return Entry[T]{ID: k.ID}, fail("get", k, err)
	}
	if s.changes.Load() == a.at {
		return it.entry, it.err
	}
	rec, err := s.get(a.ctx, k)
	switch {
	case err != nil:
		return Entry[T]{ID: k.ID}, err
	case rec.Rev == it.entry.Rev:
		return it.entry, it.err
	}
	return a.c.entry(rec)
}

// work reads one chunk after the other. It does not end with the caller's
// context: then it finds the error of each entry, in its place.
func (a *ahead[T]) work(ctx context.Context) {
	defer func() {
		if a.left.Add(-1) == 0 {
			close(a.gone)
		}
	}()
	var buf []byte
	for {
		// With room for one more chunk than slots are free, two would be read
		// into one slot; so the room comes first, then the chunk.
		select {
		case <-a.quit:
			return
		case a.window <- struct{}{}:
		}
		chunk := int(a.next.Add(1)) - 1
		from := aheadFrom + chunk*aheadChunk
		if from >= len(a.ids) {
			return
		}
		buf = a.fill(ctx, &a.slots[chunk%len(a.slots)], a.ids[from:min(from+aheadChunk, len(a.ids))], buf)
	}
}

// fill reads a chunk, by way of buf where it can, which it returns for the next
// one. It leaves the rest to the caller where the values are large, and where
// reading one panics or ends the goroutine: so that the caller meets that itself.
func (a *ahead[T]) fill(ctx context.Context, s *slot[T], ids []string, buf []byte) []byte {
	s.items, s.changes = s.items[:0], a.c.s.changes.Load()
	defer func() {
		_ = recover()
		s.done <- struct{}{}
	}()
	budget := aheadBytes / len(a.slots)
	for _, id := range ids {
		if budget <= 0 {
			break
		}
		rec, err := a.c.s.getBy(ctx, a.c.key(id), a.c.appender, buf)
		items := append(s.items, item[T]{entry: Entry[T]{ID: id}, err: err})
		if it := &items[len(items)-1]; err == nil {
			it.err = a.c.entryTo(&it.entry, rec)
		}
		s.items = items // not before: what panics is not there
		budget -= len(rec.Data)
		if a.c.appender != nil && err == nil {
			buf = rec.Data[:0]
		}
	}
	return buf
}
