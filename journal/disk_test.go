package journal_test

import (
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/vfs"
)

const sector = 512

// disk is a file system in memory with one directory, which knows what a power
// cut may leave: of everything that was not flushed any sector in any of
// its versions, and any of the changes of names.
type disk struct {
	mu    sync.Mutex
	names map[string]*node
	safe  map[string]*node               // the names that are durable
	moves []func(names map[string]*node) // changes of names that are not
}

// node is a file's content.
type node struct {
	data, safe []byte
	writes     []write // since the last flush
}

type write struct {
	off  int64
	data []byte
}

func newDisk() *disk { return &disk{names: map[string]*node{}, safe: map[string]*node{}} }

// cut returns the disk as a power cut may leave it.
func (d *disk) cut(rnd *rand.Rand) *disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	names := maps.Clone(d.safe)
	for _, move := range d.moves {
		if rnd.IntN(2) == 0 {
			move(names)
		}
	}
	c := newDisk()
	for name, n := range names {
		b := n.cut(rnd)
		c.names[name] = &node{data: b, safe: slices.Clone(b)}
	}
	c.safe = maps.Clone(c.names)
	return c
}

// killed returns the disk as it is for the next process after kill -9: what was
// not flushed is there, and a power cut may still take it.
func (d *disk) killed() *disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := newDisk()
	nodes := map[*node]*node{}
	like := func(names map[string]*node) map[string]*node {
		same := map[string]*node{}
		for name, n := range names {
			if nodes[n] == nil {
				nodes[n] = &node{slices.Clone(n.data), slices.Clone(n.safe), slices.Clone(n.writes)}
			}
			same[name] = nodes[n]
		}
		return same
	}
	c.names, c.safe = like(d.names), like(d.safe)
	if len(d.moves) > 0 { // any part of them may be on disk: simply none, until the next sync
		c.moves = []func(map[string]*node){func(names map[string]*node) {
			clear(names)
			maps.Copy(names, c.names)
		}}
	}
	return c
}

// settled returns a copy on which everything is durable.
func (d *disk) settled() *disk {
	c := d.killed()
	for _, n := range c.names {
		n.safe, n.writes = slices.Clone(n.data), nil
	}
	c.safe, c.moves = maps.Clone(c.names), nil
	return c
}

// forget makes every page count as clean, without writing it: what the kernel
// does after it has reported an error of the disk.
func (d *disk) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, n := range d.names {
		n.writes = nil
	}
}

func (n *node) cut(rnd *rand.Rand) []byte {
	b := slices.Clone(n.safe)
	last := map[int64]bool{} // sectors that got no later version
	for _, w := range n.writes {
		for at := int64(0); at < int64(len(w.data)); {
			s := (w.off + at) / sector
			end := min((s+1)*sector-w.off, int64(len(w.data)))
			if !last[s] && rnd.IntN(3) > 0 {
				b = writeAt(b, w.data[at:end], w.off+at)
			} else if rnd.IntN(2) == 0 {
				last[s] = true
			}
			at = end
		}
	}
	return b
}

func writeAt(b, p []byte, off int64) []byte {
	if n := off + int64(len(p)); n > int64(len(b)) {
		b = append(b, make([]byte, n-int64(len(b)))...)
	}
	copy(b[off:], p)
	return b
}

func (d *disk) OpenFile(name string, flag int, _ fs.FileMode) (vfs.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	name = path.Clean(name)
	n := d.names[name]
	switch {
	case n == nil && flag&os.O_CREATE == 0:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	case n != nil && flag&os.O_EXCL != 0:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrExist}
	case n == nil:
		n = &node{}
		d.move(func(names map[string]*node) { names[name] = n })
	}
	return &diskFile{d: d, n: n, name: name}, nil
}

func (d *disk) move(f func(names map[string]*node)) {
	f(d.names)
	d.moves = append(d.moves, f)
}

func (d *disk) Rename(old, name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.names[old]
	if n == nil {
		return &fs.PathError{Op: "rename", Path: old, Err: fs.ErrNotExist}
	}
	d.move(func(names map[string]*node) {
		delete(names, old)
		names[name] = n
	})
	return nil
}

func (d *disk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.names[name] == nil {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	d.move(func(names map[string]*node) { delete(names, name) })
	return nil
}

func (d *disk) SyncDir(string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.safe, d.moves = maps.Clone(d.names), nil
	return nil
}

func (d *disk) ReadDir(string) ([]fs.DirEntry, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []fs.DirEntry
	for _, name := range slices.Sorted(maps.Keys(d.names)) {
		list = append(list, fs.FileInfoToDirEntry(info{name, int64(len(d.names[name].data))}))
	}
	return list, nil
}

func (d *disk) Lstat(name string) (fs.FileInfo, error)     { panic("not needed") }
func (d *disk) Mkdir(name string, perm fs.FileMode) error  { panic("not needed") }
func (d *disk) Chtimes(name string, mtime time.Time) error { panic("not needed") }
func (d *disk) Close() error                               { return nil }

type info struct {
	name string
	size int64
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return 0o600 }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return false }
func (i info) Sys() any           { return nil }

type diskFile struct {
	d    *disk
	n    *node
	name string
}

func (f *diskFile) ReadAt(p []byte, off int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if off >= int64(len(f.n.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.n.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *diskFile) WriteAt(p []byte, off int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	p = slices.Clone(p)
	f.n.writes = append(f.n.writes, write{off, p})
	f.n.data = writeAt(f.n.data, p, off)
	return len(p), nil
}

func (f *diskFile) Sync() error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	for _, w := range f.n.writes {
		f.n.safe = writeAt(f.n.safe, w.data, w.off)
	}
	f.n.writes = nil
	return nil
}

func (f *diskFile) Stat() (fs.FileInfo, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	return info{strings.TrimPrefix(f.name, "./"), int64(len(f.n.data))}, nil
}

func (f *diskFile) Read([]byte) (int, error)  { panic("not needed") }
func (f *diskFile) Write([]byte) (int, error) { panic("not needed") }
func (f *diskFile) Truncate(int64) error      { panic("not needed") }
func (f *diskFile) Chmod(fs.FileMode) error   { panic("not needed") }
func (f *diskFile) TryLock() error            { return nil }
func (f *diskFile) Close() error              { return nil }

// idle is a disk that forgets what it was told, for benchmarks of all but the disk.
type idle struct{ *disk }

func (d *idle) OpenFile(name string, flag int, perm fs.FileMode) (vfs.File, error) {
	f, err := d.disk.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &idleFile{f.(*diskFile)}, nil
}

type idleFile struct{ *diskFile }

func (f *idleFile) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }
