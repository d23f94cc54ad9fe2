package vfs

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/windows"
)

func (s *osFS) Rename(oldname, newname string) error {
	from, err := s.checkedPath("rename", oldname)
	if err != nil {
		return err
	}
	to, err := s.checkedPath("rename", newname)
	if err != nil {
		return err
	}
	return move(from, to, windows.MOVEFILE_REPLACE_EXISTING)
}

// Remove moves name aside, written through, and deletes it then. Deletion alone
// stays in memory for a while, and a power cut would bring the file back; after
// the move it can only bring back a temporary name, which the next sweep of
// leftovers deletes.
func (s *osFS) Remove(name string) error {
	from, err := s.checkedPath("remove", name)
	if err != nil {
		return err
	}
	aside := path.Join(path.Dir(name), tempName("removed"))
	to := filepath.Join(filepath.Dir(from), path.Base(aside))
	fi, err := s.root.Lstat(filepath.FromSlash(name))
	if err != nil {
		return err
	}
	if err := move(from, to, 0); err != nil {
		return err
	}
	err = s.root.Remove(filepath.FromSlash(aside))
	if err != nil && isDir(fi) { // it was not empty: put it back
		return errors.Join(err, move(to, from, 0))
	}
	return nil // a file that somebody holds open: its name is gone for good
}

// Mkdir makes the directory under a temporary name and moves that, since a move
// can be written through and a creation cannot.
func (s *osFS) Mkdir(name string, perm fs.FileMode) error {
	to, err := s.checkedPath("mkdir", name)
	if err != nil {
		return err
	}
	if _, err := s.root.Lstat(filepath.FromSlash(name)); err == nil {
		return &fs.PathError{Op: "mkdir", Path: name, Err: fs.ErrExist}
	}
	aside := path.Join(path.Dir(name), tempName("mkdir"))
	if err := s.root.Mkdir(filepath.FromSlash(aside), perm.Perm()); err != nil {
		return err
	}
	if err := move(filepath.Join(filepath.Dir(to), path.Base(aside)), to, 0); err != nil {
		s.root.Remove(filepath.FromSlash(aside))
		return err
	}
	return nil
}

// checkedPath returns the absolute path for name, once every directory on the way has
// been seen to be one, not a link or a junction: a call that takes a path would
// follow those out of the root. (Somebody who puts a junction there between
// this check and the call may write to the root, and needs no such trick.)
func (s *osFS) checkedPath(op, name string) (string, error) {
	local, err := checkName(op, name)
	if err != nil {
		return "", err
	}
	for dir := filepath.Dir(local); dir != "."; dir = filepath.Dir(dir) {
		fi, err := s.root.Lstat(dir)
		if err != nil {
			return "", err
		}
		if !isDir(fi) {
			return "", &fs.PathError{Op: op, Path: name, Err: ErrNotRegular}
		}
	}
	return filepath.Join(s.path, local), nil
}

// createDir makes the directory abs and its missing parents durably, each by a
// move that is written through.
func createDir(abs string) error {
	if _, err := os.Stat(abs); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(abs)
	if parent == abs {
		return &fs.PathError{Op: "mkdir", Path: abs, Err: fs.ErrNotExist}
	}
	if err := createDir(parent); err != nil {
		return err
	}
	aside := filepath.Join(parent, tempName("mkdir"))
	if err := os.Mkdir(aside, 0o700); err != nil {
		return err
	}
	err := move(aside, abs, 0)
	if err != nil {
		os.Remove(aside)
	}
	if errors.Is(err, fs.ErrExist) { // somebody else was faster
		return nil
	}
	return err
}

// move is durable when it returns: WRITE_THROUGH makes it wait for the disk.
func move(from, to string, flags uint32) error {
	fail := func(err error) error {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	f, err := syscall.UTF16PtrFromString(long(from))
	if err != nil {
		return fail(err)
	}
	t, err := syscall.UTF16PtrFromString(long(to))
	if err != nil {
		return fail(err)
	}
	if err := windows.MoveFileEx(f, t, flags|windows.MOVEFILE_WRITE_THROUGH); err != nil {
		return fail(err)
	}
	return nil
}

// long lifts the limit of 260 characters off an absolute path.
func long(abs string) string {
	switch {
	case strings.HasPrefix(abs, `\\?\`), strings.HasPrefix(abs, `\\.\`):
		return abs
	case strings.HasPrefix(abs, `\\`):
		return `\\?\UNC\` + abs[2:]
	}
	return `\\?\` + abs
}

// tempName has the form of package atomicfile's temporary files, so that its
// sweep finds what a crash leaves.
func tempName(what string) string {
	var b [8]byte
	rand.Read(b[:])
	return ".tmp-" + hex.EncodeToString(b[:]) + "-" + what
}
