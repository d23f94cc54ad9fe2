// Package watch tells the watchers within one process of changes.
package watch

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/holdfast-go/holdfast/driver"
)

// Hub passes changes to those who watch. Its zero value is ready. A publisher
// never waits for a watcher: of what a slow one has not fetched yet, only the
// latest change of each value is kept, so memory is bounded by the number of
// values.
type Hub struct {
	mu       sync.Mutex
	closed   bool
	watchers map[*watcher]struct{}
	count    atomic.Int64 // of watchers
}

// Watched tells whether anybody watches, without a lock. Who begins to watch
// while a change is made may miss that one.
func (h *Hub) Watched() bool { return h.count.Load() > 0 }

type watcher struct {
	entity  string
	pending map[driver.Key]bool // → deleted
	wake    chan struct{}       // holds one token while pending is not empty
}

// Publish tells the watchers of k's entity. Call it after the change is
// durable, and in the order of the changes of one value.
func (h *Hub) Publish(k driver.Key, deleted bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.watchers {
		if w.entity == k.Entity {
			w.pending[k] = deleted
			signal(w.wake)
		}
	}
}

// Close ends all watching with driver.ErrClosed.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for w := range h.watchers {
		signal(w.wake)
	}
}

// Watch implements driver.Watcher. It begins at the call, not when the
// sequence is first asked; a sequence that is never run is dropped when ctx is
// done.
func (h *Hub) Watch(ctx context.Context, entity string) iter.Seq2[driver.Change, error] {
	w := &watcher{entity: entity, pending: map[driver.Key]bool{}, wake: make(chan struct{}, 1)}
	h.mu.Lock()
	if h.watchers == nil {
		h.watchers = map[*watcher]struct{}{}
	}
	h.watchers[w] = struct{}{}
	h.count.Store(int64(len(h.watchers)))
	h.mu.Unlock()
	stop := context.AfterFunc(ctx, func() { h.drop(w) })
	return func(yield func(driver.Change, error) bool) {
		defer stop()
		defer h.drop(w)
		for {
			changes, err := h.next(ctx, w)
			if err != nil {
				yield(driver.Change{}, err)
				return
			}
			for _, c := range changes {
				if !yield(c, nil) {
					return
				}
			}
		}
	}
}

func (h *Hub) drop(w *watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.watchers, w)
	h.count.Store(int64(len(h.watchers)))
}

// next waits for changes, and returns them in byte order of the ids.
func (h *Hub) next(ctx context.Context, w *watcher) ([]driver.Change, error) {
	for {
		h.mu.Lock()
		pending, closed := w.pending, h.closed
		w.pending = map[driver.Key]bool{}
		h.mu.Unlock()
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if len(pending) > 0 {
			return sorted(pending), nil
		}
		if closed {
			return nil, driver.ErrClosed
		}
		select {
		case <-ctx.Done():
		case <-w.wake:
		}
	}
}

func sorted(pending map[driver.Key]bool) []driver.Change {
	keys := slices.SortedFunc(maps.Keys(pending), func(a, b driver.Key) int { return strings.Compare(a.ID, b.ID) })
	changes := make([]driver.Change, len(keys))
	for i, k := range keys {
		changes[i] = driver.Change{Key: k, Deleted: pending[k]}
	}
	return changes
}

func signal(wake chan struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}
