package journal_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/holdfast-go/holdfast/journal"
	"github.com/holdfast-go/holdfast/vfs"
	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

// world is a journal on a disk, and what its users have been told.
type world struct {
	disk *disk
	fsys *faultfs.FS
	rnd  *rand.Rand

	mu       sync.Mutex
	tokens   uint64
	acked    map[uint64]uint64 // number to token
	failed   map[uint64]bool   // tokens: a number that left no trace may be given again by the next process
	released uint64
	states   []state
}

// state is a disk after a crash, and what had been told until then.
type state struct {
	disk     *disk
	what     string
	acked    map[uint64]uint64
	failed   map[uint64]bool
	released uint64
}

func (w *world) options() *journal.Options {
	o := small()
	o.Committed = func(items []any) { w.tell(items, func(seq, token uint64) { w.acked[seq] = token }) }
	o.Failed = func(items []any, _ error) { w.tell(items, func(_, token uint64) { w.failed[token] = true }) }
	return o
}

// entry is a record's item; its number is known only after Enqueue.
type entry struct {
	seq   chan uint64
	token uint64
}

func (w *world) tell(items []any, f func(seq, token uint64)) {
	for _, item := range items {
		e := item.(entry)
		seq := <-e.seq
		w.mu.Lock()
		f(seq, e.token)
		w.mu.Unlock()
	}
}

// crash notes what the disk would look like now, after a kill or a power cut.
func (w *world) crash(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := state{what: what, acked: maps.Clone(w.acked), failed: maps.Clone(w.failed), released: w.released}
	if w.rnd.IntN(2) == 0 {
		s.disk, s.what = w.disk.killed(), "kill before "+what
	} else {
		s.disk, s.what = w.disk.cut(w.rnd), "power cut before "+what
	}
	w.states = append(w.states, s)
}

// TestCrashes lets a journal work, be killed, lose power and have failing
// writes, at random, and checks after every crash that all that was
// acknowledged is there, nothing that was told to have failed is, and nothing
// is called damaged.
func TestCrashes(t *testing.T) {
	rnd := seeded(t)
	for range 8 {
		w := &world{disk: newDisk(), rnd: rnd, acked: map[uint64]uint64{}, failed: map[uint64]bool{}}
		for range 6 {
			w.live(t)
			if t.Failed() {
				return
			}
			s := w.states[rnd.IntN(len(w.states))]
			w.disk, w.acked, w.failed, w.released = s.disk, s.acked, s.failed, s.released
			w.states = nil
		}
	}
}

// live runs one process on the disk, and checks a few crashes of it.
func (w *world) live(t *testing.T) {
	w.fsys = faultfs.New(w.disk)
	odds := 5 + w.rnd.IntN(20)
	w.fsys.OnCall = func(op faultfs.Op, name string) {
		w.mu.Lock()
		hit := w.rnd.IntN(odds) == 0 && len(w.states) < 40
		w.mu.Unlock()
		if hit && op != faultfs.OpReadAt {
			w.crash(fmt.Sprint(op, " ", name))
		}
	}
	l := &told{}
	j, err := journal.Open(w.fsys, ".", w.options(), journal.Replay{Record: l.record, Damage: l.hurt})
	must(t, err)
	w.adopt(t, l, "")
	for range 5 + w.rnd.IntN(40) {
		w.act(t, j)
	}
	must(t, j.Close())
	w.crash("the end")
	for _, s := range w.states {
		w.check(t, s)
	}
}

// act does something with the journal.
func (w *world) act(t *testing.T, j *journal.Journal) {
	w.mu.Lock()
	n, fail, release := 1+w.rnd.IntN(5), w.rnd.IntN(8) == 0, w.rnd.IntN(3) == 0
	size := func() int { return w.rnd.IntN(1 + w.rnd.IntN(2500)) }
	sizes := make([]int, n)
	for i := range sizes {
		sizes[i] = size()
	}
	if fail {
		w.fsys.Add(faultfs.Rule{Op: faultfs.OpWriteAt, Nth: 1 + w.rnd.IntN(3), Short: w.rnd.IntN(2) == 0})
	}
	w.mu.Unlock()
	var flushes []*journal.Flush
	for _, n := range sizes {
		w.tokens++
		p := payload(w.tokens, 8+n)
		must(t, j.Reserve(ctx, len(p)))
		e := entry{make(chan uint64, 1), w.tokens}
		f, seq := j.Enqueue(p, epoch, e)
		e.seq <- seq
		flushes = append(flushes, f)
	}
	for _, f := range flushes {
		f.Wait()
	}
	w.fsys.Clear()
	if release || j.Backlog() > 20<<10 {
		w.mu.Lock()
		w.released = j.Last()
		w.mu.Unlock()
		j.Release(j.Last())
	}
}

// adopt checks what an Open told against what had been told before, and takes
// over the records that nobody knew to be durable.
func (w *world) adopt(t *testing.T, l *told, what string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	s := state{what: what, acked: w.acked, failed: w.failed, released: w.released}
	s.compare(t, l)
	for _, r := range l.records {
		w.acked[r.Seq] = token(r)
	}
}

// compare checks what was told about a journal in state s.
func (s *state) compare(t *testing.T, l *told) {
	t.Helper()
	for _, d := range l.damage {
		t.Errorf("%s: %v", s.what, &journal.DamageError{Damage: d})
	}
	first, before := uint64(1)<<62, uint64(0)
	for i, r := range l.records {
		if i == 0 {
			first = r.Seq
		}
		if r.Seq <= before {
			t.Errorf("%s: record %d after %d", s.what, r.Seq, before)
		}
		before = r.Seq
		if s.failed[token(r)] {
			t.Errorf("%s: record %d had failed", s.what, r.Seq)
		}
		if !bytes.Equal(r.Payload, payload(token(r), len(r.Payload))) {
			t.Errorf("%s: record %d is wrong", s.what, r.Seq)
		}
	}
	for seq, want := range s.acked {
		i, ok := slices.BinarySearchFunc(l.records, seq, func(r journal.Record, seq uint64) int { return int(r.Seq) - int(seq) })
		if !ok && (seq > first || seq > s.released) {
			t.Errorf("%s: record %d is missing; the first one is %d", s.what, seq, first)
		}
		if ok && token(l.records[i]) != want {
			t.Errorf("%s: record %d is another one", s.what, seq)
		}
	}
}

func token(r journal.Record) uint64 { return binary.LittleEndian.Uint64(r.Payload) }

// check opens a crashed disk, goes on with it, and opens it again.
func (w *world) check(t *testing.T, s state) {
	t.Helper()
	seen := openTold(t, s.disk.killed())
	s.compare(t, seen)
	if r, err := journal.OpenReader(s.disk, "."); err == nil {
		l := &told{}
		after := uint64(0)
		if n := len(seen.records); n > 0 {
			after = seen.records[0].Seq - 1
		}
		if _, err := r.ReadAll(after, l.record); err != nil && !errors.Is(err, journal.ErrGap) {
			t.Errorf("%s: ReadAll: %v", s.what, err)
		}
		if len(l.records) != len(seen.records) {
			t.Errorf("%s: ReadAll tells %d records, Open %d", s.what, len(l.records), len(seen.records))
		}
		must(t, r.Close())
	}
}

// openTold opens and closes the journal.
func openTold(t *testing.T, fsys vfs.FS) *told {
	t.Helper()
	l := &told{}
	j, err := journal.Open(fsys, ".", small(), journal.Replay{Record: l.record, Damage: l.hurt})
	must(t, err)
	must(t, j.Close())
	return l
}

// Pieces of the last flush are missing, in many combinations: what was not
// acknowledged goes without a word, and what was is told to be damaged.
func TestLostPieces(t *testing.T) {
	rnd := seeded(t)
	torn, acked := groupInFlight(t)
	from := dataStart + 3*onDisk(100) + onDisk(1000)
	to := from + 8*onDisk(1500)
	for _, piece := range []int{512, 4096} {
		for range 100 {
			for last, d := range map[uint64]*disk{4: torn, 12: acked} {
				c := d.settled()
				b := c.names[seg1].data
				for at := from; at < to; {
					end := min((at/piece+1)*piece, to)
					if rnd.IntN(3) == 0 {
						clear(b[at:end])
					}
					at = end
				}
				l := openTold(t, c)
				l.completeBig(t, last)
				if d == torn {
					l.wantWhole(t)
				}
			}
		}
	}
}

// groupInFlight returns the disk while the records 5 to 12 are being flushed, and
// with one more record behind them.
func groupInFlight(t *testing.T) (during, after *disk) {
	t.Helper()
	d := newDisk()
	fsys := faultfs.New(d)
	g := newGate(fsys)
	j, err := journal.Open(fsys, ".", &journal.Options{MinSegment: 64 << 10}, journal.Replay{})
	must(t, err)
	fill(t, j, 3, 100)
	g.hold(true)
	must(t, j.Reserve(ctx, 1000))
	first, _ := j.Enqueue(payload(4, 1000), epoch, nil)
	begin(first)
	<-g.shut
	var f *journal.Flush
	for seq := uint64(5); seq <= 12; seq++ {
		must(t, j.Reserve(ctx, 1500))
		f, _ = j.Enqueue(payload(seq, 1500), epoch, nil)
	}
	g.goOn <- true
	must(t, first.Wait())
	<-g.shut
	during = d.settled()
	g.hold(false)
	g.goOn <- true
	must(t, f.Wait())
	put(t, j, nil)
	must(t, j.Close())
	return during, d.settled()
}

// completeBig is complete for the sizes of TestLostPieces.
func (l *told) completeBig(t *testing.T, last uint64) {
	t.Helper()
	seen := map[uint64]bool{}
	for _, r := range l.records {
		seen[r.Seq] = true
		size := 1500
		switch {
		case r.Seq <= 3:
			size = 100
		case r.Seq == 4:
			size = 1000
		case r.Seq == 13:
			size = 0
		}
		if !bytes.Equal(r.Payload, payload(r.Seq, size)) {
			t.Errorf("record %d is wrong", r.Seq)
		}
	}
	for seq := uint64(1); seq <= last; seq++ {
		if !seen[seq] && !l.lost(seq) {
			t.Errorf("record %d is missing, and nobody says so", seq)
		}
	}
}

// The last flush is cut at every byte.
func TestTornAtEveryByte(t *testing.T) {
	d := newDisk()
	j, err := journal.Open(d, ".", small(), journal.Replay{})
	must(t, err)
	fill(t, j, 2, 100)
	before := d.killed().names[seg1].data
	fill(t, j, 1, 300)
	after := d.killed().names[seg1].data
	must(t, j.Close())
	begin, end := dataStart+2*onDisk(100), dataStart+2*onDisk(100)+onDisk(300)
	for n := begin; n <= end; n++ {
		c := newDisk()
		b := slices.Concat(after[:n], before[n:])
		c.names[seg1] = &node{data: b}
		for round := range uint64(2) {
			l := &told{}
			j, err := journal.Open(c, ".", small(), journal.Replay{Record: l.record, Damage: l.hurt})
			must(t, err)
			l.wantWhole(t)
			whole := n >= end-20 // the rest is filler
			if got := len(l.records); got < 2 || (got-int(round) == 3) != whole {
				t.Fatalf("cut after %d bytes of %d, round %d: %d records", n-begin, end-begin, round, got)
			}
			put(t, j, payload(100, 40)) // the rest of the torn record must not matter
			must(t, j.Close())
		}
	}
}
