package vfs

import (
	"io/fs"
	"os"
	"runtime"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// parentFlags open a directory only to resolve names in it.
const parentFlags = unix.O_PATH | unix.O_DIRECTORY

// opener opens names beneath a directory: by one openat2 where the kernel has
// it, element by element where not.
type opener struct{ walkOnly atomic.Bool }

func (o *opener) open(top int, name string, flag int, perm fs.FileMode) (int, error) {
	if o.walkOnly.Load() {
		return walk(top, name, flag, perm)
	}
	how := unix.OpenHow{
		Flags:   uint64(flag | unix.O_CLOEXEC | unix.O_LARGEFILE),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	}
	if flag&os.O_CREATE != 0 { // a mode without it is EINVAL
		how.Mode = uint64(perm.Perm())
	}
	fd := -1
	err := retry(func() (err error) {
		fd, err = unix.Openat2(top, name, &how)
		return err
	})
	switch err {
	case unix.ELOOP:
		return -1, ErrNotRegular
	case unix.ENOSYS: // before Linux 5.6
		o.walkOnly.Store(true)
		return walk(top, name, flag, perm)
	case unix.EPERM, unix.EAGAIN: // EPERM: a seccomp filter that does not know the call
		return walk(top, name, flag, perm)
	}
	return fd, err
}

// Datasync implements [Datasyncer].
func (f *osFile) Datasync() error {
	fd := int(f.Fd())
	err := retry(func() error { return unix.Fdatasync(fd) })
	runtime.KeepAlive(f)
	if err != nil {
		return &fs.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
	}
	return nil
}
