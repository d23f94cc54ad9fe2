package main

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"sync"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
)

// maxQueued bounds the bytes of lines that were read and are not yet durable.
const maxQueued = 192 << 20

// writers carry out changes, several at a time. Changes of one key go to one
// writer, in their order.
type writers struct {
	store  *holdfast.Store
	ctx    context.Context // of the changes: what was accepted is finished
	ack    func(change) error
	queues []chan change
	queued *budget
	seed   maphash.Seed
	wg     sync.WaitGroup

	failed chan struct{} // closed at the first failure
	mu     sync.Mutex    // of what follows, and of the acknowledgements
	err    error         // of the failed change with the lowest line
	line   int
	put    int
	// deleted counts the removals, those of what was not there included.
	deleted int
}

func (a *app) newWriters(ctx context.Context, s *holdfast.Store, o importOptions) *writers {
	w := &writers{
		store: s, ctx: context.WithoutCancel(ctx), ack: func(change) error { return nil },
		queues: make([]chan change, o.writers), queued: newBudget(maxQueued),
		seed: maphash.MakeSeed(), failed: make(chan struct{}),
	}
	if o.ack {
		w.ack = func(c change) error { return a.acknowledge(c) }
	}
	for i := range w.queues {
		w.queues[i] = make(chan change, 16)
		w.wg.Go(func() { w.work(w.queues[i]) })
	}
	return w
}

func (w *writers) give(c change) {
	w.queued.take(c.size)
	w.queues[maphash.Comparable(w.seed, c.key)%uint64(len(w.queues))] <- c
}

// wait finishes what was given, ends the writers and returns the failure.
func (w *writers) wait() error {
	for _, queue := range w.queues {
		close(queue)
	}
	w.wg.Wait()
	if w.err == nil {
		return nil
	}
	next := "the lines before it are stored: import again from it on"
	if step := nextStep(w.err); step != "" {
		next = step + "; " + next
	}
	return advise(fmt.Errorf("line %d: %w", w.line, w.err), next)
}

// work carries out the changes of one queue. After a failure, anybody's, those
// of earlier lines are still carried out, so that it can be said that all lines
// before the failed one are stored. Later ones are not: they could overtake it.
func (w *writers) work(queue <-chan change) {
	for c := range queue {
		if w.due(c) {
			w.done(c, w.do(c))
		}
		w.queued.give(c.size)
	}
}

func (w *writers) due(c change) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err == nil || c.line < w.line
}

func (w *writers) do(c change) error {
	values, err := values(w.store, c.key.Entity)
	switch {
	case err != nil:
		return err
	case !c.delete:
		return values.Put(w.ctx, c.key.ID, c.data)
	}
	if err := values.Delete(w.ctx, c.key.ID); !errors.Is(err, driver.ErrNotFound) {
		return err
	}
	return nil
}

// done counts and acknowledges a change, or keeps its failure.
func (w *writers) done(c change, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil {
		err = w.ack(c)
	}
	switch {
	case err == nil && c.delete:
		w.deleted++
	case err == nil:
		w.put++
	case w.err == nil:
		close(w.failed)
		w.err, w.line = err, c.line
	case c.line < w.line:
		w.err, w.line = err, c.line
	}
}

// acknowledge tells that a line is durable, with one write.
func (a *app) acknowledge(c change) error {
	if a.json {
		return printJSON(a.stdout, map[string]any{"ack": c.line, "entity": c.key.Entity, "id": c.key.ID})
	}
	_, err := io.WriteString(a.stdout, fmt.Sprintf("ACK %s %s %d\n", quote(c.key.Entity), quote(c.key.ID), c.line))
	return output(err)
}
