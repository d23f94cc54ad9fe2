package transfer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
)

type collection = holdfast.Collection[json.RawMessage]

// copier is one run of Copy or Verify.
type copier struct {
	Options
	src, dst *holdfast.Store
	applier  driver.Applier    // of dst; nil if it has none
	loader   driver.Loader     // of dst; nil if it has none
	batch    driver.BatchScope // of dst
	exact    bool              // both sides keep every byte
	empty    bool              // the target held nothing when it began

	srcShared, dstShared bool // there is a network between

	mu       sync.Mutex // of what follows, and of the calls of the caller's functions
	summary  Summary
	checked  Verification
	onTarget int // values that Verify found on both sides
	done     int
	read     int64
	from, to func(entity string) *collection
}

func newCopier(src, dst *holdfast.Store, o Options) *copier {
	c := &copier{Options: o, src: src, dst: dst, batch: dst.Properties().Batch, exact: exact(src, dst)}
	if applier, ok := driver.As[driver.Applier](dst.Driver()); ok && c.batch != driver.BatchNone {
		c.applier = applier
	}
	c.loader, _ = driver.As[driver.Loader](dst.Driver())
	c.srcShared, c.dstShared = src.Properties().Shared, dst.Properties().Shared
	c.from, c.to = collections(src), collections(dst)
	return c
}

// exact tells whether both sides keep every byte.
func exact(src, dst *holdfast.Store) bool {
	return src.Properties().ExactBytes && dst.Properties().ExactBytes
}

// collections makes each entity's collection once.
func collections(s *holdfast.Store) func(string) *collection {
	var known sync.Map
	return func(entity string) *collection {
		c, ok := known.Load(entity)
		if !ok {
			made, err := holdfast.NewCollection[json.RawMessage](s, entity, nil)
			if err != nil {
				return nil // prepare has refused such a name
			}
			c, _ = known.LoadOrStore(entity, made)
		}
		return c.(*collection)
	}
}

// prepare checks the names and looks whether the target is empty.
func (c *copier) prepare(ctx context.Context) error {
	for _, entity := range c.Entities {
		if err := driver.ValidateEntity(entity); err != nil {
			return err
		}
	}
	held, err := c.held(ctx)
	if err != nil {
		return err
	}
	c.empty = held == ""
	if !c.empty && c.Existing == Refuse {
		return fmt.Errorf("%w: %s holds values of %s", ErrNotEmpty, c.dst.Properties().Location, held)
	}
	return nil
}

// held names an entity, of those to be copied, that the target has values of.
func (c *copier) held(ctx context.Context) (string, error) {
	entities, err := c.entities(ctx, c.dst)
	if err != nil {
		return "", err
	}
	for _, entity := range entities {
		for _, err := range c.to(entity).Keys(ctx) {
			return entity, err
		}
	}
	return "", nil
}

// run has the writers do the chunks, until all are done or one fails.
func (c *copier) run(ctx context.Context, do func(context.Context, []value) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	chunks := make(chan []value, c.Writers)
	var wg sync.WaitGroup
	for range c.Writers {
		wg.Go(func() {
			for chunk := range chunks {
				if ctx.Err() != nil {
					continue // somebody failed: what is left is not done
				}
				if err := do(ctx, chunk); err != nil {
					cancel(err)
				}
			}
		})
	}
	if err := c.list(ctx, chunks); err != nil {
		cancel(err)
	}
	close(chunks)
	wg.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// copyChunk reads what is not yet read of a chunk, in parts that memory can hold,
// and writes it.
func (c *copier) copyChunk(ctx context.Context, values []value) error {
	for step := parallel; len(values) > 0; {
		size, n := 0, 0
		for n < len(values) && (size < chunkBytes || values[n].read) {
			part := values[n:min(n+step, len(values))]
			before := size
			err := each(c.srcShared, len(part), func(i int) error {
				c.fetch(ctx, &part[i])
				return nil
			})
			if err != nil {
				return err
			}
			for _, v := range part {
				size += len(v.data)
			}
			if n += len(part); size-before > chunkBytes/8 {
				step = 1 // values are large: no more at once than fit
			}
		}
		if err := c.settle(ctx, values[:n]); err != nil {
			return err
		}
		c.tell(n, int64(size))
		clear(values[:n]) // of data that is not needed any more
		values = values[n:]
	}
	return nil
}

func (c *copier) fetch(ctx context.Context, v *value) {
	if v.read {
		return
	}
	rec, err := c.src.Driver().Get(ctx, v.key)
	v.read, v.data, v.err = true, rec.Data, err
}

// settle sorts values into what is to be written and what is not, and writes.
func (c *copier) settle(ctx context.Context, values []value) error {
	due := values[:0]
	for _, v := range values {
		switch {
		case errors.Is(v.err, holdfast.ErrNotFound): // removed since it was listed
		case v.err != nil:
			// Damage stays at the source and is told; it is not absence, and no
			// other value may stand for it.
			if err := c.report(v.key, v.err); err != nil {
				return err
			}
		default:
			due = append(due, v)
		}
	}
	write := make([]bool, len(due))
	err := each(c.dstShared, len(due), func(i int) (err error) {
		v := &due[i]
		switch {
		case v.there == nil:
			write[i] = true
		case v.there.known && v.there.sum == c.digest(v.data):
			c.count(func(s *Summary) { s.Equal++ })
		default:
			write[i], err = c.judge(ctx, v)
		}
		return err
	})
	if err != nil {
		return err
	}
	fresh := due[:0]
	for i, v := range due {
		if write[i] {
			fresh = append(fresh, v)
		}
	}
	return c.write(ctx, fresh)
}

// tell reports progress.
func (c *copier) tell(n int, bytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done += n
	c.read += bytes
	c.Progress(c.done, c.read)
}

// count changes the summary.
func (c *copier) count(f func(*Summary)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.summary)
}

// report tells of a value that was not carried over, if the rest may be: other
// errors it returns.
func (c *copier) report(k driver.Key, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case errors.Is(err, holdfast.ErrDamaged):
		c.summary.Damaged++
	case errors.Is(err, ErrDiffers):
		c.summary.Differ++
	case errors.Is(err, holdfast.ErrInvalidName), errors.Is(err, holdfast.ErrInvalidJSON):
		c.summary.Refused++
	default:
		return named(k, err)
	}
	c.Problem(named(k, err))
	return nil
}

// named says which value an error is about, once.
func named(k driver.Key, err error) error {
	var already *holdfast.Error
	if errors.As(err, &already) {
		return err
	}
	return &holdfast.Error{Op: "copy", Entity: k.Entity, ID: k.ID, Err: err}
}
