package journal_test

import (
	"sync"
	"testing"

	"github.com/holdfast-go/holdfast/journal"
	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

// A process is killed before any one of its flushes while it reuses segments, and
// the power is cut while the next one does. What the first had written, and the
// second relied on, was in memory alone; and nothing is called damaged.
func TestKilledThenCut(t *testing.T) {
	rnd := seeded(t)
	var killed []*disk
	d := newDisk()
	reuse(t, d, func(op faultfs.Op) {
		if op == faultfs.OpSync {
			killed = append(killed, d.killed())
		}
	})
	cuts := 0
	for _, d := range killed {
		var cut []*disk
		reuse(t, d, func(op faultfs.Op) {
			if op == faultfs.OpWriteAt || op == faultfs.OpSync {
				cut = append(cut, d.cut(rnd), d.cut(rnd))
			}
		})
		for _, c := range cut {
			cuts++
			openTold(t, c).wantWhole(t)
		}
		if t.Failed() {
			return
		}
	}
	t.Log(len(killed), "kills,", cuts, "power cuts")
}

// reuse writes so much that segments are given up and used again. before is
// called before each call of the file system.
func reuse(t *testing.T, d *disk, before func(faultfs.Op)) {
	t.Helper()
	fsys := faultfs.New(d)
	var mu sync.Mutex // the next segment is prepared on another goroutine
	fsys.OnCall = func(op faultfs.Op, _ string) {
		mu.Lock()
		defer mu.Unlock()
		before(op)
	}
	o := small()
	o.MaxSize = 2 * o.MinSegment
	j, err := journal.Open(fsys, ".", o, journal.Replay{})
	must(t, err)
	for range 20 { // seven fill a segment
		j.Release(j.Last())
		put(t, j, payload(1, 1000))
	}
	must(t, j.Close())
}
