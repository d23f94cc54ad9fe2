package filestore

import (
	"fmt"
	"path"
	"strings"
	"sync"

	"github.com/holdfast-go/holdfast/driver"
)

// folds remembers, on a file system that takes names which differ in case for
// one, which spelling of each name came first. The files lag behind, so the
// disk cannot be asked. It forgets nothing: a name that was removed keeps its
// spelling until the store is opened again.
type folds struct {
	mu     sync.Mutex
	spelt  map[string]string // folded → as it is spelt
	needed bool
}

// claim takes the names of a key, or refuses a key whose file or directory
// would be another's.
func (f *folds) claim(s *Store, k driver.Key) error {
	if !f.needed {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.spelt == nil {
		f.spelt = map[string]string{}
	}
	name := ""
	for element := range strings.SplitSeq(k.Entity, "/") {
		name = path.Join(name, element)
		if err := f.take(name); err != nil {
			return err
		}
	}
	return f.take(k.Entity + "/\x00" + k.ID)
}

func (f *folds) take(name string) error {
	folded := fold(name)
	spelt, taken := f.spelt[folded]
	if taken && spelt != name {
		return fmt.Errorf("%w: %q would share a file or directory with %q on this file system, which takes the two for one: use a name that differs in more than case",
			driver.ErrInvalidName, strings.Replace(name, "\x00", "", 1), strings.Replace(spelt, "\x00", "", 1))
	}
	f.spelt[folded] = name
	return nil
}
