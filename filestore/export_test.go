package filestore

import (
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/vfs"
)

// FS is the file system that the store works on.
func (s *Store) FS() vfs.FS { return s.fs }

// SameLock tells whether changes of two keys wait for each other.
func (s *Store) SameLock(a, b driver.Key) bool { return s.keyLock(a) == s.keyLock(b) }

// Naming is how names are formed on a system that the tests may not run on.
type Naming struct{ naming }

// The kinds of names.
const (
	IDName      = idName
	ElementName = elementName
	FirstName   = firstName
)

func NewNaming(windows bool) Naming { return Naming{naming{windows: windows}} }

func (n Naming) Forms(name string, kind nameKind) []string { return n.forms(name, kind) }

func (n Naming) Decode(file string, kind nameKind) (string, bool) { return n.decode(file, kind) }
