package journal_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"testing"

	"github.com/holdfast-go/holdfast/journal"
	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

// headerPlaces are where a segment's two headers stand.
var headerPlaces = []int{0, 4096}

// One bad sector takes one header; the other one is a copy.
func TestOneHeaderIsEnough(t *testing.T) {
	j, _, dir := fresh(t, nil)
	fill(t, j, 2, 100)
	must(t, j.Close())
	im := snapshot(t, dir)
	for _, at := range headerPlaces {
		b := bytes.Clone(im[seg1])
		for i := range 512 {
			b[at+i] = 0xee
		}
		j, l := open(t, openFS(t, im.with(seg1, b).restore(t)), nil)
		l.wantWhole(t)
		l.wantSeqs(t, 100, 1, 2)
		put(t, j, payload(3, 100))
	}
}

// Before the copy is written there is one header only, in which a bit can flip.
func TestFlippedHeader(t *testing.T) {
	d := newDisk()
	j, err := journal.Open(d, ".", small(), journal.Replay{})
	must(t, err)
	fill(t, j, 1, 100)
	must(t, j.Close())
	c := d.settled()
	b := c.names[seg1].data
	copy(b, newSpare(t, len(b)))
	for bit := range 64 * 8 {
		b[4096+bit/8] ^= 1 << (bit % 8)
		l := openTold(t, c.settled())
		l.wantWhole(t)
		l.wantSeqs(t, 100, 1)
		b[4096+bit/8] ^= 1 << (bit % 8)
	}
}

// A spare segment whose real header is gone is not taken for a spare one.
func TestHeadless(t *testing.T) {
	j, _, dir := fresh(t, nil)
	fill(t, j, 1, 100)
	spare := snapshot(t, dir)[seg1]
	fill(t, j, 2, 100)
	must(t, j.Close())
	b := snapshot(t, dir)[seg1]
	// Place 0 as before the copy was written, place 1 destroyed.
	copy(b, newSpare(t, len(spare)))
	clear(b[4096 : 4096+64])
	c := image{seg1: b}.restore(t)
	j, l := open(t, openFS(t, c), nil)
	if len(l.records) != 0 || fmt.Sprint(l.ranges()) != "[[1 3]]" {
		t.Errorf("%d records, damage %v", len(l.records), l.ranges())
	}
	if seq := put(t, j, payload(4, 100)); seq != 4 {
		t.Errorf("number %d", seq)
	}
	must(t, j.Close())
	if !bytes.Equal(snapshot(t, c)[seg1], b) {
		t.Error("it was written to")
	}
}

// newSpare returns the header of a new segment of n bytes.
func newSpare(t *testing.T, n int) []byte {
	t.Helper()
	b := make([]byte, 64)
	copy(b, "HOLDSJ\x01\x01")
	binary.LittleEndian.PutUint64(b[40:], uint64(n))
	binary.LittleEndian.PutUint32(b[60:], crc32.Checksum(b[:60], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

func TestNewerVersion(t *testing.T) {
	j, _, dir := fresh(t, nil)
	fill(t, j, 1, 100)
	must(t, j.Close())
	b := snapshot(t, dir)[seg1]
	b[6] = 2
	binary.LittleEndian.PutUint32(b[60:], crc32.Checksum(b[:60], crc32.MakeTable(crc32.Castagnoli)))
	_, err := journal.Open(openFS(t, image{seg1: b}.restore(t)), ".", nil, journal.Replay{})
	wantErr(t, "Open", err, journal.ErrVersion)
}

// A copy that somebody made of a segment is not read as another one.
func TestTwins(t *testing.T) {
	j, _, dir := fresh(t, small())
	fill(t, j, 3, 100)
	must(t, j.Close())
	im := snapshot(t, dir)
	_, l := open(t, openFS(t, im.with("00000009.seg", im[seg1]).restore(t)), small())
	l.wantSeqs(t, 100, 1, 2, 3)
	if len(l.damage) != 1 || l.damage[0].File != "00000009.seg" {
		t.Errorf("%+v", l.damage)
	}
}

// What is damaged stays until Release has passed it and its space is needed.
func TestEvidenceStays(t *testing.T) {
	o := small()
	j, _, dir := fresh(t, o)
	fill(t, j, 20, 1000)
	must(t, j.Close())
	im := snapshot(t, dir)
	for _, name := range []string{seg1, "00000002.seg"} {
		b := bytes.Clone(im[name])
		clear(b[dataStart+100 : dataStart+200])
		if name == "00000002.seg" {
			clear(b[:dataStart]) // no header at all
		}
		dir := im.with(name, b).restore(t)
		j, l := open(t, openFS(t, dir), o)
		if len(l.damage) != 1 {
			t.Errorf("%s: %v", name, l.ranges())
		}
		var err error
		for err == nil {
			_, err = j.Append(ctx, payload(9, 1000), epoch, nil)
		}
		wantErr(t, name, err, journal.ErrFull)
		if !bytes.Equal(snapshot(t, dir)[name], b) {
			t.Errorf("%s was written to", name)
		}
		for range 100 {
			j.Release(j.Last())
			put(t, j, payload(9, 1000))
		}
		if bytes.Equal(snapshot(t, dir)[name], b) {
			t.Errorf("%s is never reused", name)
		}
		if u := j.Usage(); u.Size > 64<<10 {
			t.Errorf("%+v", u)
		}
	}
}

// A segment without a durable name, or that may not be spare on disk, is not
// relied on: any sync that fails ends the journal.
func TestFailedSyncOfASegment(t *testing.T) {
	for _, op := range []faultfs.Op{faultfs.OpSync, faultfs.OpSyncDir} {
		_, inner, _ := fresh(t, nil)
		fsys := faultfs.New(inner, faultfs.Rule{Op: op})
		j, _ := open(t, fsys, nil)
		_, err := j.Append(ctx, nil, epoch, nil)
		wantFlushError(t, err)
		wantFlushError(t, j.Failed())
	}
	o := small()
	_, inner, _ := fresh(t, nil)
	fsys := faultfs.New(inner)
	j, _ := open(t, fsys, o)
	fill(t, j, 28, 1000)
	fsys.Add(faultfs.Rule{Op: faultfs.OpSync, Path: seg1}) // giving it up
	j.Release(14)
	_, err := j.Append(ctx, payload(29, 1000), epoch, nil)
	wantFlushError(t, err)
	must(t, inner.SyncDir("."))
	_, l := open(t, inner, o)
	l.wantWhole(t)
	if n := len(l.records); n != 21 && n != 28 || l.records[n-1].Seq != 28 {
		t.Errorf("%d records", n)
	}
}

// The name of a spare that an earlier process made may not be durable.
func TestSpareNameIsSynced(t *testing.T) {
	_, inner, _ := fresh(t, nil)
	fsys := faultfs.New(inner)
	j, _ := open(t, fsys, nil)
	fsys.Add(faultfs.Rule{Op: faultfs.OpWriteAt, Path: seg1, Sticky: true}) // made, and not put to use
	if _, err := j.Append(ctx, nil, epoch, nil); err == nil {
		t.Error("no error")
	}
	must(t, j.Close())
	fsys = faultfs.New(inner)
	var log []faultfs.Op
	fsys.OnCall = func(op faultfs.Op, _ string) { log = append(log, op) }
	j, _ = open(t, fsys, nil)
	put(t, j, nil)
	must(t, j.Close())
	sync := slices.Index(log, faultfs.OpSyncDir)
	if write := slices.Index(log, faultfs.OpWriteAt); sync < 0 || write < sync {
		t.Errorf("calls: %v", log)
	}
}

// Spare segments beyond one are for Trim.
func TestTrimKeepsOneSpare(t *testing.T) {
	j, _, dir := fresh(t, small())
	fill(t, j, 1, 100)
	must(t, j.Close())
	im := snapshot(t, dir)
	spare := make([]byte, 16<<10)
	copy(spare, newSpare(t, len(spare)))
	dir = im.with("00000002.seg", spare).with("00000003.seg", spare).with("00000004.seg", spare).restore(t)
	j, l := open(t, openFS(t, dir), small())
	l.wantWhole(t)
	must(t, j.Trim())
	if n := len(segments(t, dir)); n != 2 || j.Usage().Segments != 2 {
		t.Errorf("%d segments", n)
	}
	fill(t, j, 10, 1000)
}

// On a full disk a segment is not tried to be prepared with every flush.
func TestPrepareOnce(t *testing.T) {
	inner := openFS(t, t.TempDir())
	d := faultfs.NewDisk(inner, 16<<10)
	fsys := faultfs.New(d)
	j, _ := open(t, fsys, small())
	fill(t, j, 60, 70)
	must(t, j.Close())
	if n := fsys.Calls(faultfs.OpRemove); n > 1 { // of the temporary file
		t.Errorf("tried %d times", n)
	}
}
