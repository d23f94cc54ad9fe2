package contender

import (
	"slices"
	"sync"
)

// lockedMap is the limit of reading: a map in memory behind a lock, and a copy
// of the value. Nothing of it is durable.
type lockedMap struct {
	mu sync.RWMutex
	m  map[string][]byte
}

func (c *lockedMap) Open(string) error {
	c.m = map[string][]byte{}
	return nil
}

func (c *lockedMap) Put(key string, value []byte) error {
	value = slices.Clone(value)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.m[key] = value
	return nil
}

func (c *lockedMap) Get(key string) ([]byte, error) {
	c.mu.RLock()
	value, ok := c.m[key]
	c.mu.RUnlock()
	if !ok {
		return nil, errAbsent
	}
	return slices.Clone(value), nil
}

func (c *lockedMap) Close() error { return nil }

// mapInto is the limit for a reader who has memory already.
type mapInto struct{ lockedMap }

func (c *mapInto) AppendGet(key string, dst []byte) ([]byte, error) {
	c.mu.RLock()
	value, ok := c.m[key]
	c.mu.RUnlock()
	if !ok {
		return nil, errAbsent
	}
	return append(dst, value...), nil
}
