package atomicfile

import (
	"errors"
	"io/fs"
	"path"
	"strings"
	"syscall"

	"github.com/holdfast-go/holdfast/vfs"
)

// Remove unlinks name, durably: after a nil error no crash brings it back.
//
// Errors: fs.ErrNotExist for an absent one, which is as durable an answer; a
// [*FlushError] if the file is gone but may come back.
func Remove(fsys vfs.FS, name string) error {
	err := fsys.Remove(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// Also where it was absent: an earlier process may have unlinked it and
	// been killed before it could sync. Only the page cache knows then, and
	// a power cut would open a closed position again.
	serr := fsys.SyncDir(path.Dir(name))
	if err != nil && errors.Is(serr, fs.ErrNotExist) {
		return err // the directory is absent too
	}
	if serr != nil {
		return flushError(serr)
	}
	return err
}

// MkdirAll makes the directory name and its missing parents, durably. Existing
// ones keep their permission bits.
//
// Errors: ENOTDIR for a file on the way; [vfs.ErrNotRegular] for a symbolic
// link, wherever it leads; a [*FlushError] if a directory could not be synced.
func MkdirAll(fsys vfs.FS, name string, perm fs.FileMode) error {
	if !fs.ValidPath(name) {
		return &fs.PathError{Op: "mkdir", Path: name, Err: fs.ErrInvalid}
	}
	if name == "." {
		return nil
	}
	parent := "."
	for elem := range strings.SplitSeq(name, "/") {
		dir := path.Join(parent, elem)
		if err := mkdir(fsys, dir, perm); err != nil {
			return err
		}
		// Also if it existed: an earlier process may have made it and been
		// killed before this sync, and then everything that is put into it
		// would vanish together with it.
		if err := fsys.SyncDir(parent); err != nil {
			return flushError(err)
		}
		parent = dir
	}
	return nil
}

// mkdir makes one directory, or checks that it is one.
func mkdir(fsys vfs.FS, dir string, perm fs.FileMode) error {
	fi, err := fsys.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		err = fsys.Mkdir(dir, perm)
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
		fi, err = fsys.Lstat(dir) // somebody else was faster
	}
	if err != nil {
		return err
	}
	switch fi.Mode().Type() {
	case fs.ModeDir:
		return nil
	case fs.ModeSymlink:
		return &fs.PathError{Op: "mkdir", Path: dir, Err: vfs.ErrNotRegular}
	}
	return &fs.PathError{Op: "mkdir", Path: dir, Err: syscall.ENOTDIR}
}
