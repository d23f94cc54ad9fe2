package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/holdfast-go/holdfast/journal"
	"github.com/holdfast-go/holdfast/vfs"
)

const seg1 = "00000001.seg"

// dataStart and the record's size on disk, as the format says.
const dataStart = 8192

func onDisk(n int) int { return (n + 32 + 31) &^ 31 }

// leftOpenAndClosed returns both images of a journal of three flushes; one, if
// they are equal.
func leftOpenAndClosed(t testing.TB) map[string]image {
	t.Helper()
	j, _, dir := fresh(t, small())
	fill(t, j, 3, 100)
	left := snapshot(t, dir)
	must(t, j.Close())
	closed := snapshot(t, dir)
	if bytes.Equal(left[seg1], closed[seg1]) {
		return map[string]image{"closed or killed": closed}
	}
	return map[string]image{"killed": left, "closed": closed}
}

// check opens the journal and sees to it that each of the records up to last is
// delivered as it was written or told to be damaged. It returns what was told.
func check(t testing.TB, fsys vfs.FS, last uint64, what string) *told {
	t.Helper()
	l := &told{}
	j, err := journal.Open(fsys, ".", small(), journal.Replay{Record: l.record, Damage: l.hurt})
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	must(t, j.Close())
	l.complete(t, 100, last, what)
	return l
}

// complete checks that all up to last is told, one way or the other.
func (l *told) complete(t testing.TB, size int, last uint64, what string) {
	t.Helper()
	seen := map[uint64]bool{}
	before := uint64(0)
	for _, r := range l.records {
		if !bytes.Equal(r.Payload, payload(r.Seq, size)) || r.Time.UnixNano() != epoch {
			t.Errorf("%s: record %d is wrong", what, r.Seq)
		}
		if r.Seq <= before {
			t.Errorf("%s: record %d after %d", what, r.Seq, before)
		}
		before = r.Seq
		seen[r.Seq] = true
	}
	for seq := uint64(1); seq <= last; seq++ {
		if !seen[seq] && !l.lost(seq) {
			t.Errorf("%s: record %d is missing, and nobody says so", what, seq)
		}
	}
}

func (l *told) lost(seq uint64) bool {
	for _, d := range l.damage {
		if d.From <= seq && (seq <= d.To || d.To == 0) { // From 0: nobody can tell which
			return true
		}
	}
	return false
}

func TestEverySingleBitFlip(t *testing.T) {
	for how, im := range leftOpenAndClosed(t) {
		dir := im.restore(t)
		fsys := openFS(t, dir)
		file := im[seg1]
		for at := range dataStart + 4*onDisk(100) {
			if at < dataStart && at%4096 > 64 {
				continue // nothing is read there
			}
			for bit := range 8 {
				b := bytes.Clone(file)
				b[at] ^= 1 << bit
				im.with(seg1, b).into(t, dir)
				what := fmt.Sprintf("%s, bit %d of byte %d", how, bit, at)
				l := check(t, fsys, 3, what)
				l.wantRepaired(t, at, what)
				if t.Failed() {
					return
				}
			}
		}
	}
}

// wantRepaired checks that all three records are told, and as repaired the one
// that a flipped bit at byte at belongs to.
func (l *told) wantRepaired(t testing.TB, at int, what string) {
	t.Helper()
	if len(l.records) != 3 || len(l.damage) != 0 {
		t.Errorf("%s was not put right: %d records, %+v", what, len(l.records), l.damage)
		return
	}
	for i, r := range l.records {
		begin := dataStart + i*onDisk(100)
		if hit := at >= begin && at < begin+32+100; r.Repaired != hit {
			t.Errorf("%s: record %d: repaired is %v", what, r.Seq, r.Repaired)
		}
	}
}

func TestEveryTruncation(t *testing.T) {
	for how, im := range leftOpenAndClosed(t) {
		dir := im.restore(t)
		fsys := openFS(t, dir)
		file := im[seg1]
		for n := range len(file) {
			if n > 100 && n%4096 > 100 && n < dataStart || n > dataStart+1000 && n < len(file)-100 {
				continue
			}
			im.with(seg1, file[:n]).into(t, dir)
			what := fmt.Sprintf("%s, cut to %d bytes", how, n)
			l := check(t, fsys, 3, what)
			if len(l.damage) == 0 {
				t.Errorf("%s: not told", what)
			}
			if n >= dataStart+3*onDisk(100) && len(l.records) != 3 {
				t.Errorf("%s: only %d records", what, len(l.records))
			}
			if t.Failed() {
				return
			}
		}
	}
}

// Two wrong bits cannot be put right: the record is lost, its bytes are handed
// over, and those behind it are told.
func TestDamagedPayload(t *testing.T) {
	im := leftOpenAndClosed(t)["closed or killed"]
	b := bytes.Clone(im[seg1])
	at := dataStart + onDisk(100) + 40
	b[at] ^= 0x11
	dir := im.with(seg1, b).restore(t)
	fsys := openFS(t, dir)
	l := check(t, fsys, 3, "")
	l.wantSeqs(t, 100, 1, 3)
	if len(l.damage) != 1 {
		t.Fatalf("damage: %+v", l.damage)
	}
	d := l.damage[0]
	salvage := payload(2, 100)
	salvage[8] ^= 0x11
	if d.From != 2 || d.To != 2 || d.File != seg1 || d.Offset != int64(dataStart+onDisk(100)) ||
		!bytes.Equal(d.Payload, salvage) || d.Time.UnixNano() != epoch {
		t.Errorf("damage: %+v", d)
	}
	// It is told each time, the file is not written to again, and new records
	// go elsewhere.
	before := snapshot(t, dir)[seg1]
	for round := range uint64(3) {
		j, l := open(t, fsys, small())
		l.wantSeqs(t, 100, append([]uint64{1, 3}, upTo(4, 3+round)...)...)
		if len(l.damage) != 1 {
			t.Errorf("round %d: %+v", round, l.damage)
		}
		if seq := put(t, j, payload(4+round, 100)); seq != 4+round {
			t.Errorf("number %d", seq)
		}
		must(t, j.Close())
	}
	after := snapshot(t, dir)[seg1]
	end := dataStart + 3*onDisk(100) // behind it the mark became a seal
	if !bytes.Equal(before[:end], after[:end]) || !bytes.Equal(before[end+32:], after[end+32:]) {
		t.Error("the damaged records were written to")
	}
}

// Records behind a wholly unreadable stretch are still told.
func TestDamagedStretch(t *testing.T) {
	o := small()
	j, _, dir := fresh(t, o)
	fill(t, j, 7, 1000)
	must(t, j.Close())
	im := snapshot(t, dir)
	for from := uint64(1); from <= 7; from++ {
		for to := from; to <= 7; to++ {
			b := bytes.Clone(im[seg1])
			for i := range int(to-from+1) * onDisk(1000) {
				b[dataStart+int(from-1)*onDisk(1000)+i] = 0xa5
			}
			dir := im.with(seg1, b).restore(t)
			what := fmt.Sprintf("%d to %d", from, to)
			l := check1000(t, dir, what)
			if len(l.damage) != 1 || l.damage[0].From != from || l.damage[0].To != to || len(l.records) != 7-int(to-from+1) {
				t.Errorf("%s: %d records, %+v", what, len(l.records), l.damage)
			}
			var text *journal.DamageError
			err := error(&journal.DamageError{Damage: l.damage[0]})
			if !errors.As(err, &text) || text.Error() == "" {
				t.Errorf("%v", err)
			}
		}
	}
}

func check1000(t testing.TB, dir, what string) *told {
	t.Helper()
	fsys := openFS(t, dir)
	l := &told{}
	j, err := journal.Open(fsys, ".", small(), journal.Replay{Record: l.record, Damage: l.hurt})
	must(t, err)
	defer j.Close()
	l.complete(t, 1000, 7, what)
	return l
}

// Segments that vanish, or whose headers do, are told.
func TestLostSegments(t *testing.T) {
	o := small()
	o.MaxSize = 1 << 20
	j, _, dir := fresh(t, o)
	fill(t, j, 25, 1000) // 7 in a segment
	must(t, j.Close())
	im := snapshot(t, dir)
	for name, want := range map[string][2]uint64{
		seg1:           {}, // nobody can know that there was something before the oldest one
		"00000002.seg": {8, 14}, "00000003.seg": {15, 21}, "00000004.seg": {22, 0},
	} {
		b := bytes.Clone(im[name])
		clear(b[:dataStart])
		im.with(name, b).wantLost(t, o, name+" without a header", want)
		im.with(name, nil).wantLost(t, o, name+" emptied", want)
		c := im.with(name, nil)
		delete(c, name)
		if name != seg1 {
			c.wantLost(t, o, name+" removed", want)
			continue
		}
		l := &told{}
		_, err := journal.Open(openFS(t, c.restore(t)), ".", o, journal.Replay{After: 3, Record: l.record, Damage: l.hurt})
		must(t, err)
		if fmt.Sprint(l.ranges()) != "[[4 7]]" {
			t.Errorf("behind a checkpoint: %v", l.ranges())
		}
	}
}

// wantLost opens the journal, which must tell these records to be lost, and goes
// on with it.
func (im image) wantLost(t *testing.T, o *journal.Options, what string, want [2]uint64) {
	t.Helper()
	dir := im.restore(t)
	j, l := open(t, openFS(t, dir), o)
	if got := l.ranges(); len(got) != 1 || got[0] != want {
		t.Errorf("%s: %v", what, got)
	}
	if last := j.Last(); last != 25 && (want[1] != 0 || last != 21) {
		t.Errorf("%s: last %d", what, last)
	}
	put(t, j, nil)
	must(t, j.Close())
	if want[0] == 22 && !bytes.Equal(snapshot(t, dir)["00000003.seg"], im["00000003.seg"]) {
		t.Error("a sealed segment was written to")
	}
}

// How far a segment's records go is known by its successor, even where its own
// end is unreadable and nothing behind proves anything.
func TestDamagedEndOfASegment(t *testing.T) {
	o := small()
	j, _, dir := fresh(t, o)
	fill(t, j, 10, 1000) // 7 in the first segment
	must(t, j.Close())
	im := snapshot(t, dir)
	for from := uint64(1); from <= 7; from++ {
		b := bytes.Clone(im[seg1])
		clear(b[dataStart+int(from-1)*onDisk(1000):])
		_, l := open(t, openFS(t, im.with(seg1, b).restore(t)), o)
		l.wantSeqs(t, 1000, append(upTo(1, from-1), 8, 9, 10)...)
		if fmt.Sprint(l.ranges()) != fmt.Sprintf("[[%d 7]]", from) {
			t.Errorf("from %d: damage %v", from, l.ranges())
		}
	}
}
