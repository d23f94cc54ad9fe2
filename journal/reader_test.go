package journal_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/holdfast-go/holdfast/journal"
	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

func openReader(t testing.TB, fsys *faultfs.FS) *journal.Reader {
	t.Helper()
	r, err := journal.OpenReader(fsys, ".")
	must(t, err)
	t.Cleanup(func() { r.Close() })
	return r
}

func TestReaderNeedsAJournal(t *testing.T) {
	fsys := openFS(t, t.TempDir())
	for _, dir := range []string{".", "absent"} {
		_, err := journal.OpenReader(fsys, dir)
		wantErr(t, dir, err, fs.ErrNotExist)
	}
}

// What has been acknowledged is there for a reader at once, through rotation
// and reuse, and it is cheap to learn that nothing is new.
func TestReaderFollows(t *testing.T) {
	j, inner, _ := fresh(t, small())
	fsys := faultfs.New(inner)
	put(t, j, payload(1, 700))
	r := openReader(t, fsys)
	last := uint64(0)
	for i := range uint64(200) {
		l := &told{}
		got, err := r.Read(last, l.record)
		must(t, err)
		l.wantSeqs(t, 700, upTo(last+1, i+1)...)
		if got != i+1 {
			t.Fatalf("read up to %d of %d", got, i+1)
		}
		last = got
		before := fsys.Calls("")
		if got, err := r.Read(last, l.record); err != nil || got != last {
			t.Fatalf("nothing new: %d %v", got, err)
		}
		if n := fsys.Calls("") - before; n != 1 { // and that a small one
			t.Fatalf("%d calls to learn that nothing is new", n)
		}
		put(t, j, payload(i+2, 700))
		j.Release(j.Last())
	}
	if u := j.Usage(); u.First < 100 {
		t.Errorf("nothing was reused: %+v", u)
	}
	_, err := r.Read(3, func(journal.Record) error { return nil })
	wantErr(t, "reused", err, journal.ErrGap)
	l := &told{}
	if last, err = r.Read(190, l.record); err != nil || last != 201 {
		t.Errorf("read up to %d: %v", last, err)
	}
	l.wantSeqs(t, 700, upTo(191, 201)...)
}

func TestReaderWithWriters(t *testing.T) {
	j, inner, _ := fresh(t, small())
	fsys := faultfs.New(inner)
	put(t, j, payload(1, 300))
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			r := openReader(t, fsys)
			last, gaps := uint64(0), 0
			check := func(rec journal.Record) error {
				if rec.Seq <= last {
					t.Errorf("record %d after %d", rec.Seq, last)
				}
				return nil
			}
			for range 150 {
				seq, err := j.Append(ctx, payload(uint64(w), 300), epoch, nil)
				if err != nil {
					t.Error(err)
					return
				}
				j.Release(seq)
				got, err := r.Read(last, check)
				if errors.Is(err, journal.ErrGap) {
					gaps++
					last = j.Usage().First
					continue
				}
				if err != nil || got < seq {
					t.Errorf("record %d is acknowledged, and read were those up to %d: %v", seq, got, err)
					return
				}
				last = got
			}
			if gaps > 100 {
				t.Errorf("%d gaps", gaps)
			}
		})
	}
	wg.Wait()
}

// A flush that is under way is not told.
func TestReaderSeesNoUnacknowledged(t *testing.T) {
	_, inner, _ := fresh(t, nil)
	fsys := faultfs.New(inner)
	stop, goOn := make(chan bool), make(chan bool)
	armed := false
	fsys.OnCall = func(op faultfs.Op, name string) {
		if op == faultfs.OpSync && name == "00000001.seg" && armed {
			stop <- true
			<-goOn
		}
	}
	j, _ := open(t, fsys, small())
	put(t, j, payload(1, 100))
	armed = true
	r := openReader(t, faultfs.New(inner))
	for i := range uint64(3) {
		must(t, j.Reserve(ctx, 100))
		f, _ := j.Enqueue(payload(i+2, 100), epoch, nil)
		begin(f)
		<-stop
		l := &told{}
		last, err := r.Read(0, l.record)
		must(t, err)
		l.wantSeqs(t, 100, upTo(1, i+1)...)
		if all, err := r.ReadAll(last, l.record); err != nil || all != i+2 {
			t.Errorf("ReadAll: %d %v", all, err)
		}
		goOn <- true
		must(t, f.Wait())
		if last, err = r.Read(last, l.record); err != nil || last != i+2 {
			t.Errorf("after the flush: %d %v", last, err)
		}
	}
	armed = false
}

func TestReaderErrors(t *testing.T) {
	j, inner, _ := fresh(t, small())
	fill(t, j, 5, 100)
	r := openReader(t, faultfs.New(inner))
	stop := errors.New("stop")
	last, err := r.Read(1, func(rec journal.Record) error {
		if rec.Seq == 4 {
			return stop
		}
		return nil
	})
	wantErr(t, "f", err, stop)
	if last != 3 {
		t.Errorf("stopped at %d", last)
	}
	l := &told{}
	if last, err := r.Read(last, l.record); err != nil || last != 5 {
		t.Errorf("went on to %d: %v", last, err)
	}
	l.wantSeqs(t, 100, 4, 5)
	if last, err := r.Read(9, l.record); err != nil || last != 9 {
		t.Errorf("ahead: %d %v", last, err)
	}
}

// Damage in the segment that is being written: told, or put right, and passed.
func TestReaderMeetsDamage(t *testing.T) {
	j, inner, dir := fresh(t, small())
	fill(t, j, 5, 100)
	for _, at := range []int{1, 3} { // records 2 and 4
		f, err := os.OpenFile(filepath.Join(dir, seg1), os.O_RDWR, 0)
		must(t, err)
		var b [1]byte
		off := int64(dataStart + at*onDisk(100) + 50)
		_, err = f.ReadAt(b[:], off)
		must(t, err)
		b[0] ^= byte(at) // one bit, two bits
		_, err = f.WriteAt(b[:], off)
		must(t, err)
		must(t, f.Close())
	}
	r := openReader(t, faultfs.New(inner))
	l := &told{}
	last, err := r.Read(0, l.record)
	var de *journal.DamageError
	if !errors.As(err, &de) || last != 3 || de.Damage.From != 4 || de.Damage.To != 4 || !l.records[1].Repaired {
		t.Fatalf("read up to %d: %v", last, err)
	}
	last, err = r.Read(4, l.record)
	if err != nil || last != 5 {
		t.Errorf("behind it: %d %v", last, err)
	}
	put(t, j, payload(6, 100))
	if last, err = r.Read(last, l.record); err != nil || last != 6 {
		t.Errorf("a new one: %d %v", last, err)
	}
	l.wantSeqs(t, 100, 1, 2, 3, 5, 6)
}

// A segment that its next owner leaves because it is damaged has no seal where
// the mark was lost. The reader finds the next one all the same.
func TestReaderLeavesAnUnsealedSegment(t *testing.T) {
	j, inner, dir := fresh(t, small())
	fill(t, j, 3, 100)
	must(t, j.Close())
	f, err := os.OpenFile(filepath.Join(dir, seg1), os.O_RDWR, 0)
	must(t, err)
	for off, n := range map[int]int{dataStart + onDisk(100) + 32: 100, dataStart + 3*onDisk(100): 32} {
		_, err = f.WriteAt(make([]byte, n), int64(off)) // record 2, and the mark
		must(t, err)
	}
	must(t, f.Close())
	fsys := faultfs.New(inner)
	r := openReader(t, fsys)
	l := &told{}
	var de *journal.DamageError
	if last, err := r.Read(0, l.record); !errors.As(err, &de) || de.Damage.To != 2 || last != 1 {
		t.Fatalf("%d: %v", last, err)
	}
	for range 3 { // nothing proves that record 3 was acknowledged
		if last, err := r.Read(2, l.record); err != nil || last != 2 {
			t.Errorf("%d: %v", last, err)
		}
	}
	j, _ = open(t, inner, small())
	put(t, j, payload(4, 100))
	if last, err := r.Read(2, l.record); err != nil || last != 4 {
		t.Errorf("%d: %v", last, err)
	}
	l.wantSeqs(t, 100, 1, 3, 4)
}

// Whatever the owner does between any two calls of a reader, nothing seems to be
// damaged, and nothing fails but for records that are gone.
func TestOwnerActsBetweenCalls(t *testing.T) {
	works := map[string]func(r *journal.Reader) error{
		"Read": func(r *journal.Reader) error {
			_, err := r.Read(20, func(journal.Record) error { return nil })
			if errors.Is(err, journal.ErrGap) {
				return nil
			}
			return err
		},
		"Verify": func(r *journal.Reader) error {
			return r.Verify(ctx, nil, func(d journal.Damage) error { return &journal.DamageError{Damage: d} })
		},
		"Backward": func(r *journal.Reader) error {
			for _, err := range r.Backward(nil) {
				if err != nil {
					return err
				}
			}
			return nil
		},
	}
	for name, work := range works {
		for _, records := range []int{1, 10, 15, 22, 60} {
			for at, last := 1, false; !last; at++ {
				last = !actAt(t, at, records, work, name)
			}
		}
	}
}

// actAt has the owner write so many records before the reader's call number at,
// and reports whether there was such a call.
func actAt(t *testing.T, at, records int, work func(*journal.Reader) error, name string) bool {
	t.Helper()
	d := newDisk()
	j, err := journal.Open(d, ".", small(), journal.Replay{})
	must(t, err)
	fill(t, j, 25, 1000)
	fsys := faultfs.New(d)
	r, err := journal.OpenReader(fsys, ".")
	must(t, err)
	calls := 0
	fsys.OnCall = func(faultfs.Op, string) {
		if calls++; calls == at {
			for range records {
				j.Release(j.Last())
				put(t, j, payload(j.Last()+1, 1000))
			}
		}
	}
	if err := work(r); err != nil {
		t.Errorf("%s, %d records before call %d: %v", name, records, at, err)
	}
	reached := calls >= at
	must(t, r.Close())
	must(t, j.Close())
	return reached
}
