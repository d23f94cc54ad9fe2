package contender

import "github.com/peterbourgon/diskv/v3"

// diskvStore is diskv with its cache, for reading: it is not made for values
// that must survive a power cut.
type diskvStore struct{ d *diskv.Diskv }

func (c *diskvStore) Open(dir string) error {
	c.d = diskv.New(diskv.Options{BasePath: dir, CacheSizeMax: 64 << 20})
	return nil
}

func (c *diskvStore) Put(key string, value []byte) error { return c.d.Write(key, value) }

func (c *diskvStore) Get(key string) ([]byte, error) { return c.d.Read(key) }

func (c *diskvStore) Close() error { return nil }
