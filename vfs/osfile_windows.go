package vfs

import (
	"io/fs"
	"os"
	"runtime"

	"golang.org/x/sys/windows"
)

// osFile is an open regular file.
type osFile struct {
	*os.File
	locked bool
}

// TryLock locks one byte far behind any content: a Windows lock also keeps
// others from reading the bytes it covers, and they must be able to read who
// holds the lock.
func (f *osFile) TryLock() error {
	if f.locked { // Windows would refuse a second lock of our own
		return nil
	}
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	at := &windows.Overlapped{Offset: 0xffff_fffe, OffsetHigh: 0x7fff_ffff}
	err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, at)
	runtime.KeepAlive(f)
	if err == windows.ERROR_LOCK_VIOLATION || err == windows.ERROR_IO_PENDING {
		err = ErrLocked
	}
	if err != nil {
		return &fs.PathError{Op: "lock", Path: f.Name(), Err: err}
	}
	f.locked = true
	return nil
}
