package filestore

import (
	"encoding/json"
	"errors"
	"io/fs"
	"path"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/vfs"
)

// mark is an unresolved folder.
type mark struct {
	caseFile
	dir string
}

func (m mark) key() driver.Key { return driver.Key{Entity: m.Entity, ID: m.ID} }

func (m mark) reason() string { return reason(m.Problem, m.Detail) }

// marks are the values that answer ErrDamaged though they have no file.
type marks struct {
	mu      sync.RWMutex
	of      map[driver.Key][]mark
	changes uint64 // how often of has changed
	count   atomic.Int64
}

// none tells that there are none, without a lock.
func (m *marks) none() bool { return m.count.Load() == 0 }

// changed notes a change of of. The caller holds mu.
func (m *marks) changed() {
	m.changes++
	m.count.Store(int64(len(m.of)))
}

// version changes whenever a mark comes or goes. Who finds no file, then no
// mark, and another version than before has looked past a change: the file came
// after the first look, and its mark went before the second.
func (m *marks) version() uint64 {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.changes
}

func (m *marks) get(k driver.Key) (mark, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if all := m.of[k]; len(all) > 0 {
		return all[len(all)-1], true
	}
	return mark{}, false
}

func (m *marks) add(one mark) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.of[one.key()] = append(m.of[one.key()], one)
	m.changed()
}

func (m *marks) list(k driver.Key) []mark {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return slices.Clone(m.of[k])
}

func (m *marks) drop(k driver.Key, dir string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	left := slices.DeleteFunc(slices.Clone(m.of[k]), func(one mark) bool { return one.dir == dir })
	if m.of[k] = left; len(left) == 0 {
		delete(m.of, k)
	}
	m.changed()
}

// replace takes over what was read anew.
func (m *marks) replace(of map[driver.Key][]mark) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.of = of
	m.changed()
}

func (m *marks) keys() []driver.Key {
	m.mu.RLock()
	defer m.mu.RUnlock()
	keys := make([]driver.Key, 0, len(m.of))
	for k := range m.of {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compareKeys)
	return keys
}

// marked returns the damage of a value that has none, nil if there is no mark.
func (s *Store) marked(k driver.Key) error {
	if s.marks.none() {
		return nil
	}
	if m, ok := s.marks.get(k); ok {
		return &driver.DamagedError{Path: s.path(m.Path), Reason: m.reason(), Kept: s.path(m.dir)}
	}
	return nil
}

// loadMarks reads which values are damaged.
func (s *Store) loadMarks() error {
	folders, err := s.folders()
	if err != nil {
		return err
	}
	of := map[driver.Key][]mark{}
	for _, dir := range folders {
		m, open, err := s.loadMark(dir)
		if err != nil {
			return err
		}
		if open {
			of[m.key()] = append(of[m.key()], m)
		}
	}
	s.marks.replace(of)
	return nil
}

// folders lists the folders in quarantine, oldest first. Files beside them are
// other programs' (.DS_Store).
func (s *Store) folders() ([]string, error) {
	entries, err := s.fs.ReadDir(quarantineDir)
	if errors.Is(err, vfs.ErrNotRegular) {
		return nil, s.symlink(quarantineDir)
	}
	if err != nil {
		return nil, ignoreNotExist(err)
	}
	var dirs []string
	for _, e := range entries {
		dir := path.Join(quarantineDir, e.Name())
		switch {
		case e.IsDir():
			dirs = append(dirs, dir)
		case e.Type()&fs.ModeSymlink != 0:
			return nil, s.symlink(dir)
		}
	}
	return dirs, nil
}

// loadMark reads one folder. One without why.json was cut off while it was made:
// the file that it was made for is still in its place.
func (s *Store) loadMark(dir string) (m mark, open bool, err error) {
	switch _, err := s.fs.Lstat(path.Join(dir, caseResolved)); {
	case err == nil:
		return m, false, nil
	case !errors.Is(err, fs.ErrNotExist):
		return m, false, err
	}
	why := path.Join(dir, caseWhy)
	c, err := s.read(why)
	if err != nil {
		return m, false, ignoreNotExist(err)
	}
	m.dir = dir
	if c.damaged() || json.Unmarshal(c.data, &m.caseFile) != nil ||
		m.Version != caseVersion || driver.ValidateKey(m.key()) != nil {
		// Which value is damaged can no longer be told, so none may be said to
		// be absent.
		return m, false, &driver.DamagedError{Path: s.path(why),
			Reason: "the record of what is in quarantine cannot be read",
			Way:    "look into its folder, then move the folder out of the base directory"}
	}
	return m, true, nil
}
