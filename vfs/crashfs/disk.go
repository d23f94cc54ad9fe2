package crashfs

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Without says which optional capabilities a disk does without. A method that
// is switched off answers as package vfs does where it is missing.
type Without uint8

// The capabilities.
const (
	WithoutDatasync Without = 1 << iota // [vfs.Datasyncer]: a Sync in its place
	WithoutStatDir                      // [vfs.DirStater]: ReadDir in its place
	WithoutSyncAll                      // [vfs.AllSyncer]: errors.ErrUnsupported
	WithoutExchange                     // [vfs.Exchanger]: errors.ErrUnsupported
	WithoutAlone                        // [vfs.Loner]: nobody is alone
)

// WithoutAll is a disk with nothing but the methods of [vfs.FS].
const WithoutAll = WithoutDatasync | WithoutStatDir | WithoutSyncAll | WithoutExchange | WithoutAlone

// Options are the options of a Disk. Nil means the defaults.
type Options struct {
	// Without switches capabilities off. Default: it has all.
	Without Without

	// Now is the disk's clock, which the times of files go by. Default
	// time.Now.
	Now func() time.Time

	// Fault, if not nil, is asked before every call that is recorded, with
	// the disk locked: it must not use it. An error fails the call, in an
	// *fs.PathError, and nothing of it happens; a sync that fails leaves what
	// it should have covered neither durable nor pending.
	Fault func(Call) error
}

// Disk is a disk in memory. It records what is done to it through the file
// systems that Mount returns.
//
// Concurrency: all methods may be called from many goroutines.
type Disk struct {
	opt Options

	mu    sync.Mutex
	base  *image // as it was in the beginning; not changed
	im    *image // as it is now
	calls []Call
	locks map[uint64]*File // held
	open  map[uint64]int   // open files
}

// New returns an empty disk.
func New(o *Options) *Disk {
	d := newDisk(nil, o)
	d.base = newImage(d.now())
	d.im = d.base.clone()
	return d
}

func newDisk(im *image, o *Options) *Disk {
	d := &Disk{locks: map[uint64]*File{}, open: map[uint64]int{}}
	if o != nil {
		d.opt = *o
	}
	if d.opt.Now == nil {
		d.opt.Now = time.Now
	}
	if im != nil {
		d.base, d.im = im, im.clone()
		d.im.model, d.im.pending = 0, nil // the record is asked, not the disk
	}
	return d
}

// Mount returns a file system on the disk: what one process has. Closing it ends
// that one, and neither its open files nor the disk.
func (d *Disk) Mount() *FS { return &FS{d: d} }

// Mark notes v in the record, between the calls: what somebody was told, for
// instance. See [Point.Marks].
func (d *Disk) Mark(v any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls = append(d.calls, Call{Op: opMark, mark: v})
}

// Trace returns what was recorded so far.
func (d *Disk) Trace() *Trace {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &Trace{base: d.base, calls: d.calls[:len(d.calls):len(d.calls)]}
}

// Calls returns how many calls were recorded so far.
func (d *Disk) Calls() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.im.calls
}

// Settled returns a copy on which everything is durable and nothing recorded.
func (d *Disk) Settled(o *Options) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	return newDisk(d.im.settled(), o)
}

// SyncFailed says that a sync of name has failed, for those who make syncs fail
// from the outside (package faultfs): no later sync covers what it should have.
// "" stands for SyncAll. There is no error if nothing has that name.
func (d *Disk) SyncFailed(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := Call{Op: OpSyncAll, Failed: true, now: d.now()}
	if name != "" {
		ino, err := d.resolve(name)
		if err != nil {
			return
		}
		c.Op, c.Name, c.ino = OpSync, name, ino
		if d.im.nodes[ino].dir {
			c.Op = OpSyncDir
		}
	}
	d.record(c)
}

func (d *Disk) now() int64 { return d.opt.Now().UnixNano() }

// do carries a call out, unless a fault comes between.
func (d *Disk) do(c Call) error {
	if d.opt.Fault != nil {
		if err := d.opt.Fault(c); err != nil {
			if c.Op.isSync() {
				c.Failed = true
				d.record(c)
			}
			return pathError(string(c.Op), c.Name, err)
		}
	}
	d.record(c)
	return nil
}

func (d *Disk) record(c Call) {
	c.now = d.now()
	d.im.apply(&c)
	d.calls = append(d.calls, c)
}

// resolve finds what name stands for. Where an element is missing, or no
// directory, it is the error of the operating system.
func (d *Disk) resolve(name string) (uint64, error) {
	ino := uint64(rootIno)
	if name == "." {
		return ino, nil
	}
	for elem := range strings.SplitSeq(name, "/") {
		n := d.im.nodes[ino]
		if !n.dir {
			return 0, syscall.ENOTDIR
		}
		if len(elem) > 255 {
			return 0, syscall.ENAMETOOLONG
		}
		next, ok := n.live.names[elem]
		if !ok {
			return 0, syscall.ENOENT
		}
		ino = next
	}
	return ino, nil
}

// place is where a name is, or could be.
type place struct {
	dir  uint64
	base string
	ino  uint64 // 0: nothing has the name
}

// find returns the place of a name; the root has none.
func (d *Disk) find(name string) (place, error) {
	if name == "." {
		return place{}, syscall.EBUSY
	}
	dir, err := d.resolve(path.Dir(name))
	if err != nil {
		return place{}, err
	}
	p := place{dir: dir, base: path.Base(name)}
	switch {
	case !d.im.nodes[dir].dir:
		return place{}, syscall.ENOTDIR
	case len(p.base) > 255:
		return place{}, syscall.ENAMETOOLONG
	}
	p.ino, _ = d.im.lookup(dir, p.base)
	return p, nil
}

// findAll is find for several names, all of which must stand for something.
func (d *Disk) findAll(names ...string) ([]place, error) {
	var all []place
	for _, name := range names {
		p, err := d.find(name)
		if err == nil && p.ino == 0 {
			err = syscall.ENOENT
		}
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// checkName refuses what is no name of a [vfs.FS].
func checkName(op string, names ...string) error {
	for _, name := range names {
		if !fs.ValidPath(name) || strings.ContainsRune(name, 0) {
			return pathError(op, name, fs.ErrInvalid)
		}
	}
	return nil
}

func pathError(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// within tells whether ino is top or lies beneath it.
func (d *Disk) within(top, ino uint64) bool {
	if top == ino {
		return true
	}
	for _, i := range d.im.nodes[top].live.names {
		if d.im.nodes[i].dir && d.within(i, ino) {
			return true
		}
	}
	return false
}

// sorted returns the names in a directory, in byte order.
func sorted(names map[string]uint64) []string {
	list := make([]string, 0, len(names))
	for name := range names {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}
