//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package vfs

import (
	"io"
	"os"
)

// CreateDir is what OpenOS does for OSOptions.Create, with the sync of one
// directory handed in, so that a test can watch it and fail it.
var CreateDir = createDirBy

// StatListed is what StatDir does with a listing, so that a test can have it
// fail.
func StatListed(dir *os.File, more func(n int) ([]string, error)) ([]Info, error) {
	return statNames(int(dir.Fd()), more)
}

// StatNames is StatListed of some names, of which a test can have some vanish
// meanwhile.
func StatNames(dir *os.File, names []string) ([]Info, error) {
	return StatListed(dir, func(n int) ([]string, error) {
		if len(names) == 0 {
			return nil, io.EOF
		}
		n = min(n, len(names))
		some := names[:n]
		names = names[n:]
		return some, nil
	})
}

// SyncOpenDir is what SyncDir does once it has the directory open.
func SyncOpenDir(d *os.File) error { return syncDir(d) }

// DirSyncs shares the syncs of directories.
type DirSyncs struct{ dirSyncs }

func (s *DirSyncs) Share(name string, sync func() error) error { return s.share(name, sync) }

// Known tells how many directories it remembers.
func (s *DirSyncs) Known() int { return len(s.of) }
