package journal_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/journal"
	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

func TestMaxAge(t *testing.T) {
	now := time.Unix(0, epoch)
	o := small()
	o.MaxSize, o.MaxAge = 1<<20, time.Hour
	o.Now = func() time.Time { return now }
	j, _, dir := fresh(t, o)
	write := func(n int) {
		for range n {
			_, err := j.Append(ctx, payload(j.Last()+1, 1000), now.UnixNano(), nil)
			must(t, err)
		}
	}
	write(35) // five segments
	now = now.Add(59 * time.Minute)
	j.Release(35)
	must(t, j.Trim())
	if u := j.Usage(); u.First != 1 || u.Segments < 5 {
		t.Errorf("young history is gone: %+v", u)
	}
	now = now.Add(2 * time.Minute)
	write(14) // reuses what is old, makes nothing new beyond the one prepared before
	if u := j.Usage(); u.Segments > 6 || u.First <= 1 {
		t.Errorf("%+v", u)
	}
	must(t, j.Trim())
	u := j.Usage()
	if u.First != 36 || u.Segments != 3 {
		t.Errorf("after Trim: %+v", u)
	}
	if n := len(segments(t, dir)); n != u.Segments {
		t.Errorf("%d files", n)
	}
	now = now.Add(1000 * time.Hour)
	must(t, j.Trim())
	if u := j.Usage(); u.Backlog == 0 || u.Last != 49 || u.First > 36 {
		t.Errorf("what is not released is gone: %+v", u)
	}
}

func TestNoMaxAge(t *testing.T) {
	o := small()
	o.MaxSize, o.MaxAge = 1<<20, -1
	o.Now = func() time.Time { return time.Unix(0, epoch).Add(1e6 * time.Hour) }
	j, _, _ := fresh(t, o)
	fill(t, j, 50, 1000)
	j.Release(50)
	must(t, j.Trim())
	fill(t, j, 50, 1000)
	if u := j.Usage(); u.First != 1 {
		t.Errorf("%+v", u)
	}
}

func TestSegmentSizes(t *testing.T) {
	o := &journal.Options{MinSegment: 16 << 10, MaxSegment: 64 << 10, MaxSize: 1 << 20}
	j, _, dir := fresh(t, o)
	fill(t, j, 150, 1000)
	var sizes []int64
	for _, name := range segments(t, dir) {
		fi, err := os.Stat(name)
		must(t, err)
		sizes = append(sizes, fi.Size()>>10)
	}
	if len(sizes) < 5 || !slices.Equal(sizes[:5], []int64{16, 16, 32, 64, 64}) {
		t.Errorf("sizes in KiB: %v", sizes)
	}
}

func TestStaleTemps(t *testing.T) {
	j, fsys, dir := fresh(t, nil)
	put(t, j, nil)
	must(t, j.Close())
	stale := ".tmp-0123456789abcdef-00000002.seg"
	others := []string{".tmp-0123456789abcdef-x", "note.txt", "1.seg", ".tmp-x-00000002.seg"}
	for _, name := range append(others, stale) {
		must(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	open(t, fsys, nil)
	for _, name := range others {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, stale)); err == nil {
		t.Error("the unfinished segment is still there")
	}
}

func TestBackward(t *testing.T) {
	rnd := seeded(t)
	o := small()
	o.MaxSize = 256 << 10
	j, fsys, _ := fresh(t, o)
	model := map[uint64][]byte{}
	for range 300 {
		p := payload(rnd.Uint64N(5), 8+rnd.IntN(900))
		seq := put(t, j, p)
		model[seq] = p
		j.Release(j.Last())
	}
	must(t, j.Close())
	j, _ = open(t, fsys, o) // so that nothing is given up meanwhile
	first, last := j.Usage().First, j.Last()
	if first == 1 {
		t.Error("nothing was reused")
	}
	r, err := journal.OpenReader(fsys, ".")
	must(t, err)
	defer r.Close()
	for which := range uint64(6) {
		match := func(p []byte) bool { return binary.LittleEndian.Uint64(p) == which }
		var want []uint64
		for seq := last; seq >= first; seq-- {
			if match(model[seq]) || which == 5 {
				want = append(want, seq)
			}
		}
		if which == 5 {
			match = nil
		}
		wantModel(t, j.Backward(match), model, want)
		wantModel(t, r.Backward(match), model, want)
	}
	if u := r.Usage(); u.First != first || u.Last != last || u.Size != j.Usage().Size || u.Segments != j.Usage().Segments {
		t.Errorf("the reader's view: %+v, the owner's: %+v", u, j.Usage())
	}
}

// wantModel checks that the iteration yields these records, as in the model.
func wantModel(t *testing.T, all iter.Seq2[journal.Record, error], model map[uint64][]byte, want []uint64) {
	t.Helper()
	var got []uint64
	for rec, err := range all {
		must(t, err)
		if !bytes.Equal(rec.Payload, model[rec.Seq]) {
			t.Errorf("record %d is wrong", rec.Seq)
		}
		got = append(got, rec.Seq)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Space that is reused under an iteration ends it without an error.
func TestBackwardWhileReused(t *testing.T) {
	j, _, _ := fresh(t, small())
	fill(t, j, 25, 1000)
	j.Release(25)
	var got []uint64
	for rec, err := range j.Backward(nil) {
		must(t, err)
		got = append(got, rec.Seq)
		if rec.Seq == 20 {
			for range 40 {
				put(t, j, payload(j.Last()+1, 1000))
				j.Release(j.Last())
			}
		}
	}
	if len(got) < 6 || !slices.Equal(got[:6], []uint64{25, 24, 23, 22, 21, 20}) || len(got) > 24 {
		t.Errorf("got %v", got)
	}
}

func TestVerifyAndBackwardTellDamage(t *testing.T) {
	j, r := damaged(t)
	for name, v := range map[string]verifier{"Journal": j, "Reader": r} {
		l := &told{}
		n := 0
		must(t, v.Verify(ctx, func(records int) { n = records }, l.hurt))
		if n != 23 || fmt.Sprint(l.ranges()) != "[[2 2] [16 16]]" {
			t.Errorf("%s: %d records, damage %v", name, n, l.ranges())
		}
		stop := errors.New("stop")
		wantErr(t, name, v.Verify(ctx, nil, func(journal.Damage) error { return stop }), stop)
		cancelled, cancel := context.WithCancel(ctx)
		cancel()
		wantErr(t, name, v.Verify(cancelled, nil, l.hurt), context.Canceled)

		var got []uint64
		for rec, err := range v.Backward(nil) {
			var de *journal.DamageError
			if errors.As(err, &de) {
				got = append(got, 100+de.Damage.From)
				continue
			}
			must(t, err)
			got = append(got, rec.Seq)
		}
		want := slices.Concat(upTo(1, 1), []uint64{102}, upTo(3, 15), []uint64{116}, upTo(17, 25))
		slices.Reverse(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

// damaged returns a journal of four segments, of which two have lost a record,
// the 2nd and the 16th.
func damaged(t *testing.T) (*journal.Journal, *journal.Reader) {
	t.Helper()
	o := small()
	o.MaxSize = 1 << 20
	j, inner, dir := fresh(t, o)
	fill(t, j, 25, 1000)
	for _, name := range []string{seg1, "00000003.seg"} {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY, 0)
		must(t, err)
		_, err = f.WriteAt(make([]byte, 600), int64(dataStart+onDisk(1000)))
		must(t, err)
		must(t, f.Close())
	}
	return j, openReader(t, faultfs.New(inner))
}

func TestReadPassesDamage(t *testing.T) {
	_, r := damaged(t)
	l := &told{}
	after := uint64(0)
	for _, want := range []uint64{1, 15, 25} {
		last, err := r.Read(after, l.record)
		var de *journal.DamageError
		if last != want || errors.As(err, &de) != (want < 25) {
			t.Fatalf("read up to %d: %v", last, err)
		}
		if de != nil {
			after = de.Damage.To
		}
	}
	l.wantSeqs(t, 1000, slices.Concat(upTo(1, 1), upTo(3, 15), upTo(17, 25))...)
}

type verifier interface {
	Verify(ctx context.Context, progress func(int), damage func(journal.Damage) error) error
	Backward(match func([]byte) bool) iter.Seq2[journal.Record, error]
}

func (l *told) ranges() (all [][2]uint64) {
	for _, d := range l.damage {
		all = append(all, [2]uint64{d.From, d.To})
	}
	return all
}

func TestVerifyTellsAHeader(t *testing.T) {
	j, _, dir := fresh(t, small())
	fill(t, j, 10, 1000)
	f, err := os.OpenFile(filepath.Join(dir, seg1), os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteAt(make([]byte, dataStart), 0)
	must(t, err)
	must(t, f.Close())
	l := &told{}
	must(t, j.Verify(ctx, nil, l.hurt))
	if len(l.damage) != 1 || l.damage[0].File != seg1 {
		t.Errorf("%+v", l.damage)
	}
}
