package contender

import (
	"bytes"
	"path/filepath"
	"time"

	"github.com/holdfast-go/holdfast/bench/row"
	"go.etcd.io/bbolt"
)

var bucketName = []byte("signal")

// bboltDB is bbolt: one writer commits each value by itself, many share a
// transaction, for which the first waits up to a millisecond.
type bboltDB struct {
	batch bool
	db    *bbolt.DB
}

func (c *bboltDB) Open(dir string) error {
	var err error
	if c.db, err = bbolt.Open(filepath.Join(dir, "bolt.db"), 0o600, nil); err != nil {
		return err
	}
	c.db.MaxBatchDelay = time.Millisecond
	return c.db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(bucketName)
		return err
	})
}

func (c *bboltDB) Put(key string, value []byte) error {
	put := func(tx *bbolt.Tx) error { return tx.Bucket(bucketName).Put([]byte(key), value) }
	if c.batch {
		return c.db.Batch(put)
	}
	return c.db.Update(put)
}

func (c *bboltDB) Get(key string) ([]byte, error) {
	var value []byte
	err := c.db.View(func(tx *bbolt.Tx) error {
		value = bytes.Clone(tx.Bucket(bucketName).Get([]byte(key)))
		return nil
	})
	if err == nil && value == nil {
		err = errAbsent
	}
	return value, err
}

func (c *bboltDB) Load(n int, value func(i int) []byte) error {
	return c.db.Update(func(tx *bbolt.Tx) error {
		for i := range n {
			kept := bytes.Clone(value(i)) // bbolt reads it until the end of the transaction
			if err := tx.Bucket(bucketName).Put([]byte(row.Key(i)), kept); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *bboltDB) All(each func(key string, r *row.Row)) error {
	return c.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketName).ForEach(func(key, value []byte) error {
			r, err := row.Parse(value)
			each(string(key), &r)
			return err
		})
	})
}

func (c *bboltDB) Close() error { return c.db.Close() }
