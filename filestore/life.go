package filestore

import "sync"

// life counts the calls under way, so that Close can wait for them. It is no
// RWMutex: a call made from within another (from the progress function of a
// Check, say) would then wait for the Close that waits for the outer one.
type life struct {
	mu    sync.Mutex
	ended bool
	calls sync.WaitGroup
}

// enter begins a call; false once the end has begun.
func (l *life) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	l.calls.Add(1)
	return true
}

func (l *life) leave() { l.calls.Done() }

// end lets no further call begin, and waits for those under way.
func (l *life) end() {
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	l.calls.Wait()
}
