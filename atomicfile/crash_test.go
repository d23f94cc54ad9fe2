package atomicfile_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/holdfast-go/holdfast/atomicfile"
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/storetest"
	"github.com/holdfast-go/holdfast/vfs"
)

// files is the smallest store that this package makes: a file for each value.
type files struct {
	vfs.FS
	write func(fsys vfs.FS, name string, data []byte) error
}

// writers are the ways to replace a file.
var writers = map[string]func(fsys vfs.FS, name string, data []byte) error{
	"Write": func(fsys vfs.FS, name string, data []byte) error { return atomicfile.Write(fsys, name, data, nil) },
	"WriteFrom": func(fsys vfs.FS, name string, data []byte) error {
		o := &atomicfile.Options{ModTime: time.Now(), Perm: 0o640}
		return atomicfile.WriteFrom(fsys, name, iotest.HalfReader(strings.NewReader(string(data))), o)
	},
	"Stage": func(fsys vfs.FS, name string, data []byte) error {
		s, err := atomicfile.Stage(fsys, name, data, true, nil)
		if err != nil {
			return err
		}
		return errors.Join(s.Commit(name), fsys.SyncDir(path.Dir(name)))
	},
}

// openFiles sweeps, and makes durable what it finds: whoever was killed may have
// left names that only the page cache knows.
func openFiles(fsys vfs.FS, write func(vfs.FS, string, []byte) error) (driver.Store, error) {
	s := &files{fsys, write}
	for dir, err := range s.dirs(".") {
		if err == nil {
			_, err = atomicfile.Sweep(fsys, dir, time.Now(), nil)
		}
		if err = errors.Join(err, fsys.SyncDir(dir)); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// dirs yields a directory and all beneath it.
func (s *files) dirs(dir string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		entries, err := s.ReadDir(dir)
		if !yield(dir, err) {
			return
		}
		for _, e := range entries {
			if !e.IsDir() {
				continue
			}
			for sub, err := range s.dirs(path.Join(dir, e.Name())) {
				if !yield(sub, err) {
					return
				}
			}
		}
	}
}

func file(k driver.Key) string { return k.Entity + "/" + k.ID }

func (s *files) Init(context.Context, string) error { return nil }

func (s *files) Get(_ context.Context, k driver.Key) (driver.Record, error) {
	f, err := s.OpenFile(file(k), os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return driver.Record{}, driver.ErrNotFound
	}
	if err != nil {
		return driver.Record{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err == nil && !json.Valid(data) {
		err = &driver.DamagedError{Path: file(k)}
	}
	return driver.Record{Key: k, Data: data}, err
}

func (s *files) Has(ctx context.Context, k driver.Key) (bool, error) {
	_, err := s.Get(ctx, k)
	if errors.Is(err, driver.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

func (s *files) Put(_ context.Context, k driver.Key, data []byte) error {
	if err := atomicfile.MkdirAll(s.FS, k.Entity, 0o700); err != nil {
		return err
	}
	return s.write(s.FS, file(k), data)
}

func (s *files) Delete(_ context.Context, k driver.Key) error {
	err := atomicfile.Remove(s.FS, file(k))
	if errors.Is(err, fs.ErrNotExist) {
		return driver.ErrNotFound
	}
	return err
}

func (s *files) Clear(ctx context.Context, entity string) error {
	for id, err := range s.IDs(ctx, entity) {
		if err = errors.Join(err, s.Delete(ctx, driver.Key{Entity: entity, ID: id})); err != nil {
			return err
		}
	}
	return nil
}

func (s *files) IDs(_ context.Context, entity string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		entries, err := s.ReadDir(entity)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			yield("", err)
			return
		}
		for _, e := range entries {
			if !e.IsDir() && !atomicfile.IsTemp(e.Name()) && !yield(e.Name(), nil) {
				return
			}
		}
	}
}

func (s *files) Entities(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for dir, err := range s.dirs(".") {
			for range s.IDs(ctx, dir) {
				if !yield(dir, err) {
					return
				}
				break
			}
		}
	}
}

func (s *files) Properties() driver.Properties {
	return driver.Properties{Backend: "files", Durable: true, ExactBytes: true}
}

// minStates is what a run that is whole may not fall below.
const minStates = 25_000

// Every crash of every way to replace or remove a file.
func TestCrash(t *testing.T) {
	tally := &storetest.CrashTally{}
	t.Run("protocols", func(t *testing.T) {
		for name, write := range writers {
			t.Run(name, func(t *testing.T) {
				storetest.RunCrash(t, func(_ context.Context, fsys vfs.FS) (driver.Store, error) {
					return openFiles(fsys, write)
				}, &storetest.CrashOptions{Tally: tally, Most: 100000})
			})
		}
	})
	tally.Report(t, "atomicfile", minStates)
}
