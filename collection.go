package holdfast

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/internal/natural"
)

// CollectionOptions of a Collection. Nil stands for the zero value, which
// stands for the defaults.
type CollectionOptions[T any] struct {
	// Codec turns values into JSON and back. Default: encoding/json, with
	// json.Number in interface values; for json.RawMessage the very bytes.
	Codec Codec[T]
}

// Collection is one entity of a Store with values of one type. All methods may
// be called from many goroutines.
//
// Absent, cleared and damaged are three answers: ErrNotFound; a nil T (or
// ErrCleared where T has no nil); ErrDamaged, until the value is overwritten or
// removed.
type Collection[T any] struct {
	s      *Store
	entity string
	codec  Codec[T]
	nulls  bool // T can hold null

	// appender reads for a codec that keeps nothing of what it decodes; nil where
	// the backend or the codec is none for that.
	appender driver.AppendGetter
}

// NewCollection names an entity of the store and the type of its values. It
// does not touch the backend; an entity name that none can hold is
// ErrInvalidName.
func NewCollection[T any](s *Store, entity string, o *CollectionOptions[T]) (*Collection[T], error) {
	if s == nil {
		return nil, fail("collection", driver.Key{Entity: entity}, errors.New("no store: NewCollection was called with nil"))
	}
	if err := driver.ValidateEntity(entity); err != nil {
		return nil, fail("collection", driver.Key{}, err)
	}
	c := &Collection[T]{s: s, entity: entity, nulls: holdsNull[T]()}
	if o != nil {
		c.codec = o.Codec
	}
	if c.codec == nil {
		c.codec = defaultCodec[T]()
	}
	if _, ok := c.codec.(jsonCodec[T]); ok {
		c.appender, _ = driver.As[driver.AppendGetter](s.d)
	}
	return c, nil
}

// Entry is a value with what the store knows of it.
type Entry[T any] struct {
	ID      string
	Value   T
	Rev     string    // revision: changes with every change of the value
	ModTime time.Time // of the last change
}

// Entity returns the name of the collection's entity.
func (c *Collection[T]) Entity() string { return c.entity }

// Init prepares the entity. The other methods do it on first use; call it to
// learn early what is wrong. It is backtest-kit's waitForInit.
func (c *Collection[T]) Init(ctx context.Context) error {
	return fail("init", driver.Key{Entity: c.entity}, c.s.beginEntity(ctx, c.entity, true))
}

// Get returns the value: ErrNotFound if there is none, ErrDamaged if it cannot
// be read. It is backtest-kit's readValue.
func (c *Collection[T]) Get(ctx context.Context, id string) (T, error) {
	e, err := c.Entry(ctx, id)
	return e.Value, err
}

// Entry is Get with the revision and the time of the last change.
func (c *Collection[T]) Entry(ctx context.Context, id string) (Entry[T], error) {
	rec, err := c.s.get(ctx, c.key(id))
	if err != nil {
		return Entry[T]{ID: id}, err
	}
	return c.entry(rec)
}

// Has tells whether there is a value, cleared ones included. A damaged one is
// ErrDamaged. It is backtest-kit's hasValue.
func (c *Collection[T]) Has(ctx context.Context, id string) (bool, error) {
	k := c.key(id)
	if err := c.s.begin(ctx, k, true); err != nil {
		return false, fail("has", k, err)
	}
	has, err := c.s.d.Has(ctx, k)
	return has, fail("has", k, err)
}

// Put writes the value, new or not: atomic, and durable when nil is returned.
// It is backtest-kit's writeValue.
func (c *Collection[T]) Put(ctx context.Context, id string, v T) error {
	data, err := c.encode(id, v)
	if err != nil {
		return err
	}
	return c.s.put(ctx, c.key(id), data)
}

// Delete removes the value, durably: ErrNotFound if there is none. It is
// backtest-kit's removeValue.
func (c *Collection[T]) Delete(ctx context.Context, id string) error {
	return c.s.delete(ctx, c.key(id))
}

// Clear removes all values of the collection, durably. It is backtest-kit's
// removeAll.
func (c *Collection[T]) Clear(ctx context.Context) error {
	del, ok := driver.As[driver.Deleter](c.s.d)
	err := c.s.writable()
	if err == nil {
		err = c.s.beginEntity(ctx, c.entity, ok)
	}
	if err == nil {
		err = del.Clear(ctx, c.entity)
		c.s.changes.Add(1)
	}
	return fail("clear", driver.Key{Entity: c.entity}, err)
}

// Len counts the values, cleared and damaged ones included. It is
// backtest-kit's getCount.
func (c *Collection[T]) Len(ctx context.Context) (int, error) {
	n := 0
	for _, err := range c.ids(ctx) {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

// Keys yields the ids in natural order ("log-2" before "log-10"), as
// backtest-kit lists them: localeCompare with numeric and base sensitivity,
// equal ids by bytes. What is created or removed meanwhile is yielded or not.
// An error ends the sequence. It is backtest-kit's keys.
func (c *Collection[T]) Keys(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		ids, err := c.sorted(ctx)
		if err != nil {
			yield("", err)
			return
		}
		for _, id := range ids {
			if !yield(id, nil) {
				return
			}
		}
	}
}

// All yields the entries in the order of Keys, each as it is in its turn. A
// value that cannot be read comes as an Entry with its ID and an error, and the
// sequence goes on if the consumer does; an error without an ID ends it. It is
// backtest-kit's values.
//
// Many entries are read and decoded ahead, on all processors. No goroutine of
// that outlives the sequence. What another process changes on a shared backend
// may be seen for the next few hundred entries only behind them.
func (c *Collection[T]) All(ctx context.Context) iter.Seq2[Entry[T], error] {
	return func(yield func(Entry[T], error) bool) {
		ids, err := c.sorted(ctx)
		if err != nil {
			yield(Entry[T]{}, err)
			return
		}
		a := ahead[T]{c: c, ctx: ctx, ids: ids}
		defer a.stop()
		for i := range ids {
			e, err := a.entry(i)
			if errors.Is(err, ErrNotFound) {
				continue // removed since it was listed
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// Filter yields the entries whose value keep accepts, in the order of Keys.
// Errors are yielded as by All. It is backtest-kit's filter.
func (c *Collection[T]) Filter(ctx context.Context, keep func(T) bool) iter.Seq2[Entry[T], error] {
	return func(yield func(Entry[T], error) bool) {
		for e, err := range c.All(ctx) {
			if (err != nil || keep(e.Value)) && !yield(e, err) {
				return
			}
		}
	}
}

// Take yields the first n entries whose value keep accepts (nil accepts all),
// in the order of Keys. Errors are yielded as by All and not counted. It is
// backtest-kit's take.
func (c *Collection[T]) Take(ctx context.Context, n int, keep func(T) bool) iter.Seq2[Entry[T], error] {
	return func(yield func(Entry[T], error) bool) {
		if n <= 0 {
			return
		}
		left := n
		for e, err := range c.Filter(ctx, func(v T) bool { return keep == nil || keep(v) }) {
			if err == nil {
				left--
			}
			if !yield(e, err) || left == 0 {
				return
			}
		}
	}
}

// Update reads the value, lets change make the new one of it, and writes that
// if the value is still the one that was read; else it starts again with the
// newer one. So no update of others is lost, and change may run more than
// once. found is false, and old the zero T, where there is no value. An error
// of change ends it and nothing has changed; so does ErrDamaged.
func (c *Collection[T]) Update(ctx context.Context, id string, change func(old T, found bool) (T, error)) error {
	return c.s.update(ctx, c.key(id), func(b *Batch) error {
		in := c.In(b)
		old, err := in.Get(id)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		v, err := change(old, err == nil)
		if err != nil {
			return err
		}
		return in.Put(id, v)
	})
}

// Change tells that a value was put or deleted.
type Change struct {
	ID      string
	Deleted bool
}

// Watch yields the changes of the collection made after the call, each after
// it is durable, until ctx is done (which it yields as the last error) or the
// consumer stops. Changes of one value that follow each other closely may be
// told as one.
func (c *Collection[T]) Watch(ctx context.Context) iter.Seq2[Change, error] {
	key := driver.Key{Entity: c.entity}
	w, ok := driver.As[driver.Watcher](c.s.d)
	err := c.s.beginEntity(ctx, c.entity, ok)
	if err != nil {
		return func(yield func(Change, error) bool) { yield(Change{}, fail("watch", key, err)) }
	}
	changes := w.Watch(ctx, c.entity)
	return func(yield func(Change, error) bool) {
		for ch, err := range changes {
			if !yield(Change{ID: ch.Key.ID, Deleted: ch.Deleted}, fail("watch", key, err)) {
				return
			}
		}
	}
}

func (c *Collection[T]) key(id string) driver.Key { return driver.Key{Entity: c.entity, ID: id} }

// ids lists in the backend's order.
func (c *Collection[T]) ids(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		l, ok := driver.As[driver.Lister](c.s.d)
		key := driver.Key{Entity: c.entity}
		if err := c.s.beginEntity(ctx, c.entity, ok); err != nil {
			yield("", fail("list", key, err))
			return
		}
		for id, err := range l.IDs(ctx, c.entity) {
			if !yield(id, fail("list", key, err)) || err != nil {
				return
			}
		}
	}
}

// sorted is all ids, in natural order.
func (c *Collection[T]) sorted(ctx context.Context) ([]string, error) {
	var ids []string
	for id, err := range c.ids(ctx) {
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	natural.Sort(ids)
	return ids, nil
}

func (c *Collection[T]) encode(id string, v T) ([]byte, error) {
	data, err := c.codec.Encode(v)
	if err != nil {
		return nil, fail("put", c.key(id), fmt.Errorf("%w: encode: %w", ErrInvalidJSON, codecError{err}))
	}
	return data, nil
}

// entry decodes. A value that is JSON but not of this type is not damage: it
// is reported as what it is, and stays.
func (c *Collection[T]) entry(rec Record) (Entry[T], error) {
	e := Entry[T]{ID: rec.Key.ID, Rev: rec.Rev, ModTime: rec.ModTime}
	if !c.nulls && isNull(rec.Data) {
		return e, fail("get", rec.Key, ErrCleared)
	}
	v, err := c.codec.Decode(rec.Data)
	if err != nil {
		return e, c.undecodable(rec.Key, err)
	}
	e.Value = v
	return e, nil
}

// entryTo is entry into a zero one that is there already. (As entry itself it
// would make each Get allocate one.)
func (c *Collection[T]) entryTo(e *Entry[T], rec Record) (err error) {
	json, ok := c.codec.(jsonCodec[T])
	if !ok || !c.nulls && isNull(rec.Data) {
		*e, err = c.entry(rec)
		return err
	}
	e.ID, e.Rev, e.ModTime = rec.Key.ID, rec.Rev, rec.ModTime
	if err := json.decodeTo(&e.Value, rec.Data); err != nil {
		e.Value = *new(T)
		return c.undecodable(rec.Key, err)
	}
	return nil
}

func (c *Collection[T]) undecodable(k driver.Key, err error) error {
	return fail("get", k, fmt.Errorf("decode as %T: %w", *new(T), codecError{err}))
}
