package vfs

import (
	"errors"
	"io/fs"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// SyncAll implements [AllSyncer] by syncfs(2) where that call can be trusted
// with a failure (see tellsFailures).
//
// The descriptor is the one that was opened before anything was written through
// s: the kernel reports the write-back errors that came after it was opened,
// and each of them once.
func (s *osFS) SyncAll() error {
	if err := s.withTop(syncAll); err != nil {
		return &fs.PathError{Op: "syncall", Path: ".", Err: err}
	}
	return nil
}

func syncAll(top int) error {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return err
	}
	st, err := fstatfs(top)
	if err != nil {
		return err
	}
	if !tellsFailures(unix.ByteSliceToString(name.Release[:]), uint32(st.Type)) {
		return errors.ErrUnsupported
	}
	if err := retry(func() error { return unix.Syncfs(top) }); err != nil {
		return err
	}
	// ext4 without a journal sends its metadata to the drive after the flush
	// of the drive's cache: this is one more flush. And on an ext4 that has
	// given up after an error it fails, while the syncfs of older kernels says
	// that all is well.
	if err := retry(func() error { return unix.Fsync(top) }); err != nil {
		return err
	}
	// Of a file system that has become read-only, as ext4 and btrfs do after
	// an error, syncfs says nil and leaves in memory what was written before.
	if st, err = fstatfs(top); err != nil {
		return err
	}
	if st.Flags&unix.ST_RDONLY != 0 {
		return unix.EROFS
	}
	return nil
}

func fstatfs(fd int) (st unix.Statfs_t, err error) {
	err = retry(func() error { return unix.Fstatfs(fd, &st) })
	return st, err
}

// tellsFailures reports whether syncfs, of a kernel of this release on a file
// system of this type, returns every error. A sync that swallows one would have
// us acknowledge what is not on the disk.
//
// Before Linux 5.8 write-back errors were swallowed; before 5.17 those of the
// file system's own part, which commits its journal and flushes the drive.
//
// The types are those whose part is known to do both and to tell: not FUSE,
// which does not pass the call on to its server; not overlayfs, which keeps
// the errors of the file system beneath; not f2fs, which returns nil when it has
// given up; not FAT, which flushes no drive; nor any that nobody has looked at.
// (On tmpfs there is nothing to sync, here as with fsync.)
func tellsFailures(release string, fsType uint32) bool {
	switch fsType {
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.TMPFS_MAGIC:
	default:
		return false
	}
	first, rest, _ := strings.Cut(release, ".")
	second := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
	major, err := strconv.Atoi(first)
	if err != nil {
		return false
	}
	minor, err := strconv.Atoi(second)
	if err != nil {
		return false
	}
	return major > 5 || major == 5 && minor >= 17
}
