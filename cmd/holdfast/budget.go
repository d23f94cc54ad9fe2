package main

import "sync"

// budget bounds what is held in memory at once: take waits until there is room,
// or until nothing else is held, so that one thing larger than all of it passes.
type budget struct {
	mu   sync.Mutex
	free sync.Cond
	held int
	most int
}

func newBudget(most int) *budget {
	b := &budget{most: most}
	b.free.L = &b.mu
	return b
}

func (b *budget) take(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.held > 0 && b.held+n > b.most {
		b.free.Wait()
	}
	b.held += n
}

func (b *budget) give(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held -= n
	b.free.Signal()
}
