//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package vfs

import (
	"io/fs"
	"path"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

const (
	statAlone   = 512 // up to so many names, more goroutines save next to nothing
	statBlock   = 256 // names that a goroutine takes at a time
	statWorkers = 4   // goroutines at most: the program has other work for its processors
)

// StatDir implements [DirStater]. Names are resolved from the descriptor that
// was listed, so that all are of one directory whatever is renamed meanwhile.
func (s *osFS) StatDir(name string) ([]Info, error) {
	d, err := s.openDir("statdir", name)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	list, failed := statNames(int(d.Fd()), names)
	if failed != nil { // half a listing passed off as whole would lose entities
		failed.Path = path.Join(name, failed.Path)
		return nil, failed
	}
	return list, nil
}

// statNames describes those names of the directory dirfd that are still there.
func statNames(dirfd int, names []string) ([]Info, *fs.PathError) {
	list := make([]Info, len(names))
	workers := 1
	if len(names) > statAlone {
		workers = min(runtime.GOMAXPROCS(0), statWorkers)
	}
	var next atomic.Int64
	var failed atomic.Pointer[fs.PathError]
	work := func() {
		for failed.Load() == nil {
			end := int(next.Add(statBlock))
			start := end - statBlock
			if start >= len(names) {
				return
			}
			end = min(end, len(names))
			if err := statInto(list[start:end], dirfd, names[start:end]); err != nil {
				failed.Store(err)
			}
		}
	}
	var wg sync.WaitGroup
	for range workers - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
	if err := failed.Load(); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list, func(i Info) bool { return i.Name == "" }), nil
}

// statInto describes each of names in the same place of list, which it leaves
// empty for what has vanished.
func statInto(list []Info, dirfd int, names []string) *fs.PathError {
	var st unix.Stat_t
	for i, name := range names {
		err := retry(func() error { return unix.Fstatat(dirfd, name, &st, unix.AT_SYMLINK_NOFOLLOW) })
		if err == unix.ENOENT {
			continue
		}
		if err != nil {
			return &fs.PathError{Op: "statdir", Path: name, Err: err}
		}
		list[i] = Info{
			Name: name, Mode: fileMode(uint32(st.Mode)), Size: st.Size,
			ModTime: st.Mtim.Nano(), ChangeTime: st.Ctim.Nano(),
			Inode: st.Ino, Device: uint64(st.Dev),
		}
	}
	return nil
}

// fileMode translates the system's mode as package os does.
func fileMode(m uint32) fs.FileMode {
	mode := fs.FileMode(m & 0o777)
	switch m & unix.S_IFMT {
	case unix.S_IFREG:
	case unix.S_IFDIR:
		mode |= fs.ModeDir
	case unix.S_IFLNK:
		mode |= fs.ModeSymlink
	case unix.S_IFIFO:
		mode |= fs.ModeNamedPipe
	case unix.S_IFSOCK:
		mode |= fs.ModeSocket
	case unix.S_IFBLK:
		mode |= fs.ModeDevice
	case unix.S_IFCHR:
		mode |= fs.ModeDevice | fs.ModeCharDevice
	default:
		mode |= fs.ModeIrregular
	}
	if m&unix.S_ISUID != 0 {
		mode |= fs.ModeSetuid
	}
	if m&unix.S_ISGID != 0 {
		mode |= fs.ModeSetgid
	}
	if m&unix.S_ISVTX != 0 {
		mode |= fs.ModeSticky
	}
	return mode
}
