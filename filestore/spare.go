package filestore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"syscall"

	"github.com/holdfast-go/holdfast/atomicfile"
	"github.com/holdfast-go/holdfast/vfs"
)

// A checkpoint that replaces many files does not make new ones each time: to
// free a file and make another is slow on some file systems, and costs every
// device work. The old file changes places with the new one, and is written in
// a later checkpoint.
//
// Nobody may see that. What had been read from a file stays what it was: a file
// that somebody still has open, or has made a hard link of, is not written
// again (vfs.Alone). And until it has its place, a spare file lies here:
//
//	.holdfast/spare/00000001
const spareDir = own + "/spare"

// maxSpares and maxSpare, bytes, bound the disk space that spare files take.
const (
	maxSpares = 4096
	maxSpare  = 16 << 10
)

// spares are the files to be written again. The checkpoint that is under way
// has them.
type spares struct {
	names []string
	next  int
	off   bool     // this system cannot exchange names
	left  []string // those of a process that was killed, to be removed
}

// find takes note of what a process that was killed has left behind: many files,
// which would keep the application from starting for as long as it takes to
// remove them. They are not written again. The process may have died before the
// exchange that made them spare was durable, and a power cut would give such a
// file its old name back.
func (x *spares) find(fsys vfs.FS) error {
	entries, err := fsys.ReadDir(spareDir)
	for _, e := range entries {
		x.left = append(x.left, path.Join(spareDir, e.Name()))
		if n, err := strconv.Atoi(e.Name()); err == nil {
			x.next = max(x.next, n) // a new one is none of these
		}
	}
	return ignoreNotExist(err)
}

// dropLeft removes what find has found.
func (x *spares) dropLeft(fsys vfs.FS) error {
	for len(x.left) > 0 {
		if err := ignoreNotExist(fsys.Remove(x.left[0])); err != nil {
			return err
		}
		x.left = x.left[1:]
	}
	return nil
}

// stageSpare writes the new file into a spare one.
func (p *pass) stageSpare(it *item) error {
	s := p.j.s
	if err := s.dirs.create(s.fs, spareDir); err != nil {
		return err
	}
	f, name, err := p.j.spares.take(s.fs)
	if errors.Is(err, fs.ErrNotExist) { // the directory was removed by hand
		s.dirs.forget(spareDir)
		if err = s.dirs.create(s.fs, spareDir); err == nil {
			f, name, err = p.j.spares.take(s.fs)
		}
	}
	if err != nil {
		return err
	}
	it.spare = name
	err = fillSpare(f, it.data)
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = s.fs.Chtimes(name, it.v.time())
	}
	return err
}

func fillSpare(f vfs.File, data []byte) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() > int64(len(data)) {
		if err := f.Truncate(int64(len(data))); err != nil {
			return err
		}
	}
	_, err = f.WriteAt(data, 0)
	return err
}

// take opens a spare file that nobody else can see, a new one if there is none.
func (x *spares) take(fsys vfs.FS) (vfs.File, string, error) {
	for len(x.names) > 0 {
		last := len(x.names) - 1
		name := x.names[last]
		x.names = x.names[:last]
		f, err := fsys.OpenFile(name, os.O_RDWR, 0)
		if err == nil && reusable(f) {
			return f, name, nil
		}
		if err == nil {
			f.Close()
		}
		// Whoever has it open keeps its bytes, and a hard link keeps them under
		// its other name.
		if err := ignoreNotExist(fsys.Remove(name)); err != nil {
			return nil, "", err
		}
	}
	for {
		x.next++
		name := path.Join(spareDir, fmt.Sprintf("%08d", x.next))
		f, err := fsys.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if !errors.Is(err, fs.ErrExist) {
			return f, name, err
		}
	}
}

// reusable tells of a file that is ours alone, and that nobody has opened to
// others.
func reusable(f vfs.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode().Perm()&0o177 == 0 && vfs.Alone(f)
}

// placeSpare lets the new file change places with the old one. What was the old
// one is spare once the pass has made that durable.
func (p *pass) placeSpare(it *item) error {
	fsys := p.j.s.fs
	err := vfs.Exchange(fsys, it.spare, it.file)
	if err == nil {
		return nil
	}
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		p.j.spares.off = true
	case errors.Is(err, syscall.EXDEV):
		return p.beside(it)
	case !errors.Is(err, fs.ErrNotExist): // there is no old one
		return err
	}
	if err := fsys.Rename(it.spare, it.file); err != nil {
		return err
	}
	it.spare = ""
	return nil
}

// beside replaces a file from its own directory, which is mounted there or has a
// quota of its own: nothing can be renamed into it.
func (p *pass) beside(it *item) (err error) {
	p.j.spares.off = true
	p.discard(it)
	o := &atomicfile.Options{Perm: 0o600, ModTime: it.v.time()}
	if it.staged, err = atomicfile.Stage(p.j.s.fs, it.file, it.data, true, o); err != nil {
		return err
	}
	return p.swap(it)
}

// keep takes back what a pass that has succeeded has left over.
func (x *spares) keep(fsys vfs.FS, items []*item) error {
	for _, it := range items {
		switch {
		case it.spare == "":
		case len(x.names) < maxSpares && !x.off:
			x.names = append(x.names, it.spare)
		default:
			if err := ignoreNotExist(fsys.Remove(it.spare)); err != nil {
				return err
			}
		}
	}
	return nil
}

// dropSpares removes all spare files: they hold nothing that is not elsewhere.
func (s *Store) dropSpares() error {
	entries, err := s.fs.ReadDir(spareDir)
	for _, e := range entries {
		if err := ignoreNotExist(s.fs.Remove(path.Join(spareDir, e.Name()))); err != nil {
			return err
		}
	}
	return ignoreNotExist(err)
}
