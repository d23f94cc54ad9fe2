package faultfs

import (
	"io/fs"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/holdfast-go/holdfast/vfs"
)

// Disk is a file system with room for so many bytes. A write that would make
// its file grow beyond the room stores what fits, as a real disk does, and
// fails with ENOSPC. Writing over bytes that are there costs nothing, and
// neither do names. Nothing gives room back but [Disk.Free]: not a removal, not
// a truncation.
//
// Concurrency: all methods may be called from many goroutines; writes are
// carried out one at a time.
type Disk struct {
	inner vfs.FS

	mu   sync.Mutex
	room int64
}

// NewDisk wraps inner, with room for n bytes.
func NewDisk(inner vfs.FS, n int64) *Disk { return &Disk{inner: inner, room: n} }

// Free makes room for n more bytes.
func (d *Disk) Free(n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.room += n
}

// Room returns how many bytes still fit.
func (d *Disk) Room() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.room
}

// OpenFile implements [vfs.FS].
func (d *Disk) OpenFile(name string, flag int, perm fs.FileMode) (vfs.File, error) {
	f, err := d.inner.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &diskFile{File: f, disk: d, name: name, atEnd: flag&os.O_APPEND != 0}, nil
}

// Lstat implements [vfs.FS].
func (d *Disk) Lstat(name string) (fs.FileInfo, error) { return d.inner.Lstat(name) }

// ReadDir implements [vfs.FS].
func (d *Disk) ReadDir(name string) ([]fs.DirEntry, error) { return d.inner.ReadDir(name) }

// Mkdir implements [vfs.FS].
func (d *Disk) Mkdir(name string, perm fs.FileMode) error { return d.inner.Mkdir(name, perm) }

// Rename implements [vfs.FS].
func (d *Disk) Rename(oldname, newname string) error { return d.inner.Rename(oldname, newname) }

// Remove implements [vfs.FS].
func (d *Disk) Remove(name string) error { return d.inner.Remove(name) }

// Chtimes implements [vfs.FS].
func (d *Disk) Chtimes(name string, mtime time.Time) error { return d.inner.Chtimes(name, mtime) }

// SyncDir implements [vfs.FS].
func (d *Disk) SyncDir(name string) error { return d.inner.SyncDir(name) }

// StatDir implements [vfs.DirStater], as [vfs.StatDir] answers for the inner
// file system.
func (d *Disk) StatDir(name string) ([]vfs.Info, error) { return vfs.StatDir(d.inner, name) }

// Exchange implements [vfs.Exchanger], as [vfs.Exchange] answers for the inner
// file system.
func (d *Disk) Exchange(a, b string) error { return vfs.Exchange(d.inner, a, b) }

// SyncAll implements [vfs.AllSyncer], as [vfs.SyncAll] answers for the inner
// file system. It takes no room.
func (d *Disk) SyncAll() error { return vfs.SyncAll(d.inner) }

// Close implements [vfs.FS].
func (d *Disk) Close() error { return d.inner.Close() }

// diskFile is an open file of a Disk.
type diskFile struct {
	vfs.File
	disk  *Disk
	name  string
	pos   int64 // where the next Read or Write goes
	atEnd bool  // opened with O_APPEND
}

func (f *diskFile) Read(p []byte) (int, error) {
	n, err := f.File.Read(p)
	f.pos += int64(n)
	return n, err
}

func (f *diskFile) Write(p []byte) (int, error) {
	n, err := f.write("write", p, f.pos, f.atEnd, f.File.Write)
	f.pos += int64(n)
	return n, err
}

func (f *diskFile) WriteAt(p []byte, off int64) (int, error) {
	return f.write("writeat", p, off, false, func(p []byte) (int, error) { return f.File.WriteAt(p, off) })
}

// Datasync implements [vfs.Datasyncer].
func (f *diskFile) Datasync() error { return vfs.Datasync(f.File) }

// write carries out as much of a write at off, or at the file's end, as fits.
func (f *diskFile) write(op string, p []byte, off int64, atEnd bool, do func([]byte) (int, error)) (int, error) {
	d := f.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	fi, err := f.File.Stat()
	if err != nil {
		return 0, err
	}
	size := fi.Size()
	if atEnd {
		off = size
	}
	free := max(size, off) - off + max(d.room, 0) // what can be written from off on
	full := int64(len(p)) > free
	if full {
		p = p[:free]
	}
	n := 0
	if len(p) > 0 || !full {
		n, err = do(p)
	}
	d.room -= max(off+int64(n)-max(size, off), 0)
	if err == nil && full {
		err = &fs.PathError{Op: op, Path: f.name, Err: syscall.ENOSPC}
	}
	return n, err
}
