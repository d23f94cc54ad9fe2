package contender

import (
	"database/sql"
	"errors"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/holdfast-go/holdfast/bench/row"
	_ "github.com/mattn/go-sqlite3" // the driver "sqlite3"
)

// sqlite is SQLite with a write-ahead log and synchronous=FULL: every commit
// is flushed. SQLite has one writer at a time, so all writes go through one
// connection: several would only wait for each other's lock. Reads have a
// connection for each reader.
type sqlite struct {
	readers  int
	write    *sql.DB
	read     *sql.DB
	put, get *sql.Stmt
}

func (c *sqlite) Open(dir string) error {
	if err := c.open(dir); err != nil {
		c.Close()
		if strings.Contains(err.Error(), "CGO_ENABLED=0") {
			return missing("this binary was built without cgo, which go-sqlite3 needs")
		}
		return err
	}
	return nil
}

func (c *sqlite) open(dir string) error {
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(filepath.Join(dir, "sqlite.db")),
		RawQuery: "_journal_mode=WAL&_synchronous=FULL"}
	var err error
	if c.write, err = sql.Open("sqlite3", u.String()); err != nil {
		return err
	}
	c.write.SetMaxOpenConns(1)
	if _, err = c.write.Exec(`CREATE TABLE IF NOT EXISTS signal (id TEXT PRIMARY KEY, data BLOB) WITHOUT ROWID`); err != nil {
		return err
	}
	if c.put, err = c.write.Prepare(`INSERT INTO signal VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET data = excluded.data`); err != nil {
		return err
	}
	if c.read, err = sql.Open("sqlite3", u.String()); err != nil {
		return err
	}
	c.read.SetMaxOpenConns(max(c.readers, 1))
	c.read.SetMaxIdleConns(max(c.readers, 1))
	c.get, err = c.read.Prepare(`SELECT data FROM signal WHERE id = ?`)
	return err
}

func (c *sqlite) Put(key string, value []byte) error {
	_, err := c.put.Exec(key, value)
	return err
}

func (c *sqlite) Get(key string) ([]byte, error) {
	var value []byte
	err := c.get.QueryRow(key).Scan(&value)
	return value, err
}

func (c *sqlite) Load(n int, value func(i int) []byte) error {
	tx, err := c.write.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	put := tx.Stmt(c.put)
	for i := range n {
		if _, err := put.Exec(row.Key(i), value(i)); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func (c *sqlite) All(each func(key string, r *row.Row)) error {
	rows, err := c.read.Query(`SELECT id, data FROM signal ORDER BY id`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var key string
		var data sql.RawBytes
		if err := rows.Scan(&key, &data); err != nil {
			return err
		}
		r, err := row.Parse(data)
		if err != nil {
			return err
		}
		each(key, &r)
	}
	return rows.Err()
}

func (c *sqlite) Close() error {
	var errs []error
	for _, db := range []*sql.DB{c.read, c.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}
