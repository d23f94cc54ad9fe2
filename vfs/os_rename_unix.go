//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package vfs

import (
	"os"
	"path"

	"golang.org/x/sys/unix"
)

func (s *osFS) Rename(oldname, newname string) error {
	for _, name := range []string{oldname, newname} {
		if _, err := checkName("rename", name); err != nil {
			return err
		}
	}
	err := s.withParent(oldname, func(from int, oldbase string) error {
		if path.Dir(oldname) == path.Dir(newname) { // one directory, opened once
			return rename(from, oldbase, from, path.Base(newname))
		}
		return s.withParent(newname, func(to int, newbase string) error {
			return rename(from, oldbase, to, newbase)
		})
	})
	if err != nil {
		return &os.LinkError{Op: "rename", Old: oldname, New: newname, Err: err}
	}
	return nil
}

func rename(from int, oldbase string, to int, newbase string) error {
	// renameat would put a directory in the place of an empty one.
	var dst, src unix.Stat_t
	err := unix.Fstatat(to, newbase, &dst, unix.AT_SYMLINK_NOFOLLOW)
	if err == nil && dst.Mode&unix.S_IFMT == unix.S_IFDIR {
		if err := unix.Fstatat(from, oldbase, &src, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return err
		}
		same := src.Dev == dst.Dev && src.Ino == dst.Ino
		if !same || oldbase == newbase { // same: a change of case on a case-blind file system
			return unix.EEXIST
		}
	}
	return retry(func() error { return unix.Renameat(from, oldbase, to, newbase) })
}
