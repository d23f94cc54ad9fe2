package contender

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/holdfast-go/holdfast/bench/row"
)

const ext = ".json"

// plainFiles is a file for each value, replaced as the manuals say: temporary
// file, fsync, rename, fsync of the directory.
type plainFiles struct {
	dir  string
	sync *os.File // the directory
}

func (c *plainFiles) Open(dir string) error {
	c.dir = dir
	var err error
	c.sync, err = os.Open(dir)
	return err
}

func (c *plainFiles) name(key string) string { return filepath.Join(c.dir, key+ext) }

func (c *plainFiles) Put(key string, value []byte) error {
	f, err := os.CreateTemp(c.dir, ".tmp-*")
	if err != nil {
		return err
	}
	_, err = f.Write(value)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), c.name(key))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	if runtime.GOOS == "windows" {
		return nil // has no fsync of a directory
	}
	return c.sync.Sync()
}

func (c *plainFiles) Get(key string) ([]byte, error) { return os.ReadFile(c.name(key)) }

func (c *plainFiles) Close() error { return c.sync.Close() }

// Load leaves the flushing to the file system.
func (c *plainFiles) Load(n int, value func(i int) []byte) error {
	for i := range n {
		if err := os.WriteFile(c.name(row.Key(i)), value(i), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (c *plainFiles) All(each func(key string, r *row.Row)) error {
	entries, err := os.ReadDir(c.dir) // sorted
	if err != nil {
		return err
	}
	for _, e := range entries {
		key, ok := strings.CutSuffix(e.Name(), ext)
		if !ok {
			continue
		}
		data, err := os.ReadFile(c.name(key))
		if err != nil {
			return err
		}
		r, err := row.Parse(data)
		if err != nil {
			return err
		}
		each(key, &r)
	}
	return nil
}
