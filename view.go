package holdfast

// View is a Collection seen through a Batch: what it changes happens together
// with everything else in the batch, or not at all.
type View[T any] struct {
	c *Collection[T]
	b *Batch
}

// In gives the collection's typed methods within a batch of the same store.
func (c *Collection[T]) In(b *Batch) View[T] {
	if b.s != c.s {
		panic("holdfast: a batch of one store was given to a collection of another")
	}
	return View[T]{c: c, b: b}
}

// Get is Batch.Get, decoded.
func (v View[T]) Get(id string) (T, error) {
	rec, err := v.b.Get(v.c.entity, id)
	if err != nil {
		var zero T
		return zero, err
	}
	e, err := v.c.entry(rec)
	return e.Value, err
}

// Put is Batch.Put, encoded.
func (v View[T]) Put(id string, value T) error {
	data, err := v.c.encode(id, value)
	if err != nil {
		return err
	}
	return v.b.Put(v.c.entity, id, data)
}

// Delete is Batch.Delete.
func (v View[T]) Delete(id string) error { return v.b.Delete(v.c.entity, id) }
