//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package vfs

import (
	"os"
	"sync"
)

// SyncDir shares the sync of a directory with all who ask for it before it
// begins. After one that failed all others of that directory fail too, until the
// FS is opened anew: the kernel may tell of the failure once, and say nil to
// the next one, whose names were lost with the first one's.
func (s *osFS) SyncDir(name string) error {
	d, err := s.openDir("syncdir", name)
	if err != nil {
		return err
	}
	err = s.syncs.share(name, func() error { return syncDir(d) })
	if e := d.Close(); err == nil {
		err = e
	}
	return err
}

func syncDir(d *os.File) error {
	// Not passed over where the file system cannot do it (EINVAL, ENOTSUP):
	// a caller who is told nil would acknowledge what a power cut takes back.
	if err := d.Sync(); err != nil {
		return err
	}
	// An XFS that has given up after an error lets go of the names that were
	// not on the disk yet, has then nothing to sync, and says nil. From before
	// it lets go, it fails whoever asks how the directory looks.
	_, err := d.Stat()
	return err
}

// dirSyncs are the syncs of directories that are under way or have failed.
type dirSyncs struct {
	mu sync.Mutex
	of map[string]*dirSync
}

// dirSync is those of one directory.
type dirSync struct {
	turn   chan bool   // full while a sync is under way
	users  int         // who are in share; as all below, under dirSyncs.mu
	next   *sharedSync // can still be joined; nil if there is none
	failed error
}

// sharedSync is one sync and its outcome.
type sharedSync struct {
	done chan struct{}
	err  error
}

// share returns the outcome of a sync that has begun after it was called: of its
// own, or of one that somebody else has waited to begin.
func (s *dirSyncs) share(name string, sync func() error) error {
	d, one, mine := s.enter(name)
	defer s.leave(name, d)
	if !mine {
		<-one.done
		return one.err
	}
	d.turn <- true
	s.mu.Lock()
	d.next = nil // it begins: who comes now waits for the one after it
	one.err = d.failed
	s.mu.Unlock()
	if one.err == nil {
		one.err = sync()
	}
	if one.err != nil {
		s.mu.Lock()
		d.failed = one.err // before anybody else has its turn
		s.mu.Unlock()
	}
	<-d.turn
	close(one.done)
	return one.err
}

// enter joins the next sync, or is to carry it out.
func (s *dirSyncs) enter(name string) (d *dirSync, one *sharedSync, mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d = s.of[name]; d == nil {
		if s.of == nil {
			s.of = map[string]*dirSync{}
		}
		d = &dirSync{turn: make(chan bool, 1)}
		s.of[name] = d
	}
	d.users++
	if d.next != nil {
		return d, d.next, false
	}
	d.next = &sharedSync{done: make(chan struct{})}
	return d, d.next, true
}

// leave forgets a directory of which there is nothing to be known.
func (s *dirSyncs) leave(name string, d *dirSync) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.users--; d.users == 0 && d.failed == nil {
		delete(s.of, name)
	}
}
