package filestore_test

import (
	"context"
	"slices"
	"testing"
	"time"

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

// minStates is what a run that is whole may not fall below.
const minStates = 120_000

// Every crash in every protocol, in both modes.
func TestCrash(t *testing.T) {
	tally := &storetest.CrashTally{}
	t.Run("protocols", func(t *testing.T) {
		for _, mode := range []filestore.Mode{filestore.Off, filestore.On} {
			t.Run("journal "+string(mode), func(t *testing.T) {
				o := filestore.Options{Journal: mode, HistorySize: 64 << 10, HistoryAge: time.Hour}
				storetest.RunCrash(t, opener(filestore.Small(o, 12<<10)), &storetest.CrashOptions{
					Protocols: slices.Concat(storetest.CrashProtocols(), ownProtocols()),
					Kill:      kill, Skip: isLock, Tally: tally, Most: 32000, Recoveries: 1600,
				})
			})
		}
	})
	tally.Report(t, "filestore", minStates)
}
