package holdfast

import (
	"context"
	"iter"

	"github.com/holdfast-go/holdfast/driver"
)

// Version is a state that a value has had.
type Version[T any] struct {
	Entry[T]
	Deleted bool // the value was removed then, and Value is the zero T
}

// History yields the states of a value, the newest first, as far back as the
// backend keeps them (errors.ErrUnsupported if it keeps none). The newest is
// what Get finds, or a removal. A state that cannot be decoded as a T comes with
// its error, and the sequence goes on if the consumer does; an error without an
// ID ends it.
func (c *Collection[T]) History(ctx context.Context, id string) iter.Seq2[Version[T], error] {
	return func(yield func(Version[T], error) bool) {
		k := c.key(id)
		h, ok := c.s.d.(driver.Historian)
		if err := c.s.begin(ctx, k, ok); err != nil {
			yield(Version[T]{}, fail("history", k, err))
			return
		}
		for v, err := range h.History(ctx, k) {
			if err != nil {
				yield(Version[T]{}, fail("history", k, err))
				return
			}
			version := Version[T]{Entry: Entry[T]{ID: id, ModTime: v.ModTime}, Deleted: v.Deleted}
			if !v.Deleted {
				version.Entry, err = c.entry(v.Record)
			}
			if !yield(version, err) {
				return
			}
		}
	}
}
