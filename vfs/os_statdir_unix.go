//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package vfs

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

const (
	statAlone   = 512 // up to so many names, more goroutines save next to nothing
	statBlock   = 512 // names that a goroutine takes at a time
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
	list, err := statNames(int(d.Fd()), d.Readdirnames)
	var failed *fs.PathError
	if errors.As(err, &failed) && failed.Op == "statdir" {
		failed.Path = path.Join(name, failed.Path)
	}
	return list, err
}

// statNames describes those names of the directory dirfd that are still there.
// more lists them, so many at a time, and io.EOF after the last: to read a large
// directory off a disk takes about as long as to look at what it lists, so the
// one goes on beside the other.
func statNames(dirfd int, more func(n int) ([]string, error)) ([]Info, error) {
	names, err := more(statAlone)
	if err != nil && err != io.EOF {
		return nil, err
	}
	first := make([]Info, len(names))
	if failed := statInto(first, dirfd, names); failed != nil {
		return nil, failed // half a listing passed off as whole would lose entities
	}
	list := [][]Info{first}
	if len(names) == statAlone {
		if list, err = statMany(dirfd, more); err != nil {
			return nil, err
		}
		list = append([][]Info{first}, list...)
	}
	return present(list), nil
}

// present joins what was seen, without what had vanished. Every page of its memory
// is written to before names are copied there: to copy pointers may begin with a
// look for the garbage collector at what they replace, and of a page that is read
// first the system makes a second one, for which it interrupts all processors.
func present(list [][]Info) []Info {
	n := 0
	for _, part := range list {
		n += len(part)
	}
	all := make([]Info, n)
	for i := range all {
		all[i].Size = 0
	}
	n = 0
	for _, part := range list {
		for i := range part {
			if part[i].Name != "" {
				all[n] = part[i]
				n++
			}
		}
	}
	return all[:n]
}

// statMany looks at what more lists with several goroutines, and returns what
// they see in its order.
func statMany(dirfd int, more func(n int) ([]string, error)) (list [][]Info, err error) {
	type block struct {
		names []string
		infos []Info
	}
	workers := min(runtime.GOMAXPROCS(0), statWorkers)
	blocks := make(chan block, 2*workers)
	var failed atomic.Pointer[fs.PathError]
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for b := range blocks {
				if failed.Load() != nil {
					continue // until the listing ends
				}
				if err := statInto(b.infos, dirfd, b.names); err != nil {
					failed.Store(err)
				}
			}
		})
	}
	for err == nil && failed.Load() == nil {
		var names []string
		if names, err = more(statBlock); len(names) > 0 {
			infos := make([]Info, len(names))
			list = append(list, infos)
			blocks <- block{names, infos}
		}
	}
	close(blocks)
	wg.Wait()
	if failed := failed.Load(); failed != nil {
		return nil, failed
	}
	if err != io.EOF {
		return nil, err
	}
	return list, nil
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
