package cachestore

import (
	"container/list"
	"errors"
	"time"

	"github.com/holdfast-go/holdfast/driver"
)

// rewatchAfter is the pause after a watching that ended.
const rewatchAfter = time.Second

// overhead is what a value takes beside its bytes, roughly.
const overhead = 256

// cache is the values that are kept. Its user locks it.
type cache struct {
	limit   int64
	bytes   int64
	entries map[driver.Key]*list.Element
	order   *list.List             // of *entry: the one used last in front
	flights map[driver.Key]*flight // what is being read
	closed  map[driver.Key]int     // writes under way; a key without an id is an entity
	hits    uint64
	misses  uint64
}

type entry struct {
	rec   driver.Record
	until time.Time
	size  int64
}

// flight is a value on its way here: of those that read it at once.
type flight struct {
	readers int
	stale   bool // the value has changed, or may have, since the first began
}

func newCache(limit int64) cache {
	return cache{
		limit: limit, entries: map[driver.Key]*list.Element{}, order: list.New(),
		flights: map[driver.Key]*flight{}, closed: map[driver.Key]int{},
	}
}

// get finds a value that is not too old. Its data is the cache's own.
func (c *cache) get(k driver.Key) (driver.Record, bool) {
	el, ok := c.entries[k]
	if ok && !time.Now().Before(el.Value.(*entry).until) {
		c.remove(el)
		ok = false
	}
	if !ok {
		c.misses++
		return driver.Record{}, false
	}
	c.hits++
	c.order.MoveToFront(el)
	return el.Value.(*entry).rec, true
}

// depart notes that a value is being read.
func (c *cache) depart(k driver.Key) *flight {
	f := c.flights[k]
	if f == nil {
		f = &flight{stale: c.isClosed(k)}
		c.flights[k] = f
	}
	f.readers++
	return f
}

// arrive notes that it was read, and tells whether it may be kept.
func (c *cache) arrive(k driver.Key, f *flight) (fresh bool) {
	if f.readers--; f.readers == 0 && c.flights[k] == f {
		delete(c.flights, k)
	}
	return !f.stale
}

// put keeps a value. What is larger than the whole cache is not kept.
func (c *cache) put(k driver.Key, rec driver.Record, until time.Time) {
	if el, ok := c.entries[k]; ok {
		c.remove(el)
	}
	rec.Key = k
	e := &entry{rec: rec, until: until, size: int64(len(k.Entity)+len(k.ID)+len(rec.Data)) + overhead}
	if e.size > c.limit {
		return
	}
	c.entries[k] = c.order.PushFront(e)
	for c.bytes += e.size; c.bytes > c.limit; {
		c.remove(c.order.Back())
	}
}

func (c *cache) remove(el *list.Element) {
	e := c.order.Remove(el).(*entry)
	c.bytes -= e.size
	delete(c.entries, e.rec.Key)
}

// drop forgets a value, or those of an entity, those on their way too.
func (c *cache) drop(k driver.Key) {
	if k.ID != "" {
		if el, ok := c.entries[k]; ok {
			c.remove(el)
		}
		c.divert(k)
		return
	}
	for other, el := range c.entries {
		if other.Entity == k.Entity {
			c.remove(el)
		}
	}
	for other := range c.flights {
		if other.Entity == k.Entity {
			c.divert(other)
		}
	}
}

// divert has what is on its way not be kept, and who reads from now on begin a
// flight of their own.
func (c *cache) divert(k driver.Key) {
	if f, ok := c.flights[k]; ok {
		f.stale = true
		delete(c.flights, k)
	}
}

// close drops a value, or those of an entity, and keeps none until open, nor what
// was on its way before.
func (c *cache) close(k driver.Key) {
	c.closed[k]++
	c.drop(k)
}

func (c *cache) open(k driver.Key) {
	if c.closed[k]--; c.closed[k] == 0 {
		delete(c.closed, k)
	}
}

func (c *cache) isClosed(k driver.Key) bool {
	return c.closed[k] > 0 || c.closed[driver.Key{Entity: k.Entity}] > 0
}

// clear forgets everything.
func (c *cache) clear() {
	clear(c.entries)
	c.order.Init()
	c.bytes = 0
	for k := range c.flights {
		c.divert(k)
	}
}

func isUnsupported(err error) bool { return errors.Is(err, errors.ErrUnsupported) }
