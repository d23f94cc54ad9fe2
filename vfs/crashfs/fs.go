package crashfs

import (
	"errors"
	"io/fs"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/holdfast-go/holdfast/vfs"
)

// FS is a file system on a [Disk], as one process has it mounted.
type FS struct {
	d      *Disk
	closed atomic.Bool
}

// The capabilities, each of which [Options] can switch off.
var (
	_ vfs.FS         = (*FS)(nil)
	_ vfs.DirStater  = (*FS)(nil)
	_ vfs.AllSyncer  = (*FS)(nil)
	_ vfs.Exchanger  = (*FS)(nil)
	_ vfs.Datasyncer = (*File)(nil)
	_ vfs.Loner      = (*File)(nil)
)

// Disk is the disk.
func (s *FS) Disk() *Disk { return s.d }

// begin checks the names of a call and locks the disk.
func (s *FS) begin(op string, names ...string) error {
	if err := checkName(op, names...); err != nil {
		return err
	}
	if s.closed.Load() {
		return pathError(op, names[0], fs.ErrClosed)
	}
	s.d.mu.Lock()
	return nil
}

// OpenFile implements [vfs.FS].
func (s *FS) OpenFile(name string, flag int, perm fs.FileMode) (vfs.File, error) {
	if err := s.begin("open", name); err != nil {
		return nil, err
	}
	defer s.d.mu.Unlock()
	ino, err := s.d.openFile(name, flag, perm)
	if err != nil {
		var injected *fs.PathError
		if errors.As(err, &injected) {
			return nil, err
		}
		return nil, pathError("open", name, err)
	}
	s.d.open[ino]++
	return &File{d: s.d, ino: ino, name: name, flag: flag}, nil
}

func (d *Disk) openFile(name string, flag int, perm fs.FileMode) (uint64, error) {
	if name == "." {
		if flag&os.O_CREATE != 0 && flag&os.O_EXCL != 0 {
			return 0, syscall.EEXIST
		}
		return 0, vfs.ErrNotRegular
	}
	p, err := d.find(name)
	if err != nil {
		return 0, err
	}
	switch {
	case p.ino == 0 && flag&os.O_CREATE == 0:
		return 0, syscall.ENOENT
	case p.ino == 0:
		c := Call{Op: OpCreate, Name: name, ino: d.im.next, dir: p.dir, base: p.base, perm: perm.Perm()}
		return c.ino, d.do(c)
	case flag&os.O_CREATE != 0 && flag&os.O_EXCL != 0:
		return 0, syscall.EEXIST
	case d.im.nodes[p.ino].dir:
		return 0, vfs.ErrNotRegular
	}
	if flag&os.O_TRUNC != 0 {
		return p.ino, d.do(Call{Op: OpTruncate, Name: name, ino: p.ino})
	}
	return p.ino, nil
}

// Lstat implements [vfs.FS].
func (s *FS) Lstat(name string) (fs.FileInfo, error) {
	if err := s.begin("lstat", name); err != nil {
		return nil, err
	}
	defer s.d.mu.Unlock()
	ino, err := s.d.resolve(name)
	if err != nil {
		return nil, pathError("lstat", name, err)
	}
	return s.d.info(name, ino), nil
}

// ReadDir implements [vfs.FS].
func (s *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	infos, err := s.list("readdir", name)
	var list []fs.DirEntry
	for _, i := range infos {
		list = append(list, fs.FileInfoToDirEntry(i))
	}
	return list, err
}

// StatDir implements [vfs.DirStater].
func (s *FS) StatDir(name string) ([]vfs.Info, error) {
	if s.d.opt.Without&WithoutStatDir != 0 {
		return vfs.StatDir(struct{ vfs.FS }{s}, name)
	}
	infos, err := s.list("statdir", name)
	list := make([]vfs.Info, len(infos))
	for i, fi := range infos {
		list[i] = fi.info
	}
	return list, err
}

func (s *FS) list(op, name string) ([]fileInfo, error) {
	if err := s.begin(op, name); err != nil {
		return nil, err
	}
	defer s.d.mu.Unlock()
	ino, err := s.d.resolve(name)
	if err == nil && !s.d.im.nodes[ino].dir {
		err = syscall.ENOTDIR
	}
	if err != nil {
		return nil, pathError(op, name, err)
	}
	names := s.d.im.nodes[ino].live.names
	var list []fileInfo
	for _, base := range sorted(names) {
		list = append(list, s.d.info(base, names[base]))
	}
	return list, nil
}

// Mkdir implements [vfs.FS].
func (s *FS) Mkdir(name string, perm fs.FileMode) error {
	return s.change("mkdir", name, func(p place) (Call, error) {
		if p.ino != 0 {
			return Call{}, syscall.EEXIST
		}
		return Call{Op: OpMkdir, ino: s.d.im.next, perm: perm.Perm()}, nil
	})
}

// Remove implements [vfs.FS].
func (s *FS) Remove(name string) error {
	return s.change("remove", name, func(p place) (Call, error) {
		switch n := s.d.im.nodes[p.ino]; {
		case p.ino == 0:
			return Call{}, syscall.ENOENT
		case n.dir && len(n.live.names) > 0:
			return Call{}, syscall.ENOTEMPTY
		}
		return Call{Op: OpRemove, ino: p.ino}, nil
	})
}

// Chtimes implements [vfs.FS].
func (s *FS) Chtimes(name string, mtime time.Time) error {
	return s.change("chtimes", name, func(p place) (Call, error) {
		if p.ino == 0 {
			return Call{}, syscall.ENOENT
		}
		return Call{Op: OpChtimes, ino: p.ino, mtime: mtime.UnixNano()}, nil
	})
}

// change carries out a call about one name.
func (s *FS) change(op, name string, f func(place) (Call, error)) error {
	if err := s.begin(op, name); err != nil {
		return err
	}
	defer s.d.mu.Unlock()
	p, err := s.d.find(name)
	if err != nil {
		return pathError(op, name, err)
	}
	c, err := f(p)
	if err != nil {
		return pathError(op, name, err)
	}
	c.Name, c.dir, c.base = name, p.dir, p.base
	return s.d.do(c)
}

// Rename implements [vfs.FS].
func (s *FS) Rename(oldname, newname string) error {
	if err := s.begin("rename", oldname, newname); err != nil {
		return err
	}
	defer s.d.mu.Unlock()
	from, err := s.d.find(oldname)
	to, toErr := s.d.find(newname)
	if err == nil {
		err = toErr
	}
	if err == nil {
		err = s.d.mayRename(from, to)
	}
	if err != nil {
		return &os.LinkError{Op: "rename", Old: oldname, New: newname, Err: err}
	}
	if from.ino == to.ino {
		return nil // two names of one file: nothing happens, as POSIX says
	}
	return s.d.do(Call{Op: OpRename, Name: oldname, To: newname, ino: from.ino,
		dir: from.dir, base: from.base, toDir: to.dir, toBase: to.base})
}

func (d *Disk) mayRename(from, to place) error {
	moved := d.im.nodes[from.ino]
	switch {
	case from.ino == 0:
		return syscall.ENOENT
	case to.ino != 0 && d.im.nodes[to.ino].dir:
		return syscall.EEXIST
	case moved.dir && to.ino != 0:
		return syscall.ENOTDIR
	case moved.dir && d.within(from.ino, to.dir):
		return syscall.EINVAL
	}
	return nil
}

// Exchange implements [vfs.Exchanger].
func (s *FS) Exchange(a, b string) error {
	if s.d.opt.Without&WithoutExchange != 0 {
		return errors.ErrUnsupported
	}
	if err := s.begin("exchange", a, b); err != nil {
		return err
	}
	defer s.d.mu.Unlock()
	p, err := s.d.findAll(a, b)
	if err == nil && (s.d.im.nodes[p[0].ino].dir || s.d.im.nodes[p[1].ino].dir) {
		err = syscall.EISDIR
	}
	if err != nil {
		return &os.LinkError{Op: "exchange", Old: a, New: b, Err: err}
	}
	return s.d.do(Call{Op: OpExchange, Name: a, To: b, ino: p[0].ino, other: p[1].ino,
		dir: p[0].dir, base: p[0].base, toDir: p[1].dir, toBase: p[1].base})
}

// SyncDir implements [vfs.FS].
func (s *FS) SyncDir(name string) error {
	if err := s.begin("syncdir", name); err != nil {
		return err
	}
	defer s.d.mu.Unlock()
	ino, err := s.d.resolve(name)
	if err == nil && !s.d.im.nodes[ino].dir {
		err = syscall.ENOTDIR
	}
	if err != nil {
		return pathError("syncdir", name, err)
	}
	return s.d.do(Call{Op: OpSyncDir, Name: name, ino: ino})
}

// SyncAll implements [vfs.AllSyncer].
func (s *FS) SyncAll() error {
	if s.d.opt.Without&WithoutSyncAll != 0 {
		return errors.ErrUnsupported
	}
	if err := s.begin("syncall", "."); err != nil {
		return err
	}
	defer s.d.mu.Unlock()
	return s.d.do(Call{Op: OpSyncAll, Name: "."})
}

// Close implements [vfs.FS].
func (s *FS) Close() error {
	if s.closed.Swap(true) {
		return pathError("close", ".", fs.ErrClosed)
	}
	return nil
}
