package storetest

import (
	"context"
	"math/rand/v2"
	"testing"
	"testing/synctest"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/vfs"
	"github.com/holdfast-go/holdfast/vfs/crashfs"
)

// CrashOptions are the options of RunCrash. Nil means the defaults.
type CrashOptions struct {
	// Protocols are what is run and crashed. Default: CrashProtocols.
	Protocols []Protocol

	// Models are the file systems that the disk is taken for. Default: all.
	Models []crashfs.Model

	// Without switches capabilities of the disk off.
	Without crashfs.Without

	// Kill ends a store as kill -9 ends its process: its goroutines end, and
	// nothing more is written. Default: Close.
	Kill func(s driver.Store)

	// Skip tells files whose content does not matter, such as a lock file
	// that names its holder.
	Skip func(name string) bool

	// Wrap stands between the disk and the store while the workload runs: a
	// place to inject faults (package faultfs). Then changes may fail: with
	// driver.ErrStopped nobody knows whether they happened, with any other
	// error they must not have. Nil: they must not fail.
	Wrap func(fsys *crashfs.FS) vfs.FS

	// Judge adds to what every recovered state must be, after all values were
	// found right. An error is a verdict.
	Judge func(ctx context.Context, c *Crashed) error

	// Subsets is how many subsets are drawn where there are more than 8
	// pending changes; see [crashfs.Sampling]. Default 32.
	Subsets int

	// Recoveries is how many recoveries of a protocol are crashed in their
	// turn, after every call: those after each kill, and of those after a power
	// cut the first of each kind, which is one by its calls; up to so many in all.
	// Default 200; negative: none.
	Recoveries int

	// Most is about how many states of a protocol are judged, and again about
	// how many after second crashes: of more, one in so many, evenly, by the
	// seed. (What a kill leaves is always judged.) Default 2500.
	Most int

	// Share judges one of so many states of these only, chosen by the seed, for those
	// who have less time. Default 1, all; under the race detector and with
	// -short 16.
	Share int

	// Seed replays a run that failed. 0: a random one. It is logged in any
	// case.
	Seed uint64

	// Tally gets the figures. Runs that share one count no state twice.
	Tally *CrashTally
}

// Crashed is a state after its recovery.
type Crashed struct {
	Disk   *crashfs.Disk
	Store  driver.Store
	Values map[driver.Key]string // what was found; keys without a value are not there
}

// RunCrash judges what a crash leaves of a backend over [vfs.FS]: anybody's.
//
//	func TestCrash(t *testing.T) {
//		storetest.RunCrash(t, func(ctx context.Context, fsys vfs.FS) (driver.Store, error) {
//			return mystore.Open(ctx, fsys)
//		}, nil)
//	}
//
// open opens a store on the disk: a new one on an empty disk, and recovers what
// is there otherwise. Each protocol is run once on a disk of package crashfs,
// which records its calls. Every state that a kill or a power cut may leave
// after each of them is then recovered, by open, and judged:
//
//   - recovery succeeds;
//   - what was acknowledged is there, or something newer that was begun: there
//     is an order of the changes, true to what was told when, that leads to
//     exactly what is found. Nothing is lost, invented, resurrected or damaged;
//     a batch is there whole or not at all. Listings agree;
//   - the report blames nobody: a crash is no damage and no edit by hand;
//   - recovering again finds the same values and leaves an identical disk;
//   - the store takes a change;
//   - recoveries are crashed in turn, after every call (each that follows a kill,
//     and of the others each kind), and all of this is judged of what that leaves.
//
// The states come from the record, not from the run: a failure prints the state,
// the record and the seed, and the same record has the same states, however the
// goroutines of the workload were scheduled.
//
// Store and workload run within a bubble of package testing/synctest: time stands
// still while anybody has something to do, and what a store does later by itself
// (after a pause, say) comes when the workload sleeps. So open must start
// no goroutine that outlives Close and Kill, and wait for nothing but locks,
// channels, time and the disk.
func RunCrash(t *testing.T, open func(ctx context.Context, fsys vfs.FS) (driver.Store, error), o *CrashOptions) {
	t.Helper()
	opt := o.complete()
	t.Logf("storetest: CrashOptions.Seed: %d", opt.Seed)
	for _, p := range opt.Protocols {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			r := &crashRun{T: t, CrashOptions: opt, open: open, protocol: p, known: map[uint64]*recovered{}, kinds: map[string]bool{},
				values: map[string]map[driver.Key]found{}}
			synctest.Test(t, func(t *testing.T) { r.record(t) })
			if r.skipped != "" {
				t.Skip(r.skipped)
			}
			r.crashAll()
		})
	}
}

func (o *CrashOptions) complete() CrashOptions {
	var opt CrashOptions
	if o != nil {
		opt = *o
	}
	if opt.Protocols == nil {
		opt.Protocols = CrashProtocols()
	}
	if opt.Models == nil {
		opt.Models = crashfs.Models()
	}
	if opt.Subsets == 0 {
		opt.Subsets = 32
	}
	if opt.Most <= 0 {
		opt.Most = 2500
	}
	if opt.Recoveries == 0 {
		opt.Recoveries = 200
	}
	if opt.Seed == 0 {
		opt.Seed = rand.Uint64()
	}
	if opt.Tally == nil {
		opt.Tally = &CrashTally{}
	}
	if opt.Share <= 0 {
		opt.Share = 1
		if raceDetector || testing.Short() {
			opt.Share = 16
		}
	}
	return opt
}
