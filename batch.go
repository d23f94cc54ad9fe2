package holdfast

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/holdfast-go/holdfast/driver"
)

// maxAttempts bounds how often Update runs its function again after a
// conflict. Of those that race for a value one always wins, so that this many
// losses in a row mean a backend that is wrong, not one that is busy.
const maxAttempts = 1000

// Batch collects reads and changes that become one atomic change of the
// store. It is for use by one goroutine, within the function that got it.
type Batch struct {
	s     *Store
	ctx   context.Context
	reads map[driver.Key]string // what was read, and in which revision
	ops   []driver.Op           // one per key, in the order of first use
	index map[driver.Key]int    // of ops
	torn  bool                  // two reads of one key differed
}

// Update runs f, then makes all changes that f put into the batch in one step:
// all of them or none, durable when nil is returned. Everything that f read
// through the batch must still be as it was read; if it is not, f runs again on
// a new batch, so it must not have effects of its own. An error of f ends it
// and nothing has changed. A batch without changes is not applied, and what it
// read is not checked.
//
// errors.ErrUnsupported says that the backend cannot do this, or not over
// several keys (see Properties.Batch); then, too, nothing has changed.
func (s *Store) Update(ctx context.Context, f func(*Batch) error) error {
	return s.update(ctx, driver.Key{}, f)
}

func (s *Store) update(ctx context.Context, k driver.Key, f func(*Batch) error) error {
	applier, ok := driver.As[driver.Applier](s.d)
	for attempt := 1; ; attempt++ {
		if err := first(s.writable(), s.usable(ctx, ok)); err != nil {
			return fail("update", k, err)
		}
		b := &Batch{s: s, ctx: ctx, reads: map[driver.Key]string{}, index: map[driver.Key]int{}}
		err := f(b)
		again := b.torn
		if err == nil && len(b.ops) > 0 {
			err = s.apply(ctx, applier, b.conds(), b.ops)
			again = errors.Is(err, ErrConflict)
		}
		if err == nil || !again || attempt == maxAttempts {
			return fail("update", k, err)
		}
		if err := backoff(ctx, attempt); err != nil {
			return fail("update", k, err)
		}
	}
}

// apply is the one way to the backend's Apply, as it counts the change.
func (s *Store) apply(ctx context.Context, a driver.Applier, conds []driver.Cond, ops []driver.Op) error {
	defer s.changes.Add(1)
	return a.Apply(ctx, conds, ops)
}

// backoff lets the others finish: a random wait that grows to 10 ms.
func backoff(ctx context.Context, attempt int) error {
	limit := min(time.Duration(attempt)*100*time.Microsecond, 10*time.Millisecond)
	t := time.NewTimer(rand.N(limit))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Get reads a value as the batch will leave it: one that this batch has put or
// deleted, else the store's, which must then stay as it is until the batch is
// applied. A value of the batch's own has no revision yet.
func (b *Batch) Get(entity, id string) (Record, error) {
	k := driver.Key{Entity: entity, ID: id}
	if i, ok := b.index[k]; ok {
		if b.ops[i].Delete {
			return Record{}, fail("get", k, ErrNotFound)
		}
		return Record{Key: k, Data: append([]byte(nil), b.ops[i].Data...)}, nil
	}
	rec, err := b.s.get(b.ctx, k)
	switch {
	case err == nil:
		return rec, b.saw(k, rec.Rev)
	case errors.Is(err, ErrNotFound):
		if conflict := b.saw(k, ""); conflict != nil {
			return Record{}, conflict
		}
	}
	return rec, err
}

// saw notes the revision that a read found. Two reads of one key in one batch
// that differ can never be applied together.
func (b *Batch) saw(k driver.Key, rev string) error {
	if before, ok := b.reads[k]; ok && before != rev {
		b.torn = true
		return fail("get", k, ErrConflict)
	}
	b.reads[k] = rev
	return nil
}

// Put adds the writing of a value to the batch. The batch keeps a copy.
func (b *Batch) Put(entity, id string, data []byte) error {
	k := driver.Key{Entity: entity, ID: id}
	err := b.s.begin(b.ctx, k, true)
	if err == nil {
		err = driver.ValidateData(data)
	}
	if err == nil {
		b.add(driver.Op{Key: k, Data: append([]byte(nil), data...)})
	}
	return fail("put", k, err)
}

// Delete adds the removal of a value to the batch. That there is none is no
// error here: the batch leaves none.
func (b *Batch) Delete(entity, id string) error {
	k := driver.Key{Entity: entity, ID: id}
	if err := b.s.begin(b.ctx, k, true); err != nil {
		return fail("delete", k, err)
	}
	b.add(driver.Op{Key: k, Delete: true})
	return nil
}

func (b *Batch) add(op driver.Op) {
	if i, ok := b.index[op.Key]; ok {
		b.ops[i] = op
		return
	}
	b.index[op.Key] = len(b.ops)
	b.ops = append(b.ops, op)
}

func (b *Batch) conds() []driver.Cond {
	conds := make([]driver.Cond, 0, len(b.reads))
	for k, rev := range b.reads {
		conds = append(conds, driver.Cond{Key: k, Rev: rev})
	}
	return conds
}
