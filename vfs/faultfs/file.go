package faultfs

import (
	"io/fs"

	"github.com/holdfast-go/holdfast/vfs"
)

// file is an open file with faults. It keeps the name it was opened by.
type file struct {
	inner vfs.File
	fsys  *FS
	name  string
}

func (f *file) Read(p []byte) (int, error) {
	if e := f.fsys.call(OpRead, f.name); e != nil {
		return 0, e.Err
	}
	return f.inner.Read(p)
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	if e := f.fsys.call(OpReadAt, f.name); e != nil {
		return 0, e.Err
	}
	return f.inner.ReadAt(p, off)
}

func (f *file) Write(p []byte) (int, error) {
	e := f.fsys.call(OpWrite, f.name)
	if e == nil {
		return f.inner.Write(p)
	}
	return half(e, p, f.inner.Write)
}

func (f *file) WriteAt(p []byte, off int64) (int, error) {
	e := f.fsys.call(OpWriteAt, f.name)
	if e == nil {
		return f.inner.WriteAt(p, off)
	}
	return half(e, p, func(p []byte) (int, error) { return f.inner.WriteAt(p, off) })
}

// half fails a write, after half of it for a short one.
func half(e *Event, p []byte, write func([]byte) (int, error)) (int, error) {
	if !e.Rule.Short {
		return 0, e.Err
	}
	n, err := write(p[:len(p)/2])
	if err == nil {
		err = e.Err
	}
	return n, err
}

func (f *file) Close() error {
	e := f.fsys.call(OpClose, f.name)
	err := f.inner.Close()
	if e != nil {
		return e.Err
	}
	return err
}

func (f *file) Stat() (fs.FileInfo, error) {
	if e := f.fsys.call(OpStat, f.name); e != nil {
		return nil, e.Err
	}
	return f.inner.Stat()
}

func (f *file) Sync() error {
	if e := f.fsys.call(OpSync, f.name); e != nil {
		return e.Err
	}
	return f.inner.Sync()
}

// Datasync implements [vfs.Datasyncer].
func (f *file) Datasync() error {
	if e := f.fsys.call(OpSync, f.name); e != nil {
		return e.Err
	}
	return vfs.Datasync(f.inner)
}

// Alone implements [vfs.Loner]. It is not counted and never fails.
func (f *file) Alone() bool { return vfs.Alone(f.inner) }

func (f *file) Truncate(size int64) error {
	if e := f.fsys.call(OpTruncate, f.name); e != nil {
		return e.Err
	}
	return f.inner.Truncate(size)
}

func (f *file) Chmod(mode fs.FileMode) error {
	if e := f.fsys.call(OpChmod, f.name); e != nil {
		return e.Err
	}
	return f.inner.Chmod(mode)
}

func (f *file) TryLock() error {
	if e := f.fsys.call(OpTryLock, f.name); e != nil {
		return e.Err
	}
	return f.inner.TryLock()
}
