package pgstore

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/driver"
)

// The limits of a group.
const (
	putSlots  = 2        // statements that put at the same time: the server works on one while the other is flushed
	groupPuts = 256      // puts that travel together
	groupData = 1 << 20  // bytes of them
	groupOne  = 64 << 10 // a larger value travels alone
)

// group lets puts that wait at the same time travel together. A put that finds a
// slot free takes it and travels alone, at once. When it is back, all that have
// come meanwhile take the slot, as one statement: one transaction, one flush.
// Nobody waits for company.
//
// They are each for themselves, though: if their statement is refused, or a row
// of it is held by somebody else, each is put alone, so that none suffers for
// another one. A key whose row is held travels alone until that is over.
type group struct {
	s       *Store
	mu      sync.Mutex
	busy    int // slots
	waiting []*waiter
	held    map[driver.Key]int
}

// waiter is a put that waits for its turn. What it was given may be changed once
// its caller has gone: it has a copy.
type waiter struct {
	key  driver.Key
	data []byte
	ctx  context.Context
	done chan error
}

func (g *group) init(s *Store) { g.s, g.held = s, map[driver.Key]int{} }

// Put implements driver.Store.
func (s *Store) Put(ctx context.Context, k driver.Key, data []byte) error {
	if err := s.mayChange(ctx); err != nil {
		return err
	}
	if err := first(driver.ValidateKey(k), driver.ValidateData(data)); err != nil {
		return err
	}
	if err := s.life.enter(); err != nil {
		return err
	}
	defer s.life.leave()
	return s.group.put(ctx, k, data)
}

// mayChange tells why nothing can be changed at all.
func (s *Store) mayChange(ctx context.Context) error {
	if s.readOnly {
		return driver.ErrReadOnly
	}
	return first(ctx.Err(), s.life.open())
}

func (g *group) put(ctx context.Context, k driver.Key, data []byte) error {
	g.mu.Lock()
	switch {
	case g.held[k] > 0, len(data) > groupOne:
		g.mu.Unlock()
		return g.alone(ctx, k, data, false)
	case g.busy < putSlots:
		g.busy++
		g.mu.Unlock()
		err := g.alone(ctx, k, data, true)
		if code(err) != lockNotAvailable {
			g.release()
			return err
		}
		g.hold(k, 1)
		g.release()
		defer g.hold(k, -1)
		return g.alone(ctx, k, data, false)
	}
	w := &waiter{key: k, data: slices.Clone(data), ctx: ctx, done: make(chan error, 1)}
	g.waiting = append(g.waiting, w)
	g.mu.Unlock()
	return g.wait(w)
}

// wait waits for the answer. A put whose context ends before its turn has
// changed nothing.
func (g *group) wait(w *waiter) error {
	ctx, cancel := g.s.limit(w.ctx)
	defer cancel()
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
	}
	if g.withdraw(w) {
		return g.s.tooLate(w.ctx, nil)
	}
	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case err := <-w.done:
		return err
	case <-t.C:
		return unknown(ctx.Err())
	}
}

// withdraw takes a put back whose turn has not come.
func (g *group) withdraw(w *waiter) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(g.waiting, w)
	if i >= 0 {
		g.waiting = slices.Delete(g.waiting, i, i+1)
	}
	return i >= 0
}

func (g *group) hold(k driver.Key, n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held[k] += n; g.held[k] == 0 {
		delete(g.held, k)
	}
}

// release gives the slot to those who wait, or back.
func (g *group) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	n, size := 0, 0
	for n < len(g.waiting) && n < groupPuts && size < groupData {
		size += len(g.waiting[n].data)
		n++
	}
	if n == 0 {
		g.busy--
		return
	}
	together := slices.Clone(g.waiting[:n])
	g.waiting = slices.Delete(g.waiting, 0, n)
	g.s.life.users.Add(1) // those who wait are users: it is not zero
	go func() {
		defer g.s.life.leave()
		g.together(together)
		g.release()
	}()
}

// alone puts one value.
func (g *group) alone(ctx context.Context, k driver.Key, data []byte, split bool) error {
	_, err := g.s.change(ctx, &change{
		sql:  g.s.sql.put,
		args: func(token string) []any { return []any{k.Entity, k.ID, data, token} },
		puts: []driver.Key{k}, free: true, split: split,
	})
	if split && code(err) == lockNotAvailable {
		return err
	}
	return g.s.ofChange(err)
}

// ofChange puts the error of a change in the words of the contract.
func (s *Store) ofChange(err error) error {
	if err == nil || errors.Is(err, driver.ErrUnknown) {
		return err
	}
	if bad := refusedData(err); bad != nil {
		return bad
	}
	return s.explain(err)
}

// together puts several values as one statement, in the order of their keys: so
// two that put the same keys wait for each other and do not deadlock. Of several
// puts of one key the last counts, as if they had come right behind each other.
func (g *group) together(ws []*waiter) {
	if len(ws) == 1 {
		g.answer(ws[0], nil, true)
		return
	}
	puts := slices.Clone(ws)
	slices.SortStableFunc(puts, func(a, b *waiter) int { return compareKeys(a.key, b.key) })
	last := puts[:0]
	for i, w := range puts {
		if i+1 == len(puts) || puts[i+1].key != w.key {
			last = append(last, w)
		}
	}
	keys, data := make([]driver.Key, len(last)), make([][]byte, len(last))
	for i, w := range last {
		keys[i], data[i] = w.key, w.data
	}
	entities, ids := columns(keys)
	ctx, cancel := context.WithTimeout(g.s.life.ctx, g.s.timeout)
	defer cancel()
	_, err := g.s.change(ctx, &change{
		sql:  g.s.sql.puts,
		args: func(token string) []any { return []any{entities, ids, data, token} },
		puts: keys, free: true, split: true,
	})
	split := code(err) != ""
	for _, w := range ws {
		g.answer(w, g.s.ofChange(err), split)
	}
}

// answer tells a waiter how its put has ended, or puts it alone.
func (g *group) answer(w *waiter, err error, alone bool) {
	if !alone {
		w.done <- err
		return
	}
	g.hold(w.key, 1)
	g.s.life.users.Add(1) // the waiter is a user
	go func() {
		defer g.s.life.leave()
		defer g.hold(w.key, -1)
		w.done <- g.alone(w.ctx, w.key, w.data, false)
	}()
}

func compareKeys(a, b driver.Key) int {
	return cmp.Or(cmp.Compare(a.Entity, b.Entity), cmp.Compare(a.ID, b.ID))
}
