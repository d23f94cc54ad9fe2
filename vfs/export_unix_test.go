//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package vfs

import "os"

// CreateDir is what OpenOS does for OSOptions.Create, with the sync of one
// directory handed in, so that a test can watch it and fail it.
var CreateDir = createDirBy

// StatNames is what StatDir does with the names that it has listed, so that a
// test can have some vanish meanwhile.
func StatNames(dir *os.File, names []string) ([]Info, error) {
	list, err := statNames(int(dir.Fd()), names)
	if err != nil {
		return nil, err
	}
	return list, nil
}

// SyncOpenDir is what SyncDir does once it has the directory open.
func SyncOpenDir(d *os.File) error { return syncDir(d) }

// DirSyncs shares the syncs of directories.
type DirSyncs struct{ dirSyncs }

func (s *DirSyncs) Share(name string, sync func() error) error { return s.share(name, sync) }

// Known tells how many directories it remembers.
func (s *DirSyncs) Known() int { return len(s.of) }
