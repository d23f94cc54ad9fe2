//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package vfs

import (
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"
)

// walk opens name beneath the directory top, one element after the other,
// following no symbolic link: ErrNotRegular where one is met.
func walk(top int, name string, flag int, perm fs.FileMode) (int, error) {
	dir := top
	for {
		elem, rest, more := strings.Cut(name, "/")
		elemFlag, elemPerm := flag, perm
		if more {
			elemFlag, elemPerm = parentFlags, 0
		}
		fd, err := openElem(dir, elem, elemFlag, elemPerm)
		if dir != top {
			unix.Close(dir)
		}
		if err != nil || !more {
			return fd, err
		}
		dir, name = fd, rest
	}
}

func openElem(dir int, elem string, flag int, perm fs.FileMode) (int, error) {
	fd := -1
	err := retry(func() (err error) {
		fd, err = unix.Openat(dir, elem, flag|unix.O_NOFOLLOW|unix.O_CLOEXEC, uint32(perm.Perm()))
		return err
	})
	if err == nil || err == unix.ENOENT || err == unix.EEXIST {
		return fd, err
	}
	// Systems have five different errors for "that was a symbolic link".
	var st unix.Stat_t
	if e := unix.Fstatat(dir, elem, &st, unix.AT_SYMLINK_NOFOLLOW); e == nil && st.Mode&unix.S_IFMT == unix.S_IFLNK {
		err = ErrNotRegular
	}
	return -1, err
}
