package contender

import (
	"path/filepath"

	"github.com/holdfast-go/holdfast/bench/row"
	"github.com/tidwall/buntdb"
)

// buntDB is buntdb, flushing at every commit.
type buntDB struct{ db *buntdb.DB }

func (c *buntDB) Open(dir string) error {
	var err error
	if c.db, err = buntdb.Open(filepath.Join(dir, "bunt.db")); err != nil {
		return err
	}
	var config buntdb.Config
	if err = c.db.ReadConfig(&config); err == nil {
		config.SyncPolicy = buntdb.Always
		err = c.db.SetConfig(config)
	}
	return err
}

func (c *buntDB) Put(key string, value []byte) error {
	return c.db.Update(func(tx *buntdb.Tx) error {
		_, _, err := tx.Set(key, string(value), nil)
		return err
	})
}

func (c *buntDB) Get(key string) ([]byte, error) {
	var value string
	err := c.db.View(func(tx *buntdb.Tx) error {
		var err error
		value, err = tx.Get(key)
		return err
	})
	return []byte(value), err
}

func (c *buntDB) Load(n int, value func(i int) []byte) error {
	return c.db.Update(func(tx *buntdb.Tx) error {
		for i := range n {
			if _, _, err := tx.Set(row.Key(i), string(value(i)), nil); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *buntDB) All(each func(key string, r *row.Row)) error {
	var bad error
	err := c.db.View(func(tx *buntdb.Tx) error {
		return tx.Ascend("", func(key, value string) bool {
			var r row.Row
			r, bad = row.Parse([]byte(value))
			each(key, &r)
			return bad == nil
		})
	})
	if err == nil {
		err = bad
	}
	return err
}

func (c *buntDB) Close() error { return c.db.Close() }
