//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package vfs_test

import (
	"errors"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/holdfast-go/holdfast/vfs"
)

// Who asks while a sync is under way gets the next one, whose names it covers,
// and shares it with the others who wait.
func TestDirSyncsAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s vfs.DirSyncs
		var wg sync.WaitGroup
		gate, begun := make(chan bool), 0
		ask := func() {
			err := s.Share("d", func() error {
				begun++
				<-gate
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		}
		wg.Go(ask)
		synctest.Wait()
		for range 10 {
			wg.Go(ask)
		}
		synctest.Wait()
		if begun != 1 {
			t.Errorf("%d began side by side", begun)
		}
		gate <- true
		synctest.Wait()
		if begun != 2 {
			t.Errorf("%d began, of which the second is for all who waited", begun)
		}
		wg.Go(ask) // too late for that
		synctest.Wait()
		close(gate)
		wg.Wait()
		if begun != 3 || s.Known() != 0 {
			t.Errorf("%d began, %d directories are remembered", begun, s.Known())
		}
	})
}

// One that fails fails all that wait and all that come, of that directory: the
// kernel would say nil to them, over names that it has lost.
func TestFailedDirSyncIsFinal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s vfs.DirSyncs
		var wg sync.WaitGroup
		gate, begun := make(chan error), 0
		ask := func() {
			err := s.Share("d", func() error {
				begun++
				return <-gate
			})
			if !errors.Is(err, syscall.EIO) {
				t.Errorf("got %v", err)
			}
		}
		for range 5 {
			wg.Go(ask)
		}
		synctest.Wait()
		wg.Go(ask)
		synctest.Wait()
		gate <- syscall.EIO
		wg.Wait()
		ask()
		if begun != 1 {
			t.Errorf("%d began after one that failed", begun-1)
		}
		if err := s.Share("other", func() error { return nil }); err != nil {
			t.Errorf("of another directory: %v", err)
		}
	})
}
