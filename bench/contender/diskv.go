package contender

import (
	"errors"
	"io"
	"slices"

	"github.com/holdfast-go/holdfast/bench/row"
	"github.com/peterbourgon/diskv/v3"
)

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

// diskvInto is diskv for a reader who has memory already, and knows how much a
// value takes.
type diskvInto struct{ diskvStore }

func (c *diskvInto) AppendGet(key string, dst []byte) ([]byte, error) {
	r, err := c.d.ReadStream(key, false)
	if err != nil {
		return nil, err
	}
	dst = slices.Grow(dst, row.Size+1)
	n, err := io.ReadFull(r, dst[len(dst):len(dst)+row.Size])
	return dst[:len(dst)+n], errors.Join(err, r.Close())
}
