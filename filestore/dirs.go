package filestore

import (
	"errors"
	"io/fs"
	"path"
	"strings"
	"sync"

	"github.com/holdfast-go/holdfast/atomicfile"
	"github.com/holdfast-go/holdfast/vfs"
)

// durableDirs remembers which directories are known to be durable: made by this
// process, or found and fsynced into their parents by it. Finding a directory
// is not enough. The process that made it may have been killed before it synced
// the parent; then only the page cache knows it, and a power cut takes it with
// every acknowledged file in it.
type durableDirs struct {
	mu    sync.Mutex
	known map[string]bool
	made  map[string]bool // they exist, and nothing more can be said
}

// ensure makes dir and what leads to it exist durably. A power cut within it
// leaves fewer or empty directories, which mean nothing.
func (d *durableDirs) ensure(fsys vfs.FS, dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known[dir] {
		return nil
	}
	if err := atomicfile.MkdirAll(fsys, dir, 0o700); err != nil {
		return err
	}
	d.note(dir)
	return nil
}

// create makes dir and what leads to it exist, for a caller that will flush the
// whole file system and then call promote.
func (d *durableDirs) create(fsys vfs.FS, dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for end := 0; end < len(dir); end++ {
		if end = slash(dir, end); d.known[dir[:end]] || d.made[dir[:end]] {
			continue
		}
		if err := fsys.Mkdir(dir[:end], 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if d.made == nil {
			d.made = map[string]bool{}
		}
		d.made[dir[:end]] = true
	}
	return nil
}

// slash returns where the element of dir that from lies in ends.
func slash(dir string, from int) int {
	if i := strings.IndexByte(dir[from:], '/'); i >= 0 {
		return from + i
	}
	return len(dir)
}

// promote says that everything on the file system has been flushed.
func (d *durableDirs) promote() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for dir := range d.made {
		d.note(dir)
	}
	d.made = nil
}

// sync makes the names in directories durable, those of dirs among them: dirs
// has the parents before what is in them.
func (d *durableDirs) sync(fsys vfs.FS, dirs []string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, dir := range append([]string{"."}, dirs...) {
		if err := ignoreNotExist(fsys.SyncDir(dir)); err != nil { // gone by hand: nothing to lose
			return &atomicfile.FlushError{Err: err}
		}
	}
	for _, dir := range dirs {
		d.note(dir)
	}
	return nil
}

// withParents lists directories and what leads to them, each once, parents first.
func withParents(dirs []string) []string {
	var all []string
	seen := map[string]bool{}
	for _, dir := range dirs {
		for end := 0; end < len(dir); end++ {
			end = slash(dir, end)
			if parent := dir[:end]; !seen[parent] {
				seen[parent] = true
				all = append(all, parent)
			}
		}
	}
	return all
}

func (d *durableDirs) note(dir string) {
	if d.known == nil {
		d.known = map[string]bool{}
	}
	for ; dir != "."; dir = path.Dir(dir) {
		d.known[dir] = true
	}
}

// forget drops a directory that turned out to be gone: somebody removed it by
// hand while the store was open.
func (d *durableDirs) forget(dir string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for ; dir != "."; dir = path.Dir(dir) {
		delete(d.known, dir)
		delete(d.made, dir)
	}
}
