package transfer

import (
	"context"
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

// name is a value to carry over.
type name struct {
	key   driver.Key
	there bool // the target has listed one
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

// list hands out the names of all values in chunks, which may span entities.
func (c *copier) list(ctx context.Context, chunks chan<- []name) error {
	entities, err := c.entities(ctx, c.src)
	if err != nil {
		return err
	}
	var chunk []name
	give := func() error {
		select {
		case chunks <- chunk:
			chunk = nil
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for _, entity := range entities {
		there, err := c.listTarget(ctx, entity)
		if err != nil {
			return err
		}
		for id, err := range c.from(entity).Keys(ctx) {
			if err != nil {
				return err
			}
			chunk = append(chunk, name{driver.Key{Entity: entity, ID: id}, there[id]})
			if len(chunk) == chunkKeys {
				if err := give(); err != nil {
					return err
				}
			}
		}
	}
	if len(chunk) > 0 {
		return give()
	}
	return nil
}

// listTarget is what the target holds of an entity. An empty target is not
// asked.
func (c *copier) listTarget(ctx context.Context, entity string) (map[string]bool, error) {
	if c.empty {
		return nil, c.to(entity).Init(ctx)
	}
	there := map[string]bool{}
	for id, err := range c.to(entity).Keys(ctx) {
		if err != nil {
			return nil, err
		}
		there[id] = true
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
