//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package vfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// createDir makes the directory abs durably.
func createDir(abs string) error { return createDirBy(abs, syncOSDir) }

func createDirBy(abs string, syncDir func(dir string) error) error {
	if err := os.MkdirAll(abs, 0o700); err != nil {
		return err
	}
	list, err := ancestors(abs)
	if err != nil {
		return err
	}
	return syncAncestors(list, syncDir)
}

// ancestors lists the directories that hold the names on the way to the
// absolute path abs: those above it as it is written, nearest first, then those
// above what its symbolic links lead to, since either way may be the one by
// which somebody created it.
func ancestors(abs string) ([]string, error) {
	real, err := filepath.EvalSymlinks(abs)
	if err != nil {
		return nil, err
	}
	var list []string
	seen := map[string]bool{}
	for _, p := range []string{abs, real} {
		for up := filepath.Dir(p); up != p; p, up = up, filepath.Dir(up) {
			if !seen[up] {
				seen[up] = true
				list = append(list, up)
			}
		}
	}
	return list, nil
}

// syncAncestors syncs the directories of list, those that existed before us
// too: an earlier process may have created one and been killed before it
// synced the parent. Only the page cache knows such a name, and a power cut
// would take the whole store with it.
func syncAncestors(list []string, syncDir func(dir string) error) error {
	for _, dir := range list {
		if err := syncDir(dir); err != nil && !passOver(err) {
			return err
		}
	}
	return nil
}

// passOver tells the errors of syncing an ancestor that are no reason to fail.
// Each means that we cannot sync there at all, none that a sync was tried and
// data was lost.
func passOver(err error) bool {
	switch {
	case errors.Is(err, fs.ErrPermission):
		// A directory that this user may not read, such as /home or /srv on a
		// tight machine. Whoever made the next one in it had rights that we
		// lack, and it was there before us.
		return true
	case errors.Is(err, syscall.EROFS):
		return true // nothing unsynced on a read-only file system
	case errors.Is(err, syscall.EINVAL), errors.Is(err, errors.ErrUnsupported):
		// A file system that does not sync directories (proc, some network
		// and FUSE mounts), outside of the store. In the store SyncDir does
		// not pass this over.
		return true
	}
	return false
}

func syncOSDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = syncDir(d)
	if e := d.Close(); err == nil {
		err = e
	}
	return err
}
