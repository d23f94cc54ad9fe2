package filestore_test

import (
	"context"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
	"github.com/holdfast-go/holdfast/storetest"
	"github.com/holdfast-go/holdfast/vfs"
)

// opener opens a store over a simulated disk.
func opener(o filestore.Options) func(context.Context, vfs.FS) (driver.Store, error) {
	return func(ctx context.Context, fsys vfs.FS) (driver.Store, error) {
		own := o
		own.FS = fsys
		s, err := filestore.Open(ctx, "disk", &own)
		if err != nil {
			return nil, err
		}
		return s, nil
	}
}

func kill(s driver.Store) { filestore.Kill(s.(*filestore.Store)) }

func isLock(name string) bool { return name == ".holdfast/LOCK" }

func TestCrash(t *testing.T) {
	tally := &storetest.CrashTally{}
	t.Run("protocols", func(t *testing.T) {
		for _, mode := range []filestore.Mode{filestore.Off, filestore.On} {
			t.Run("journal "+string(mode), func(t *testing.T) {
				storetest.RunCrash(t, opener(filestore.Small(filestore.Options{Journal: mode}, 12<<10)), &storetest.CrashOptions{Kill: kill, Skip: isLock, Tally: tally})
			})
		}
	})
	t.Log(tally.Figures())
	t.Logf("%+v", tally.Figures())
}
