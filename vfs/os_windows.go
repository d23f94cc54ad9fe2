package vfs

import (
	"io/fs"
	"os"
	"slices"
	"syscall"
	"time"
)

// osFS resolves names by os.Root, which lets nothing lead out, and by paths
// that it has checked where a write-through rename is needed, since that call
// takes paths only.
type osFS struct {
	root *os.Root
	path string // absolute
}

func openRoot(abs string) (FS, error) {
	root, err := os.OpenRoot(abs)
	if err != nil {
		return nil, err
	}
	return &osFS{root: root, path: abs}, nil
}

func (s *osFS) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	local, err := checkName("open", name)
	if err != nil {
		return nil, err
	}
	notRegular := &fs.PathError{Op: "open", Path: name, Err: ErrNotRegular}
	switch fi, err := s.root.Lstat(local); {
	case err == nil && !fi.Mode().IsRegular():
		return nil, notRegular // os.Root would follow a link that stays inside
	case err != nil && !os.IsNotExist(err):
		return nil, err
	}
	f, err := s.root.OpenFile(local, flag, perm.Perm())
	if err != nil {
		return nil, err
	}
	fi, err := f.Stat()
	if err == nil && !fi.Mode().IsRegular() {
		err = notRegular
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &osFile{File: f}, nil
}

func (s *osFS) Lstat(name string) (fs.FileInfo, error) {
	local, err := checkName("lstat", name)
	if err != nil {
		return nil, err
	}
	return s.root.Lstat(local)
}

func (s *osFS) ReadDir(name string) ([]fs.DirEntry, error) {
	local, err := checkName("readdir", name)
	if err != nil {
		return nil, err
	}
	d, err := s.root.Open(local)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	list, err := d.ReadDir(-1)
	if err != nil { // half a listing passed off as whole would lose entities
		return nil, err
	}
	slices.SortFunc(list, byName)
	return list, nil
}

func (s *osFS) Chtimes(name string, mtime time.Time) error {
	local, err := checkName("chtimes", name)
	if err != nil {
		return err
	}
	return s.root.Chtimes(local, time.Time{}, mtime)
}

// SyncDir has nothing to do but to check: Windows flushes files only, so Mkdir,
// Rename and Remove write through, and a new file's name stands in NTFS's log
// before the file's own flush, which forces the log out.
func (s *osFS) SyncDir(name string) error {
	local, err := checkName("syncdir", name)
	if err != nil {
		return err
	}
	fi, err := s.root.Lstat(local)
	if err != nil {
		return err
	}
	if !isDir(fi) {
		return &fs.PathError{Op: "syncdir", Path: name, Err: syscall.ENOTDIR}
	}
	return nil
}

func (s *osFS) Close() error { return s.root.Close() }

// isDir is true for a real directory, not for a link or a junction to one.
func isDir(fi fs.FileInfo) bool { return fi.Mode().Type() == fs.ModeDir }
