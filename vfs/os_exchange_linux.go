package vfs

import (
	"errors"
	"os"
	"path"
	"runtime"

	"golang.org/x/sys/unix"
)

// Exchange implements [Exchanger].
func (s *osFS) Exchange(a, b string) error {
	for _, name := range []string{a, b} {
		if _, err := checkName("exchange", name); err != nil {
			return err
		}
	}
	err := s.withParent(a, func(da int, basea string) error {
		return s.withParent(b, func(db int, baseb string) error {
			return retry(func() error { return unix.Renameat2(da, basea, db, baseb, unix.RENAME_EXCHANGE) })
		})
	})
	switch err {
	case nil:
		return nil
	case unix.EINVAL, unix.ENOSYS: // EINVAL: a file system without it
		err = errors.ErrUnsupported
	}
	return &os.LinkError{Op: "exchange", Old: path.Clean(a), New: path.Clean(b), Err: err}
}

// Alone implements [Loner]. The kernel grants a write lease only to the one who
// has the file open; it is given back at once. (A lease takes the file's owner,
// and a file system that has leases: elsewhere the answer is no.)
func (f *osFile) Alone() bool {
	fd := int(f.Fd())
	defer runtime.KeepAlive(f)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Nlink != 1 || int(st.Uid) != unix.Geteuid() {
		return false
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
		return false
	}
	_, err := unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_UNLCK)
	return err == nil
}
