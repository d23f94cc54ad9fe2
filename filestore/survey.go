package filestore

import (
	"context"
	"path"
	"slices"
	"sync"

	"github.com/holdfast-go/holdfast/atomicfile"
	"github.com/holdfast-go/holdfast/driver"
)

// found is a file of a value; without content, an open mark that has none.
type found struct {
	key     driver.Key
	file    string
	content *content
}

// survey is what reading the whole tree tells.
type survey struct {
	report  driver.Report
	damaged []found
	twins   []found      // second files of keys that have another
	healthy []driver.Key // of the open marks, those whose file is fine
	dirs    []string     // that can hold values, parents first; where there is a journal, those with temporary files
	mixed   bool         // some files lie on another file system than the base directory
}

func (v *survey) add(f driver.Finding) { v.report.Findings = append(v.report.Findings, f) }

// survey reads every file of the tree. It changes nothing. What may hide values
// is for refuse to decide, see walker.
func (s *Store) survey(ctx context.Context, v *survey, refuse func(*driver.DamagedError) error, progress func(int)) error {
	files, err := s.collect(ctx, v, refuse)
	if err != nil {
		return err
	}
	contents, err := s.readFiles(ctx, files, progress)
	if err != nil {
		return err
	}
	seen, entities := map[driver.Key]bool{}, map[string]bool{}
	see := func(k driver.Key) (again bool) {
		again, seen[k], entities[k.Entity] = seen[k], true, true
		return again
	}
	for i, f := range files {
		if f.content = contents[i]; f.content == nil {
			continue // removed since it was listed
		}
		again, damaged := see(f.key), f.content.damaged()
		_, marked := s.marks.get(f.key)
		switch {
		case again:
			f.content.problem = driver.ProblemDuplicate
			v.twins = append(v.twins, f)
		case damaged:
			v.damaged = append(v.damaged, f)
		case marked:
			v.healthy = append(v.healthy, f.key)
		}
	}
	for _, k := range s.marks.keys() {
		if !see(k) {
			v.damaged = append(v.damaged, found{key: k})
		}
	}
	v.report.Entities, v.report.Values = len(entities), len(seen)
	return nil
}

// collect lists every file whose name is a value's, preferred forms first.
func (s *Store) collect(ctx context.Context, v *survey, refuse func(*driver.DamagedError) error) ([]found, error) {
	var files []found
	w := &walker{s: s, refuse: refuse, visit: func(d directory) error {
		v.dirs = append(v.dirs, d.path)
		for _, e := range d.files {
			if atomicfile.IsTemp(e.Name) {
				continue
			}
			file := path.Join(d.path, e.Name)
			id, ok := s.names.decode(e.Name, idName)
			if !ok {
				if err := refuse(s.foreign(file, "file")); err != nil {
					return err
				}
				continue
			}
			files = append(files, found{key: driver.Key{Entity: d.entity, ID: id}, file: file})
		}
		return nil
	}}
	err := w.walk(ctx)
	slices.SortStableFunc(files, func(a, b found) int {
		if c := compareKeys(a.key, b.key); c != 0 {
			return c
		}
		return len(a.file) - len(b.file) // the less escaped form is the preferred one
	})
	return files, err
}

// readers is how many files a survey reads at once.
const readers = 8

// readFiles reads all files, some at a time; nil for one that is gone.
func (s *Store) readFiles(ctx context.Context, files []found, progress func(int)) ([]*content, error) {
	contents := make([]*content, len(files))
	var mu sync.Mutex
	done := 0
	err := s.eachFile(ctx, len(files), func(i int) error {
		c, err := s.readAndDrop(files[i].file)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		contents[i] = c
		done++
		if progress != nil {
			progress(done)
		}
		return nil
	})
	return contents, err
}

// readAndDrop reads a file and keeps what is wrong with it, not its bytes.
func (s *Store) readAndDrop(file string) (*content, error) {
	c, err := s.read(file)
	if err != nil {
		return nil, ignoreNotExist(err)
	}
	c.data = nil
	return c, nil
}
