package filestore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/vfs"
)

// spellings remembers the files that were seen under exactly their name, on a
// file system that takes several names for one.
type spellings struct {
	mu   sync.RWMutex
	seen map[string]fs.FileInfo // by path; nil for what this process wrote
}

func (p *spellings) get(file string) (info fs.FileInfo, seen bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	info, seen = p.seen[file]
	return info, seen
}

func (p *spellings) add(file string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.note(file, nil)
}

func (p *spellings) note(file string, info fs.FileInfo) {
	if p.seen == nil {
		p.seen = map[string]fs.FileInfo{}
	}
	p.seen[file] = info
}

// drop forgets a file that has been removed. It waits for a listing that was
// begun before the removal, which would bring the file back.
func (p *spellings) drop(file string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.seen, file)
}

// look lists dir, and tells whether file is in it under exactly that name; else
// twin is the one that is there instead, as far as case folding tells.
func (p *spellings) look(fsys vfs.FS, dir, file string) (found bool, twin string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return false, "", err
	}
	twin = "another name"
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			continue // removed meanwhile
		}
		p.note(path.Join(dir, e.Name()), info)
		found = found || e.Name() == file
		if strings.EqualFold(e.Name(), file) {
			twin = e.Name()
		}
	}
	return found, twin, nil
}

// checkExact refuses a name whose file, on a file system that is blind to case
// or to Unicode normal forms, is the file of another name: writing "AB" must
// not overwrite "ab".
func (s *Store) checkExact(dir, file, name string) error {
	full := path.Join(dir, file)
	before, seen := s.exact.get(full)
	if seen && !s.opt.ReadOnly {
		return nil
	}
	now, err := s.fs.Lstat(full)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if seen && unchanged(before, now) {
		return nil
	}
	found, twin, err := s.exact.look(s.fs, dir, file)
	if err != nil || found {
		return ignoreNotExist(err)
	}
	if _, err := s.fs.Lstat(full); errors.Is(err, fs.ErrNotExist) {
		return nil // removed before it was looked for
	}
	return fmt.Errorf("%w: %q would share a file with %s on this file system, which takes the two for one: use a name that differs in more than case",
		driver.ErrInvalidName, name, twin)
}

// unchanged tells whether what was seen is still there. Without the lock another
// process may have removed it, and written a file of the other name, which may
// have got the very inode; but not the time, which the clock makes unique.
func unchanged(before, now fs.FileInfo) bool {
	return os.SameFile(before, now) && (now.IsDir() || before.ModTime().Equal(now.ModTime()))
}

// probeCase tells whether the file system may take two names for one: whether
// something in the base directory is found under a name in the other case. If
// there is nothing to try it with, it may.
func (s *Store) probeCase() (bool, error) {
	if s.names.windows || s.names.normalizes {
		return true, nil
	}
	entries, err := s.fs.ReadDir(".")
	if err != nil {
		return false, err
	}
	there := map[string]bool{}
	for _, e := range entries {
		there[e.Name()] = true
	}
	for name := range there {
		other := strings.ToUpper(name)
		if other == name {
			other = strings.ToLower(name)
		}
		if there[other] || !fs.ValidPath(other) { // itself, or two files
			continue
		}
		_, err := s.fs.Lstat(other)
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		return err == nil, err
	}
	return true, nil
}

// fold gives names that a file system might take for one the same form. It may
// give it to some that none would.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Mn, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point) {
			return -1
		}
		return r
	}, norm.NFKD.String(cases.Fold().String(norm.NFKD.String(name))))
}
