package journal_test

import (
	"sync"
	"testing"
	"time"

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

// A process is killed before any of its calls while it gives up several old
// segments, and the power is cut while the next one goes on with that. What a
// reader counts on is a chain without a hole: a segment that is back on the disk
// while a later one is gone would be called damage.
func TestKilledWhileTrimming(t *testing.T) {
	rnd := seeded(t)
	for _, size := range []int64{64 << 10, 32 << 10} { // only too old, or too much as well
		old := newDisk()
		j, err := journal.Open(old, ".", small(), journal.Replay{})
		must(t, err)
		fill(t, j, 24, 1000) // four segments
		must(t, j.Close())
		old = old.settled()
		var killed []*disk
		trim(t, old, size, func(d *disk) { killed = append(killed, d.killed()) })
		cuts := 0
		for _, d := range killed {
			var cut []*disk
			trim(t, d, size, func(d *disk) {
				for range 4 {
					cut = append(cut, d.cut(rnd))
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
}

// trim opens the journal much later and has it give up what is too old. before
// is called before each change of the disk.
func trim(t *testing.T, d *disk, size int64, before func(*disk)) {
	t.Helper()
	fsys := faultfs.New(d)
	var mu sync.Mutex // the next segment is prepared on another goroutine
	fsys.OnCall = func(op faultfs.Op, _ string) {
		mu.Lock()
		defer mu.Unlock()
		if op != faultfs.OpReadAt && op != faultfs.OpOpenFile {
			before(d)
		}
	}
	o := small()
	o.MaxSize = size
	o.Now = func() time.Time { return time.Unix(0, epoch).Add(1000 * time.Hour) }
	j, err := journal.Open(fsys, ".", o, journal.Replay{})
	must(t, err)
	j.Release(j.Last())
	must(t, j.Trim())
	put(t, j, payload(1, 1000))
	must(t, j.Close())
}
