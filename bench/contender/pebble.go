package contender

import (
	"bytes"
	"errors"

	"github.com/cockroachdb/pebble/v2"
	"github.com/holdfast-go/holdfast/bench/row"
)

// pebbleDB is Pebble with its defaults; every write is synced, and those of
// many writers share a flush by themselves.
type pebbleDB struct{ db *pebble.DB }

// silent is a log that nobody reads.
type silent struct{}

func (silent) Infof(string, ...any)  {}
func (silent) Errorf(string, ...any) {}

// Fatalf is for errors after which Pebble cannot go on.
func (silent) Fatalf(format string, args ...any) { pebble.DefaultLogger.Fatalf(format, args...) }

func (c *pebbleDB) Open(dir string) error {
	var err error
	c.db, err = pebble.Open(dir, &pebble.Options{Logger: silent{}})
	return err
}

func (c *pebbleDB) Put(key string, value []byte) error {
	return c.db.Set([]byte(key), value, pebble.Sync)
}

func (c *pebbleDB) Get(key string) ([]byte, error) {
	value, closer, err := c.db.Get([]byte(key))
	if err != nil {
		return nil, err
	}
	return bytes.Clone(value), closer.Close()
}

func (c *pebbleDB) Load(n int, value func(i int) []byte) error {
	for i := range n {
		if err := c.db.Set([]byte(row.Key(i)), value(i), pebble.NoSync); err != nil {
			return err
		}
	}
	return c.db.Flush()
}

func (c *pebbleDB) All(each func(key string, r *row.Row)) (err error) {
	it, err := c.db.NewIter(nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		r, err := row.Parse(it.Value())
		if err != nil {
			return err
		}
		each(string(it.Key()), &r)
	}
	return it.Error()
}

func (c *pebbleDB) Close() error { return c.db.Close() }
