//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package vfs

import (
	"io/fs"
	"os"
	"path"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// osFS resolves every name by openat from the descriptor of the root, and
// refuses symbolic links. os.Root alone would follow those that stay inside,
// the last element's included: a write meant for one entity would then reach
// another one's file.
type osFS struct {
	root   *os.Root // for Lstat, whose answer os.SameFile must understand
	top    *os.File // the root directory
	conn   syscall.RawConn
	opener opener
	syncs  dirSyncs
}

func openRoot(abs string) (FS, error) {
	root, err := os.OpenRoot(abs)
	if err != nil {
		return nil, err
	}
	top, err := root.Open(".")
	if err != nil {
		root.Close()
		return nil, err
	}
	conn, err := top.SyscallConn()
	if err != nil {
		top.Close()
		root.Close()
		return nil, err
	}
	return &osFS{root: root, top: top, conn: conn}, nil
}

// withTop calls f with the root's descriptor, which stays open until f returns
// even if Close is called meanwhile: a number that was closed may already
// belong to another file.
func (s *osFS) withTop(f func(top int) error) error {
	var err error
	if s.conn.Control(func(fd uintptr) { err = f(int(fd)) }) != nil {
		return fs.ErrClosed
	}
	return err
}

// withParent calls f with a descriptor of the directory that holds name, and
// the last element of name.
func (s *osFS) withParent(name string, f func(dirfd int, base string) error) error {
	return s.withTop(func(top int) error {
		dir := path.Dir(name)
		if dir == "." {
			return f(top, name)
		}
		fd, err := s.opener.open(top, dir, parentFlags, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return f(fd, path.Base(name))
	})
}

func (s *osFS) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	if _, err := checkName("open", name); err != nil {
		return nil, err
	}
	var f *os.File
	err := s.withTop(func(top int) (err error) {
		f, err = s.openRegular(top, name, flag, perm)
		return err
	})
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return &osFile{f}, nil
}

func (s *osFS) openRegular(top int, name string, flag int, perm fs.FileMode) (*os.File, error) {
	const fresh = os.O_CREATE | os.O_EXCL
	if flag&fresh == fresh { // what this call created is a regular file
		fd, err := s.opener.open(top, name, flag, perm)
		if err != nil {
			return nil, err
		}
		return os.NewFile(uintptr(fd), name), nil
	}
	// O_NONBLOCK: a named pipe would otherwise stop us here until somebody
	// opens its other end, perhaps for ever.
	fd, err := s.opener.open(top, name, flag|unix.O_NONBLOCK, perm)
	switch err {
	case nil:
	case unix.EISDIR, unix.ENXIO: // ENXIO: a pipe nobody reads, a socket
		return nil, ErrNotRegular
	default:
		return nil, err
	}
	if err := checkRegular(fd, flag); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// checkRegular refuses what is not a regular file, and takes O_NONBLOCK off
// what is, since os.File would give the descriptor to the poller.
func checkRegular(fd, flag int) error {
	var st unix.Stat_t
	if err := retry(func() error { return unix.Fstat(fd, &st) }); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return ErrNotRegular
	}
	return retry(func() error {
		_, err := unix.FcntlInt(uintptr(fd), unix.F_SETFL, flag&(os.O_APPEND|os.O_SYNC))
		return err
	})
}

func (s *osFS) openDir(op, name string) (*os.File, error) {
	if _, err := checkName(op, name); err != nil {
		return nil, err
	}
	var fd int
	err := s.withTop(func(top int) (err error) {
		fd, err = s.opener.open(top, name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
		return err
	})
	if err != nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

func (s *osFS) Lstat(name string) (fs.FileInfo, error) {
	local, err := checkName("lstat", name)
	if err != nil {
		return nil, err
	}
	return s.root.Lstat(local)
}

func (s *osFS) ReadDir(name string) ([]fs.DirEntry, error) {
	d, err := s.openDir("readdir", name)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	// Readdir, not ReadDir: it describes the entries by the open directory,
	// one fstatat each, while the entries of ReadDir would look themselves up
	// later by a path which may by then lead elsewhere.
	infos, err := d.Readdir(-1)
	if err != nil { // half a listing passed off as whole would lose entities
		return nil, err
	}
	list := make([]fs.DirEntry, len(infos))
	for i, fi := range infos {
		list[i] = fs.FileInfoToDirEntry(fi)
	}
	slices.SortFunc(list, byName)
	return list, nil
}

func (s *osFS) Mkdir(name string, perm fs.FileMode) error {
	return s.change("mkdir", name, func(dirfd int, base string) error {
		return unix.Mkdirat(dirfd, base, uint32(perm.Perm()))
	})
}

func (s *osFS) Remove(name string) error {
	return s.change("remove", name, func(dirfd int, base string) error {
		err := unix.Unlinkat(dirfd, base, 0)
		if err == nil || err == unix.EINTR {
			return err
		}
		// Systems disagree on the error for a directory, so try it as one.
		if e := unix.Unlinkat(dirfd, base, unix.AT_REMOVEDIR); e != unix.ENOTDIR {
			return e
		}
		return err
	})
}

func (s *osFS) Chtimes(name string, mtime time.Time) error {
	ts, err := unix.TimeToTimespec(mtime)
	if err != nil {
		return &fs.PathError{Op: "chtimes", Path: name, Err: err}
	}
	return s.change("chtimes", name, func(dirfd int, base string) error {
		return unix.UtimesNanoAt(dirfd, base, []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW)
	})
}

// change runs f, again when a signal interrupts it, on name's parent directory.
func (s *osFS) change(op, name string, f func(dirfd int, base string) error) error {
	if _, err := checkName(op, name); err != nil {
		return err
	}
	err := s.withParent(name, func(dirfd int, base string) error {
		return retry(func() error { return f(dirfd, base) })
	})
	if err != nil {
		return &fs.PathError{Op: op, Path: name, Err: err}
	}
	return nil
}

func (s *osFS) Close() error {
	err := s.top.Close()
	if e := s.root.Close(); err == nil {
		err = e
	}
	return err
}

// retry repeats f while a signal interrupts it.
func retry(f func() error) error {
	for {
		if err := f(); err != unix.EINTR {
			return err
		}
	}
}
