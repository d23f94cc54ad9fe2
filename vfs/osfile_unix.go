//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package vfs

import (
	"io/fs"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// osFile is an open regular file. (os.File.Sync asks macOS for F_FULLFSYNC,
// without which the drive's cache would keep the data.)
type osFile struct{ *os.File }

// TryLock takes flock's lock, which belongs to the open file: unlike fcntl's it
// excludes a second open in this process too, and is not dropped when some
// other descriptor of the same file is closed.
func (f *osFile) TryLock() error {
	fd := int(f.Fd())
	err := retry(func() error { return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) })
	runtime.KeepAlive(f)
	if err == unix.EWOULDBLOCK {
		err = ErrLocked
	}
	if err != nil {
		return &fs.PathError{Op: "lock", Path: f.Name(), Err: err}
	}
	return nil
}
