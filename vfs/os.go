package vfs

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// OSOptions are the options of [OpenOS]. Nil means the defaults.
type OSOptions struct {
	// Create makes dir and its missing parents, with permission bits 0700,
	// and makes their names durable before OpenOS returns.
	Create bool
}

// OpenOS opens the directory dir of the operating system as an [FS]. dir itself
// may be a symbolic link. Beneath it none is followed, whether it would lead
// out or not: the call fails with [ErrNotRegular]. (Lstat, which opens nothing,
// passes links between directories that stay inside; on Windows other calls do
// so as well.)
//
// OpenFile opens regular files only; all else, a directory or a named pipe for
// instance, answers ErrNotRegular at once.
//
// Durability: with Create every directory above dir is synced, up to the root
// of the file system, whether or not this call has made it. Without Create
// nothing above dir is touched, so a program that writes should pass Create.
//
// On Windows, where a directory cannot be synced, Mkdir, Rename and Remove are
// durable when they return, a new file's name is after [File.Sync], and SyncDir
// only checks that the directory is there.
//
// What it returns is a [DirStater] on Linux, macOS and the BSDs, and an
// [AllSyncer] on Linux, where SyncAll needs Linux 5.17 and ext4, XFS, btrfs or
// tmpfs, and answers errors.ErrUnsupported elsewhere.
//
// Errors: fs.ErrNotExist if dir is missing and Create is false; ENOTDIR if it
// is not a directory; errors.ErrUnsupported on systems other than Linux, macOS,
// the BSDs and Windows.
func OpenOS(dir string, o *OSOptions) (FS, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: dir, Err: err}
	}
	if o != nil && o.Create {
		if err := createDir(abs); err != nil {
			return nil, err
		}
	}
	fi, err := os.Stat(abs)
	if err != nil {
		return nil, err
	}
	if !fi.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: abs, Err: syscall.ENOTDIR}
	}
	return openRoot(abs)
}

// checkName returns name in the form of the operating system, or an error for
// one that could mean something else there: not fs.ValidPath, a NUL, and on
// Windows a backslash, a colon, a device such as CON.
func checkName(op, name string) (string, error) {
	local, err := filepath.Localize(name)
	if err != nil {
		return "", &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	return local, nil
}

// byName orders directory entries by the bytes of their names.
func byName(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) }
