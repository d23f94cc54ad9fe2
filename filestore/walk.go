package filestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/holdfast-go/holdfast/atomicfile"
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/vfs"
)

// directory is one directory of values, as walk finds it.
type directory struct {
	path   string
	entity string
	files  []vfs.Info // whose names end as those of values do, whatever they are
	temps  bool       // there are temporary files of long names, which are cut off
}

// walker visits the directories that can hold values, but the base directory
// itself, which holds entities only, and what is Holdfast's own.
type walker struct {
	s     *Store
	visit func(directory) error
	// refuse decides what becomes of a place that may hide values: an error
	// ends the walk, nil passes it over.
	refuse func(*driver.DamagedError) error
	stat   bool // fill in how the files look, not their names and kinds alone
	device uint64
	mixed  bool // something lies on another device: with stat
}

// list lists one directory.
func (w *walker) list(dir string) ([]vfs.Info, error) {
	if w.stat {
		return vfs.StatDir(w.s.fs, dir)
	}
	entries, err := w.s.fs.ReadDir(dir)
	infos := make([]vfs.Info, len(entries))
	for i, e := range entries {
		infos[i] = vfs.Info{Name: e.Name(), Mode: e.Type()}
	}
	return infos, err
}

// refused ends a walk: nobody may take what is in there for absent.
func refused(err *driver.DamagedError) error { return err }

func (w *walker) walk(ctx context.Context) error { return w.into(ctx, directory{path: "."}) }

func (w *walker) into(ctx context.Context, d directory) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	infos, err := w.list(d.path)
	if errors.Is(err, fs.ErrNotExist) && d.path != "." {
		return nil // removed by hand since its parent was listed
	}
	if err != nil {
		return err
	}
	var below []string
	d.files = infos[:0] // in their place: there may be very many
	for _, e := range infos {
		w.mixed = w.mixed || w.stat && e.Device != w.device
		switch {
		case strings.HasSuffix(e.Name, suffix):
			values, err := w.holdsValues(&d, e)
			if err != nil {
				return err
			}
			if !values {
				d.files = append(d.files, e)
			}
		case e.Mode.IsRegular() && strings.HasPrefix(e.Name, ".") && atomicfile.IsTemp(e.Name):
			d.temps = true
		case e.Mode.IsDir():
			below = append(below, e.Name)
		case e.Mode&fs.ModeSymlink != 0:
			if err := w.refuse(w.s.symlink(path.Join(d.path, e.Name))); err != nil {
				return err
			}
		}
	}
	if d.path != "." {
		if err := w.visit(d); err != nil {
			return err
		}
	}
	slices.Sort(below)
	return w.below(ctx, d, below)
}

func (w *walker) below(ctx context.Context, d directory, names []string) error {
	kind := elementName
	if d.path == "." {
		kind = firstName
	}
	seen := map[string]string{}
	for _, name := range names {
		if kind == firstName && notEntity(name) {
			continue
		}
		dir := path.Join(d.path, name)
		element, ok := w.s.names.decode(name, kind)
		other, twice := seen[element]
		var err error
		switch {
		case !ok:
			err = w.refuse(w.s.foreign(dir, "directory"))
		case twice:
			err = w.refuse(w.s.twoDirectories(dir, other))
		default:
			seen[element] = name
			entity := strings.TrimPrefix(d.entity+"/"+element, "/")
			err = w.into(ctx, directory{path: dir, entity: entity})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// holdsValues tells of a directory that is named like the file of a value and
// holds values itself: the entity "x.json" as another program keeps it. To take
// it for a damaged value would make those in it look absent.
func (w *walker) holdsValues(d *directory, e vfs.Info) (bool, error) {
	if !e.Mode.IsDir() {
		return false, nil
	}
	name := path.Join(d.path, e.Name)
	entries, err := w.s.fs.ReadDir(name)
	if err != nil {
		return false, ignoreNotExist(err)
	}
	for _, below := range entries {
		if strings.HasSuffix(below.Name(), suffix) {
			return true, w.refuse(&driver.DamagedError{Path: w.s.path(name),
				Reason: "a directory of values whose name ends like that of a file",
				Way:    "rename it to " + escape(e.Name, elementName, unixByte, false)})
		}
	}
	return false, nil
}

// foreign is said of a name that stands for no entity and no id.
func (s *Store) foreign(name, what string) *driver.DamagedError {
	return &driver.DamagedError{Path: s.path(name),
		Reason: "the " + what + "'s name is one that neither Holdfast nor backtest-kit gives",
		Way:    "rename it or move it away"}
}

// twoDirectories is said of an entity that has a directory from Unix and one
// from Windows: what is in one of them would look absent.
func (s *Store) twoDirectories(dir, other string) *driver.DamagedError {
	return &driver.DamagedError{Path: s.path(dir),
		Reason: other + " beside it stands for the same entity",
		Way:    "move the files of one directory into the other"}
}

// symlink is said of a link that may stand for a directory of values. To pass
// over it would make every value in there look absent.
func (s *Store) symlink(name string) *driver.DamagedError {
	return &driver.DamagedError{Path: s.path(name),
		Reason: "a symbolic link, which is not followed",
		Way:    fmt.Sprintf("move the directory itself to this place, or open the one that %s points to", path.Base(name))}
}

// linked finds the symbolic link on the way to a file, nil if there is none.
func (s *Store) linked(file string) (*driver.DamagedError, error) {
	dir := "."
	for element := range strings.SplitSeq(path.Dir(file), "/") {
		dir = path.Join(dir, element)
		info, err := s.fs.Lstat(dir)
		if err != nil {
			return nil, ignoreNotExist(err)
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			return s.symlink(dir), nil
		}
	}
	return nil, nil
}
