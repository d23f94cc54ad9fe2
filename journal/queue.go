package journal

import (
	"container/list"
	"context"
	"sync"
)

// queue counts the bytes of payload that wait for a flush, those being flushed
// included, and makes writers wait beyond a limit. First come, first served.
type queue struct {
	mu      sync.Mutex
	limit   int
	used    int
	waiting list.List // of *waiter
	err     error     // why nobody may enter any more
}

type waiter struct {
	n    int
	gate chan error
}

// enter waits until n bytes have room.
func (q *queue) enter(ctx context.Context, n int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	q.mu.Lock()
	if q.err != nil {
		defer q.mu.Unlock()
		return q.err
	}
	if q.waiting.Len() == 0 && q.fits(n) {
		q.used += n
		q.mu.Unlock()
		return nil
	}
	w := &waiter{n, make(chan error, 1)}
	e := q.waiting.PushBack(w)
	q.mu.Unlock()
	select {
	case err := <-w.gate:
		return err
	case <-ctx.Done():
		return q.leave(ctx, w, e)
	}
}

// leave takes a waiter out that has lost patience.
func (q *queue) leave(ctx context.Context, w *waiter, e *list.Element) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	select {
	case err := <-w.gate: // let in, or turned away, at this very moment
		if err == nil {
			q.used -= w.n
		}
	default:
		q.waiting.Remove(e)
	}
	q.admit()
	return ctx.Err()
}

// fits lets one that is larger than the limit in when nobody else is.
func (q *queue) fits(n int) bool { return q.used == 0 || q.used+n <= q.limit }

func (q *queue) give(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.used -= n
	q.admit()
}

// admit lets in whoever has waited longest, while there is room.
func (q *queue) admit() {
	for e := q.waiting.Front(); e != nil; e = q.waiting.Front() {
		w := e.Value.(*waiter)
		if !q.fits(w.n) {
			return
		}
		q.used += w.n
		q.waiting.Remove(e)
		w.gate <- nil
	}
}

// close turns everybody away from now on, those that wait included.
func (q *queue) close(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil {
		q.err = err
	}
	for e := q.waiting.Front(); e != nil; e = q.waiting.Front() {
		q.waiting.Remove(e).(*waiter).gate <- q.err
	}
}
