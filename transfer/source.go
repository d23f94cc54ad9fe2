package transfer

import (
	"context"
	"crypto/sha256"
	"errors"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/lease"
)

// A chunk is what a writer takes at a time, and at the same time the most that
// one batch changes.
const (
	chunkKeys  = 500
	chunkBytes = 4 << 20 // of data; one value may be larger
)

// value is one of the source on its way.
type value struct {
	key     driver.Key
	there   *held // what the target has listed under that name; nil: nothing
	read    bool  // data and err are what the source holds
	data    []byte
	err     error
	replace bool // whatever the target holds
}

// held is a value of the target.
type held struct {
	known bool // it was read: of a backend that cannot scan it is only known to be there
	sum   [sha256.Size]byte
}

// entities are those to be copied, in the source's order.
func (c *copier) entities(ctx context.Context, s *holdfast.Store) ([]string, error) {
	if len(c.Entities) > 0 {
		return c.Entities, nil
	}
	var all []string
	for entity, err := range s.Entities(ctx) {
		if err != nil {
			return nil, err
		}
		if !lease.Kept(entity) {
			all = append(all, entity)
		}
	}
	return all, nil
}

// chunk is what is handed to a writer next.
type chunk struct {
	values []value
	size   int // of the data that was read
	give   func([]value) error
}

func (c *chunk) add(v value) error {
	if len(c.values) > 0 && c.size+len(v.data) > chunkBytes {
		if err := c.flush(); err != nil {
			return err
		}
	}
	if c.values == nil {
		c.values = make([]value, 0, chunkKeys)
	}
	c.values = append(c.values, v)
	if c.size += len(v.data); len(c.values) < chunkKeys {
		return nil
	}
	return c.flush()
}

func (c *chunk) flush() error {
	if len(c.values) == 0 {
		return nil
	}
	values := c.values
	c.values, c.size = nil, 0
	return c.give(values)
}

// list hands out all values in chunks, which may span entities: read already
// where the source can scan, else by name.
func (c *copier) list(ctx context.Context, chunks chan<- []value) error {
	entities, err := c.entities(ctx, c.src)
	if err != nil {
		return err
	}
	ch := &chunk{give: func(values []value) error {
		select {
		case chunks <- values:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}
	for _, entity := range entities {
		there, err := c.listTarget(ctx, entity)
		if err == nil {
			err = c.listSource(ctx, entity, there, ch)
		}
		if err != nil {
			return err
		}
	}
	return ch.flush()
}

func (c *copier) listSource(ctx context.Context, entity string, there map[string]*held, ch *chunk) error {
	from := c.from(entity)
	scanner, ok := driver.As[driver.Scanner](c.src.Driver())
	if !ok {
		for id, err := range c.ids(ctx, from) {
			if err == nil {
				err = ch.add(value{key: driver.Key{Entity: entity, ID: id}, there: there[id]})
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	if err := from.Init(ctx); err != nil {
		return err
	}
	for rec, err := range scanner.Scan(ctx, entity) {
		if err != nil && !errors.Is(err, holdfast.ErrDamaged) {
			return err
		}
		if err := ch.add(value{key: rec.Key, there: there[rec.Key.ID], read: true, data: rec.Data, err: err}); err != nil {
			return err
		}
	}
	return nil
}

// ids lists those of the source as the backend does: nobody waits for an order.
func (c *copier) ids(ctx context.Context, from *collection) iter.Seq2[string, error] {
	lister, ok := driver.As[driver.Lister](c.src.Driver())
	if !ok || from.Init(ctx) != nil {
		return from.Keys(ctx) // which says what is wrong
	}
	return lister.IDs(ctx, from.Entity())
}

// listTarget is what the target holds of an entity. An empty target is not
// asked.
func (c *copier) listTarget(ctx context.Context, entity string) (map[string]*held, error) {
	to := c.to(entity)
	if c.empty {
		return nil, to.Init(ctx)
	}
	there := map[string]*held{}
	scanner, ok := driver.As[driver.Scanner](c.dst.Driver())
	if !ok {
		for id, err := range to.Keys(ctx) {
			if err != nil {
				return nil, err
			}
			there[id] = &held{}
		}
		return there, nil
	}
	if err := to.Init(ctx); err != nil {
		return nil, err
	}
	for rec, err := range scanner.Scan(ctx, entity) {
		switch {
		case errors.Is(err, holdfast.ErrDamaged):
			there[rec.Key.ID] = &held{}
		case err != nil:
			return nil, err
		default:
			there[rec.Key.ID] = &held{known: true, sum: c.digest(rec.Data)}
		}
	}
	return there, nil
}

// parallel is how many calls on single values are under way at once on a backend
// beyond a network, where each of them waits for an answer.
const parallel = 32

// each calls f for 0 to n-1, at once if there are waits to share. It returns one
// of the errors, and makes no new call after it.
func each(shared bool, n int, f func(i int) error) error {
	width := 1
	if shared {
		width = min(parallel, n)
	}
	var failed atomic.Pointer[error]
	var next atomic.Int64
	var wg sync.WaitGroup
	for range width {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && failed.Load() == nil; i = int(next.Add(1)) - 1 {
				if err := f(i); err != nil {
					failed.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}
