package crashfs

import (
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/holdfast-go/holdfast/vfs"
)

// File is an open file of an [FS].
type File struct {
	d      *Disk
	ino    uint64
	name   string // as it was opened
	flag   int
	pos    int64
	closed bool
}

// begin locks the disk for a call on an open file. need is O_RDONLY, O_WRONLY,
// or -1 where the way of opening does not matter.
func (f *File) begin(op string, need int) error {
	f.d.mu.Lock()
	way := f.flag & (os.O_RDONLY | os.O_WRONLY | os.O_RDWR)
	switch {
	case f.closed:
		f.d.mu.Unlock()
		return pathError(op, f.name, fs.ErrClosed)
	case need >= 0 && way != need && way != os.O_RDWR:
		f.d.mu.Unlock()
		return pathError(op, f.name, syscall.EBADF)
	}
	return nil
}

func (f *File) content() content { return f.d.im.nodes[f.ino].live.content }

// Read implements [vfs.File].
func (f *File) Read(p []byte) (int, error) {
	if err := f.begin("read", os.O_RDONLY); err != nil {
		return 0, err
	}
	defer f.d.mu.Unlock()
	n := f.content().readAt(p, f.pos)
	f.pos += int64(n)
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// ReadAt implements [vfs.File].
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, pathError("readat", f.name, fs.ErrInvalid)
	}
	if err := f.begin("readat", os.O_RDONLY); err != nil {
		return 0, err
	}
	defer f.d.mu.Unlock()
	n := f.content().readAt(p, off)
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Write implements [vfs.File].
func (f *File) Write(p []byte) (int, error) {
	if err := f.begin("write", os.O_WRONLY); err != nil {
		return 0, err
	}
	defer f.d.mu.Unlock()
	if f.flag&os.O_APPEND != 0 {
		f.pos = f.content().size
	}
	n, err := f.write(p, f.pos)
	f.pos += int64(n)
	return n, err
}

// WriteAt implements [vfs.File].
func (f *File) WriteAt(p []byte, off int64) (int, error) {
	if off < 0 || f.flag&os.O_APPEND != 0 {
		return 0, pathError("writeat", f.name, fs.ErrInvalid)
	}
	if err := f.begin("writeat", os.O_WRONLY); err != nil {
		return 0, err
	}
	defer f.d.mu.Unlock()
	return f.write(p, off)
}

func (f *File) write(p []byte, off int64) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c := Call{Op: OpWrite, Name: f.name, Off: off, Size: int64(len(p)), ino: f.ino, data: keep(p)}
	if err := f.d.do(c); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Truncate implements [vfs.File].
func (f *File) Truncate(size int64) error {
	if size < 0 {
		return pathError("truncate", f.name, fs.ErrInvalid)
	}
	return f.change("truncate", os.O_WRONLY, Call{Op: OpTruncate, Size: size})
}

// Chmod implements [vfs.File].
func (f *File) Chmod(mode fs.FileMode) error {
	return f.change("chmod", -1, Call{Op: OpChmod, perm: mode.Perm()})
}

// Sync implements [vfs.File].
func (f *File) Sync() error { return f.change("sync", -1, Call{Op: OpSync}) }

// Datasync implements [vfs.Datasyncer].
func (f *File) Datasync() error {
	if f.d.opt.Without&WithoutDatasync != 0 {
		return f.Sync()
	}
	return f.change("datasync", -1, Call{Op: OpDatasync})
}

func (f *File) change(op string, need int, c Call) error {
	if err := f.begin(op, need); err != nil {
		return err
	}
	defer f.d.mu.Unlock()
	c.Name, c.ino = f.name, f.ino
	return f.d.do(c)
}

// Stat implements [vfs.File].
func (f *File) Stat() (fs.FileInfo, error) {
	if err := f.begin("stat", -1); err != nil {
		return nil, err
	}
	defer f.d.mu.Unlock()
	return f.d.info(f.name, f.ino), nil
}

// TryLock implements [vfs.File].
func (f *File) TryLock() error {
	if err := f.begin("lock", -1); err != nil {
		return err
	}
	defer f.d.mu.Unlock()
	if holder := f.d.locks[f.ino]; holder != nil && holder != f {
		return pathError("lock", f.name, vfs.ErrLocked)
	}
	f.d.locks[f.ino] = f
	return nil
}

// Alone implements [vfs.Loner].
func (f *File) Alone() bool {
	if f.d.opt.Without&WithoutAlone != 0 || f.begin("alone", -1) != nil {
		return false
	}
	defer f.d.mu.Unlock()
	return f.d.open[f.ino] == 1 && f.d.im.links(f.ino) == 1
}

// Close implements [vfs.File].
func (f *File) Close() error {
	if err := f.begin("close", -1); err != nil {
		return err
	}
	defer f.d.mu.Unlock()
	f.closed = true
	f.d.open[f.ino]--
	if f.d.locks[f.ino] == f {
		delete(f.d.locks, f.ino)
	}
	return nil
}
