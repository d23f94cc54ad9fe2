package filestore

import (
	"errors"
	"io/fs"
	"path"
	"strings"

	"github.com/holdfast-go/holdfast/driver"
)

// locateEntity returns the directory of an entity, whether it exists or not.
func (s *Store) locateEntity(entity string) (string, error) {
	if err := driver.ValidateEntity(entity); err != nil {
		return "", err
	}
	dir, kind := ".", firstName
	for element := range strings.SplitSeq(entity, "/") {
		files, err := s.choose(dir, element, kind)
		if err != nil {
			return "", err
		}
		if len(files) > 1 {
			return "", s.twoDirectories(path.Join(dir, files[0]), files[1])
		}
		dir, kind = path.Join(dir, files[0]), elementName
	}
	return dir, nil
}

// locate returns the file of a key, whether it exists or not. others are
// further files that stand for the same key: there is one only where a
// directory from Windows and one from Unix were thrown together.
func (s *Store) locate(k driver.Key) (file string, others []string, err error) {
	if err := driver.ValidateKey(k); err != nil {
		return "", nil, err
	}
	dir, err := s.locateEntity(k.Entity)
	if err != nil {
		return "", nil, err
	}
	files, err := s.choose(dir, k.ID, idName)
	if err != nil {
		return "", nil, err
	}
	for i := range files {
		files[i] = path.Join(dir, files[i])
	}
	return files[0], files[1:], nil
}

// choose returns the forms of a name that exist in dir, or the preferred one if
// none does. A name with one form needs no look at the disk.
func (s *Store) choose(dir, name string, kind nameKind) ([]string, error) {
	forms := s.names.forms(name, kind)
	if err := checkLength(name, forms[0]); err != nil {
		return nil, err
	}
	if len(forms) > 1 {
		var there []string
		for _, form := range forms {
			if len(form) > maxElement {
				continue
			}
			switch _, err := s.fs.Lstat(path.Join(dir, form)); {
			case err == nil:
				there = append(there, form)
			case !errors.Is(err, fs.ErrNotExist):
				return nil, err
			}
		}
		if len(there) == 0 {
			there = forms[:1]
		}
		forms = there
	}
	if s.caseBlind {
		if err := s.checkExact(dir, forms[0], name); err != nil {
			return nil, err
		}
	}
	return forms, nil
}

// admits refuses a key that no file can hold, without a look at the disk.
func (s *Store) admits(k driver.Key) error {
	if plain(k.ID) && plain(k.Entity) {
		return nil
	}
	if err := driver.ValidateKey(k); err != nil {
		return err
	}
	kind := firstName
	for element := range strings.SplitSeq(k.Entity, "/") {
		if err := checkLength(element, s.names.forms(element, kind)[0]); err != nil {
			return err
		}
		kind = elementName
	}
	return checkLength(k.ID, s.names.forms(k.ID, idName)[0])
}
