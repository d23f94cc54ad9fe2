package holdfast

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/holdfast-go/holdfast/driver"
)

// Retention says how far back history reaches, and what bounds it.
type Retention = driver.Retention

// Version is a state that a value has had. Of a removal it has the ID and the
// ModTime alone.
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
		for v, err := range c.versions(ctx, "history", id) {
			if err != nil {
				yield(Version[T]{}, err)
				return
			}
			if !yield(c.version(v)) {
				return
			}
		}
	}
}

// At returns the value as it was at the time t: the newest state that is not
// younger. It is ErrNotFound if the value was removed by then (the Entry tells
// when), and ErrNotKept if history does not reach back to t: then it is not
// known whether there was a value. The state from before the first one kept is
// such a case even if the value did not exist then, since whether a Put made a
// value or changed it is not recorded.
func (c *Collection[T]) At(ctx context.Context, id string, t time.Time) (Entry[T], error) {
	k, asked := c.key(id), time.Now()
	var oldest time.Time
	for v, err := range c.versions(ctx, "get", id) {
		switch {
		case err != nil:
			return Entry[T]{ID: id}, err
		case v.ModTime.After(t):
			oldest = v.ModTime
			continue
		case v.Deleted:
			return Entry[T]{ID: id, ModTime: v.ModTime}, fail("get", k, fmt.Errorf("%w: removed at %s", ErrNotFound, stamp(v.ModTime)))
		}
		return c.entry(v.Record)
	}
	why := "the oldest state kept is of " + stamp(oldest)
	if oldest.IsZero() {
		if !t.Before(asked) {
			return c.Entry(ctx, id) // nothing has happened that history could tell: as of now is what Get finds
		}
		why = "no state of it is kept"
	}
	return Entry[T]{ID: id}, fail("get", k, fmt.Errorf("%w: %s", ErrNotKept, why))
}

// stamp is a time as errors write it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z07:00") }

// version decodes a state.
func (c *Collection[T]) version(v driver.Version) (Version[T], error) {
	if v.Deleted {
		return Version[T]{Entry: Entry[T]{ID: v.Key.ID, ModTime: v.ModTime}, Deleted: true}, nil
	}
	e, err := c.entry(v.Record)
	return Version[T]{Entry: e}, err
}

// versions is the history as the backend tells it. An error ends it.
func (c *Collection[T]) versions(ctx context.Context, op, id string) iter.Seq2[driver.Version, error] {
	return func(yield func(driver.Version, error) bool) {
		k := c.key(id)
		h, ok := driver.As[driver.Historian](c.s.d)
		if err := c.s.begin(ctx, k, ok); err != nil {
			yield(driver.Version{}, fail(op, k, err))
			return
		}
		for v, err := range h.History(ctx, k) {
			if !yield(v, fail(op, k, err)) || err != nil {
				return
			}
		}
	}
}
