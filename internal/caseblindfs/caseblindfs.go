// Package caseblindfs makes a file system that tells no upper from lower case
// out of one that does, for tests of what APFS and NTFS do to two names such as
// "ab" and "AB". A name keeps the case in which it was first created.
package caseblindfs

import (
	"errors"
	"io/fs"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/vfs"
)

// FS finds every element of a path in whatever case it was created, by
// Unicode's simple case folding.
//
// Concurrency: all methods may be called from many goroutines; calls on names
// are carried out one at a time, or two creations could miss each other.
type FS struct {
	inner vfs.FS
	mu    sync.Mutex
}

// New wraps inner.
func New(inner vfs.FS) *FS { return &FS{inner: inner} }

// resolve returns name as it is spelled on the inner file system. What does not
// exist stays as it is.
func (f *FS) resolve(name string) (string, error) {
	if name == "." || !fs.ValidPath(name) { // the inner one refuses the latter
		return name, nil
	}
	dir := "."
	elems := strings.Split(name, "/")
	for i, elem := range elems {
		spelled, err := f.lookup(dir, elem)
		if err != nil {
			return "", err
		}
		if spelled == "" {
			return path.Join(dir, path.Join(elems[i:]...)), nil
		}
		dir = path.Join(dir, spelled)
	}
	return dir, nil
}

// lookup returns how elem is spelled in dir, "" if it is not there.
func (f *FS) lookup(dir, elem string) (string, error) {
	_, err := f.inner.Lstat(path.Join(dir, elem))
	if err == nil {
		return elem, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		// Not a directory, or a name that the inner one refuses: the call
		// itself will say so.
		return "", nil
	}
	entries, err := f.inner.ReadDir(dir)
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if strings.EqualFold(e.Name(), elem) {
			return e.Name(), nil
		}
	}
	return "", nil
}

// on calls g with the spelling of name.
func on[T any](f *FS, name string, g func(name string) (T, error)) (T, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	spelled, err := f.resolve(name)
	if err != nil {
		var zero T
		return zero, err
	}
	return g(spelled)
}

// do is on for calls that return nothing but an error.
func do(f *FS, name string, g func(name string) error) error {
	_, err := on(f, name, func(name string) (struct{}, error) { return struct{}{}, g(name) })
	return err
}

// OpenFile implements [vfs.FS].
func (f *FS) OpenFile(name string, flag int, perm fs.FileMode) (vfs.File, error) {
	return on(f, name, func(name string) (vfs.File, error) { return f.inner.OpenFile(name, flag, perm) })
}

// Lstat implements [vfs.FS].
func (f *FS) Lstat(name string) (fs.FileInfo, error) { return on(f, name, f.inner.Lstat) }

// ReadDir implements [vfs.FS].
func (f *FS) ReadDir(name string) ([]fs.DirEntry, error) { return on(f, name, f.inner.ReadDir) }

// StatDir implements [vfs.DirStater], as [vfs.StatDir] answers for the inner
// file system: with names as they are spelled there, like ReadDir.
func (f *FS) StatDir(name string) ([]vfs.Info, error) {
	return on(f, name, func(name string) ([]vfs.Info, error) { return vfs.StatDir(f.inner, name) })
}

// Mkdir implements [vfs.FS].
func (f *FS) Mkdir(name string, perm fs.FileMode) error {
	return do(f, name, func(name string) error { return f.inner.Mkdir(name, perm) })
}

// Rename implements [vfs.FS]. What is replaced keeps the case of its name; a
// rename of a name to itself in another case changes the case.
func (f *FS) Rename(oldname, newname string) error {
	return do(f, oldname, func(from string) error {
		to, err := f.resolve(newname)
		if err != nil {
			return err
		}
		if to == from && fs.ValidPath(newname) {
			to = path.Join(path.Dir(from), path.Base(newname))
		}
		return f.inner.Rename(from, to)
	})
}

// Remove implements [vfs.FS].
func (f *FS) Remove(name string) error { return do(f, name, f.inner.Remove) }

// Chtimes implements [vfs.FS].
func (f *FS) Chtimes(name string, mtime time.Time) error {
	return do(f, name, func(name string) error { return f.inner.Chtimes(name, mtime) })
}

// SyncDir implements [vfs.FS].
func (f *FS) SyncDir(name string) error { return do(f, name, f.inner.SyncDir) }

// SyncAll implements [vfs.AllSyncer], as [vfs.SyncAll] answers for the inner
// file system.
func (f *FS) SyncAll() error { return vfs.SyncAll(f.inner) }

// Close implements [vfs.FS].
func (f *FS) Close() error { return f.inner.Close() }
