package filestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/holdfast-go/holdfast/driver"
)

// directory is one directory of values, as walk finds it.
type directory struct {
	path   string
	entity string
	files  []fs.DirEntry // whose names end as those of values do, whatever they are
}

// walk visits the directories that can hold values, but the base directory
// itself, which holds entities only, and what is Holdfast's own.
func (s *Store) walk(ctx context.Context, visit func(directory) error) error {
	return s.walkInto(ctx, directory{path: "."}, visit)
}

func (s *Store) walkInto(ctx context.Context, d directory, visit func(directory) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := s.fs.ReadDir(d.path)
	if errors.Is(err, fs.ErrNotExist) && d.path != "." {
		return nil // removed by hand since its parent was listed
	}
	if err != nil {
		return err
	}
	var below []string
	for _, e := range entries {
		switch name := path.Join(d.path, e.Name()); {
		case strings.HasSuffix(e.Name(), suffix):
			if err := s.notForValues(name, e); err != nil {
				return err
			}
			d.files = append(d.files, e)
		case e.IsDir():
			below = append(below, e.Name())
		case e.Type()&fs.ModeSymlink != 0:
			return s.symlink(name)
		}
	}
	if d.path != "." {
		if err := visit(d); err != nil {
			return err
		}
	}
	return s.walkBelow(ctx, d, below, visit)
}

func (s *Store) walkBelow(ctx context.Context, d directory, names []string, visit func(directory) error) error {
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
		element, ok := s.names.decode(name, kind)
		if !ok {
			return &driver.DamagedError{Path: s.path(dir),
				Reason: "the directory's name is not one that Holdfast gives or backtest-kit has entities for; rename it or move it away"}
		}
		if other, twice := seen[element]; twice {
			return s.twoDirectories(dir, other)
		}
		seen[element] = name
		entity := strings.TrimPrefix(d.entity+"/"+element, "/")
		if err := s.walkInto(ctx, directory{path: dir, entity: entity}, visit); err != nil {
			return err
		}
	}
	return nil
}

// notForValues refuses a directory that is named like the file of a value and
// holds values itself: the entity "x.json" as another program keeps it. To take
// it for a damaged value would make those in it look absent.
func (s *Store) notForValues(name string, e fs.DirEntry) error {
	if !e.IsDir() {
		return nil
	}
	entries, err := s.fs.ReadDir(name)
	if err != nil {
		return ignoreNotExist(err)
	}
	for _, below := range entries {
		if strings.HasSuffix(below.Name(), suffix) {
			return &driver.DamagedError{Path: s.path(name), Reason: fmt.Sprintf(
				"a directory of values whose name ends like that of a file; rename it to %s", escape(e.Name(), elementName, unixByte, false))}
		}
	}
	return nil
}

// twoDirectories refuses an entity that has a directory from Unix and one from
// Windows: what is in one of them would look absent.
func (s *Store) twoDirectories(dir, other string) error {
	return &driver.DamagedError{Path: s.path(dir),
		Reason: fmt.Sprintf("%s beside it stands for the same entity; move the files of one directory into the other", other)}
}

// symlink refuses a link that may stand for a directory of values. To pass over
// it would make every value in there look absent.
func (s *Store) symlink(name string) error {
	return &driver.DamagedError{Path: s.path(name), Reason: fmt.Sprintf(
		"a symbolic link, which is not followed; move the directory itself to this place, or open the one that %s points to", path.Base(name))}
}
