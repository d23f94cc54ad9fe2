package journal_test

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/holdfast-go/holdfast/journal"
	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

// inFlight returns the disk at the moment when the records 8 to 10, of equal
// size, have been written together and not flushed: behind others in the first
// segment, or as the first ones of the second segment.
func inFlight(t *testing.T, second bool) *disk {
	t.Helper()
	d := newDisk()
	fsys := faultfs.New(d)
	stop, goOn := make(chan string), make(chan bool)
	fsys.OnCall = func(op faultfs.Op, name string) {
		if op == faultfs.OpSync && (name == seg1 || name == "00000002.seg") {
			stop <- name
			<-goOn
		}
	}
	o := small()
	if !second {
		o.MinSegment, o.MaxSegment, o.MaxSize = 64<<10, 64<<10, 256<<10
	}
	j, err := journal.Open(fsys, ".", o, journal.Replay{})
	must(t, err)
	enqueue := func(seq uint64) *journal.Flush {
		must(t, j.Reserve(ctx, 1000))
		f, _ := j.Enqueue(payload(seq, 1000), epoch, nil)
		return f
	}
	for seq := uint64(1); seq <= 7; seq++ {
		f := enqueue(seq)
		begin(f)
		<-stop
		if seq == 7 {
			for more := seq + 1; more <= 10; more++ {
				f = enqueue(more)
			}
			goOn <- true
			if name := <-stop; (name != seg1) != second {
				t.Fatalf("they are in %s", name)
			}
			d = d.killed()
		}
		goOn <- true
		must(t, f.Wait())
	}
	must(t, j.Close())
	return d
}

// flushed returns the disk as it is if nothing that was not flushed survives.
func (d *disk) flushed() *disk {
	c := d.settled()
	for name := range c.names {
		delete(c.names, name)
	}
	for name, n := range d.killed().safe {
		c.names[name] = &node{data: n.safe, safe: n.safe}
	}
	c.safe = c.names
	return c.settled()
}

// What a torn flush left behind must not follow the next record: its numbers are
// not given out again.
func TestTornNumbersAreBurned(t *testing.T) {
	d := inFlight(t, false).settled()
	clear(d.names[seg1].data[dataStart+7*onDisk(1000):][:512]) // the first of the three
	j, l := open(t, d, nil)
	l.wantWhole(t)
	l.wantSeqs(t, 1000, upTo(1, 7)...)
	if seq := put(t, j, payload(11, 1000)); seq != 11 {
		t.Errorf("number %d", seq)
	}
	l = openTold(t, d.flushed()) // without the mark, which now stands over the second one's header
	l.wantWhole(t)
	l.wantSeqs(t, 1000, append(upTo(1, 7), 11)...)
}

// Nor does it count if what was written over it is damaged.
func TestTornRestIsStale(t *testing.T) {
	d := inFlight(t, false).settled()
	at := dataStart + 7*onDisk(1000)
	clear(d.names[seg1].data[at:][:512])
	j, _ := open(t, d, nil)
	put(t, j, payload(11, 100))
	must(t, j.Close())
	clear(d.names[seg1].data[at:][:onDisk(100)])
	l := openTold(t, d)
	l.wantSeqs(t, 1000, upTo(1, 7)...)
	if fmt.Sprint(l.ranges()) != "[[8 11]]" {
		t.Errorf("damage %v", l.ranges())
	}
}

// Nor may it if the header of its segment was lost, so that nobody knows of it:
// the next use has another salt.
func TestTornActivation(t *testing.T) {
	d := inFlight(t, true).settled()
	clear(d.names["00000002.seg"].data[4096 : 4096+64])
	j, l := open(t, d, small())
	l.wantWhole(t)
	l.wantSeqs(t, 1000, upTo(1, 7)...)
	if seq := put(t, j, payload(8, 1000)); seq != 8 {
		t.Errorf("number %d", seq)
	}
	l = openTold(t, d.flushed())
	l.wantWhole(t)
	l.wantSeqs(t, 1000, upTo(1, 8)...)
}

// A flush whose owner was killed before it was told the outcome is carried out
// again, also if the kernel has given its pages up: what Open has told stays.
func TestLastFlushIsRedone(t *testing.T) {
	rnd := seeded(t)
	for _, second := range []bool{false, true} {
		for _, lost := range []bool{false, true} {
			d := inFlight(t, second)
			if lost {
				d.forget()
			}
			o := small()
			o.MaxSize = 1 << 20
			l := &told{}
			j, err := journal.Open(d, ".", o, journal.Replay{Record: l.record, Damage: l.hurt})
			must(t, err)
			l.wantWhole(t)
			l.wantSeqs(t, 1000, upTo(1, 10)...)
			for range 20 {
				l := openTold(t, d.cut(rnd))
				l.wantWhole(t)
				l.wantSeqs(t, 1000, upTo(1, 10)...)
			}
			must(t, j.Close())
		}
	}
}

// A write that failed half way does not come back with a power cut either.
func TestFailedWriteStaysAway(t *testing.T) {
	rnd := seeded(t)
	for _, more := range []int{0, 1} {
		d := newDisk()
		fsys := faultfs.New(d)
		g := newGate(fsys)
		j, err := journal.Open(fsys, ".", nil, journal.Replay{})
		must(t, err)
		fill(t, j, 2, 100)
		g.hold(true)
		must(t, j.Reserve(ctx, 100))
		first, _ := j.Enqueue(payload(3, 100), epoch, nil)
		begin(first)
		<-g.shut
		var f *journal.Flush
		for seq := uint64(4); seq <= 7; seq++ {
			must(t, j.Reserve(ctx, 100))
			f, _ = j.Enqueue(payload(seq, 100), epoch, nil)
		}
		// After the mark of the first one the group fails, with two of four written.
		fsys.Add(faultfs.Rule{Op: faultfs.OpWriteAt, Nth: 2, Short: true})
		g.hold(false)
		g.goOn <- true
		must(t, first.Wait())
		wantErr(t, "the group", f.Wait(), syscall.EIO)
		for range more {
			put(t, j, payload(8, 100))
		}
		for range 50 {
			l := openTold(t, d.cut(rnd))
			l.wantWhole(t)
			for _, r := range l.records {
				if r.Seq > 3 && r.Seq < 8 {
					t.Errorf("record %d is back", r.Seq)
				}
			}
		}
		must(t, j.Close())
	}
}
