package journal_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/holdfast-go/holdfast/journal"
)

func TestRoundTrip(t *testing.T) {
	j, fsys, dir := fresh(t, nil)
	if n := len(segments(t, dir)); n != 0 {
		t.Errorf("Open made %d segments", n)
	}
	want := [][]byte{nil, []byte("a"), bytes.Repeat([]byte("x"), 31), bytes.Repeat([]byte("y"), 5000), {}}
	for i, p := range want {
		seq, err := j.Append(ctx, p, int64(i)-2, nil)
		must(t, err)
		if seq != uint64(i)+1 || j.Last() != seq {
			t.Errorf("got number %d, last %d", seq, j.Last())
		}
	}
	must(t, j.Close())
	for range 2 {
		j, l := open(t, fsys, nil)
		l.wantWhole(t)
		if len(l.records) != len(want) || j.Last() != uint64(len(want)) {
			t.Fatalf("got %d records, last %d", len(l.records), j.Last())
		}
		for i, r := range l.records {
			if !bytes.Equal(r.Payload, want[i]) || r.Time.UnixNano() != int64(i)-2 || r.Seq != uint64(i)+1 || r.Repaired {
				t.Errorf("got %+v", r)
			}
		}
		must(t, j.Close())
	}
	j, _ = open(t, fsys, nil)
	if seq := put(t, j, nil); seq != uint64(len(want))+1 {
		t.Errorf("got number %d after reopening", seq)
	}
}

func TestManyWriters(t *testing.T) {
	var mu sync.Mutex
	var committed []uint64
	o := small()
	o.MaxSize, o.Queue = 1<<20, 4096
	o.Committed = func(items []any) {
		mu.Lock()
		defer mu.Unlock()
		for _, item := range items {
			committed = append(committed, item.(uint64))
		}
	}
	j, fsys, _ := fresh(t, o)
	var wg sync.WaitGroup
	var order sync.Mutex
	next := uint64(0)
	for range 16 {
		wg.Go(func() {
			for range 50 {
				must(t, j.Reserve(ctx, 200))
				order.Lock()
				next++
				want := next
				f, seq := j.Enqueue(payload(want, 200), int64(want), want)
				order.Unlock()
				if err := f.Wait(); err != nil || seq != want || !f.Resolved() {
					t.Errorf("record %d got number %d: %v", want, seq, err)
				}
				mu.Lock()
				if len(committed) < int(want) {
					t.Errorf("record %d was acknowledged before Committed", want)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for i, seq := range committed {
		if seq != uint64(i)+1 {
			t.Fatalf("item %d was committed as number %d", seq, i+1)
		}
	}
	must(t, j.Close())
	_, l := open(t, fsys, o)
	l.wantWhole(t)
	l.wantSeqs(t, 200, upTo(1, 800)...)
}

// Who waits for a late record carries out the earlier ones, too, though nobody
// waits for them.
func TestLead(t *testing.T) {
	o := small()
	o.MaxSize = 1 << 20
	j, fsys, _ := fresh(t, o)
	var flushes []*journal.Flush
	for i := range uint64(40) { // several batches of at most a segment each
		must(t, j.Reserve(ctx, 1000))
		f, _ := j.Enqueue(payload(i+1, 1000), epoch, nil)
		flushes = append(flushes, f)
	}
	if flushes[0] == flushes[39] || flushes[0].Resolved() {
		t.Fatal("nothing to lead")
	}
	must(t, flushes[39].Wait())
	for i, f := range flushes {
		if !f.Resolved() {
			t.Errorf("record %d is behind", i+1)
		}
	}
	must(t, j.Close())
	_, l := open(t, fsys, o)
	l.wantSeqs(t, 1000, upTo(1, 40)...)
}

func TestClose(t *testing.T) {
	j, fsys, _ := fresh(t, nil)
	var flushes []*journal.Flush
	for i := range 20 {
		must(t, j.Reserve(ctx, 100))
		f, _ := j.Enqueue(payload(uint64(i)+1, 100), 0, nil)
		flushes = append(flushes, f)
	}
	must(t, j.Close())
	must(t, j.Close())
	for _, f := range flushes {
		if !f.Resolved() || f.Wait() != nil {
			t.Errorf("a record that waited at Close: %v", f.Wait())
		}
	}
	_, err := j.Append(ctx, nil, 0, nil)
	wantErr(t, "Append", err, journal.ErrClosed)
	f, seq := j.Enqueue(nil, 0, nil)
	wantErr(t, "Enqueue", f.Wait(), journal.ErrClosed)
	if seq != 0 {
		t.Errorf("got number %d", seq)
	}
	_, l := open(t, fsys, nil)
	l.wantSeqs(t, 100, upTo(1, 20)...)
}

func TestTooLarge(t *testing.T) {
	j, _, _ := fresh(t, nil)
	wantErr(t, "Reserve", j.Reserve(ctx, journal.MaxPayload+1), journal.ErrTooLarge)
	wantErr(t, "negative", j.Reserve(ctx, -1), journal.ErrTooLarge)
}

func TestReplayAfter(t *testing.T) {
	o := small()
	o.MaxSize = 1 << 20
	j, fsys, _ := fresh(t, o)
	fill(t, j, 30, 1000)
	must(t, j.Close())
	for after := range uint64(32) {
		l := &told{}
		j, err := journal.Open(fsys, ".", small(), journal.Replay{After: after, Record: l.record, Damage: l.hurt})
		must(t, err)
		l.wantWhole(t)
		l.wantSeqs(t, 1000, upTo(after+1, 30)...)
		if j.Last() != 30 {
			t.Errorf("last is %d", j.Last())
		}
		must(t, j.Close())
	}
	stop := errors.New("stop")
	_, err := journal.Open(fsys, ".", nil, journal.Replay{Record: func(journal.Record) error { return stop }})
	wantErr(t, "a callback's error", err, stop)
}

func TestSetNext(t *testing.T) {
	j, fsys, _ := fresh(t, nil)
	j.SetNext(1000)
	j.SetNext(5)
	if seq := put(t, j, payload(1000, 50)); seq != 1000 {
		t.Errorf("got number %d", seq)
	}
	j.SetNext(2000) // too late
	if seq := put(t, j, payload(1001, 50)); seq != 1001 {
		t.Errorf("got number %d", seq)
	}
	must(t, j.Close())
	for _, next := range []uint64{1500, 1 << 40} { // in the same segment, and too far for that
		j, l := open(t, fsys, nil)
		l.wantWhole(t)
		j.SetNext(next)
		if seq := put(t, j, payload(next, 50)); seq != next {
			t.Errorf("got number %d", seq)
		}
		must(t, j.Close())
	}
	_, l := open(t, fsys, nil)
	l.wantWhole(t)
	l.wantSeqs(t, 50, 1000, 1001, 1500, 1<<40)
}

// Old records must never pass for new ones, however often a segment is reused.
func TestReuse(t *testing.T) {
	rnd := seeded(t)
	dir := t.TempDir()
	fsys := openFS(t, dir)
	kept := uint64(0)
	for round := range 60 {
		l := &told{}
		j, err := journal.Open(fsys, ".", small(), journal.Replay{Record: l.record, Damage: l.hurt})
		must(t, err)
		l.wantWhole(t)
		last := j.Last()
		u := j.Usage()
		if last > 0 {
			l.wantSeqs(t, 700, upTo(u.First, last)...)
		}
		if u.Size > 64<<10 || u.First > kept+1 {
			t.Fatalf("round %d: %+v, released up to %d", round, u, kept)
		}
		j.Release(last)
		kept = last
		for range rnd.IntN(30) {
			put(t, j, payload(j.Last()+1, 700))
			if rnd.IntN(3) == 0 {
				kept = j.Last()
				j.Release(kept)
			}
			if j.Last()-kept > 20 {
				kept = j.Last()
				j.Release(kept)
			}
		}
		must(t, j.Close())
	}
	if n := len(segments(t, dir)); n != 4 {
		t.Errorf("%d segments", n)
	}
}

func TestLargeRecord(t *testing.T) {
	o := small()
	j, fsys, _ := fresh(t, o)
	sizes := []int{10, 50 << 10, 10, 200 << 10, 10}
	for i, n := range sizes {
		put(t, j, payload(uint64(i)+1, n))
		j.Release(j.Last())
	}
	must(t, j.Close())
	j, l := open(t, fsys, o)
	l.wantWhole(t)
	for _, r := range l.records {
		if !bytes.Equal(r.Payload, payload(r.Seq, sizes[r.Seq-1])) {
			t.Errorf("record %d is wrong", r.Seq)
		}
	}
	if n := len(l.records); n == 0 || l.records[n-1].Seq != 5 {
		t.Errorf("%d records", n)
	}
	fill2 := func() {
		for range 40 {
			put(t, j, payload(j.Last()+1, 1000))
			j.Release(j.Last())
		}
	}
	fill2()
	if u := j.Usage(); u.Size > 300<<10 {
		t.Errorf("the large segments stay: %+v", u)
	}
}

func TestQueueBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, err := journal.Open(newDisk(), ".", &journal.Options{Queue: 1000}, journal.Replay{})
		must(t, err)
		got := make(chan error, 2)
		reserve := func(ctx context.Context, n int) { got <- j.Reserve(ctx, n) }
		blocked := func(what string) {
			t.Helper()
			synctest.Wait()
			if len(got) != 0 {
				t.Errorf("%s was let in: %v", what, <-got)
			}
		}
		must(t, j.Reserve(ctx, 600))
		must(t, j.Reserve(ctx, 400))
		short, cancel := context.WithCancel(ctx)
		go reserve(short, 1)
		blocked("more than the limit")
		cancel()
		wantErr(t, "a full queue", <-got, context.Canceled)
		wantErr(t, "cancelled before", j.Reserve(short, 1), context.Canceled)

		go reserve(ctx, 500)
		blocked("more than the limit")
		go reserve(ctx, 1)
		j.Cancel(400)
		blocked("a small one before its turn")
		j.Cancel(600)
		must(t, <-got)
		must(t, <-got)

		go reserve(ctx, 5000)
		j.Cancel(500)
		blocked("a large one, not alone")
		j.Cancel(1)
		must(t, <-got)
		go reserve(ctx, 1)
		go reserve(ctx, 1)
		blocked("one beside a large one")
		must(t, j.Close())
		for range 2 {
			wantErr(t, "Close", <-got, journal.ErrClosed)
		}
	})
}

func TestUsage(t *testing.T) {
	j, _, _ := fresh(t, small())
	if u := j.Usage(); u != (journal.Usage{}) {
		t.Errorf("empty: %+v", u)
	}
	fill(t, j, 20, 1000)
	all := j.Backlog()
	if all != 20*1056 {
		t.Errorf("backlog %d", all)
	}
	j.Release(10)
	if b := j.Backlog(); b != all/2 {
		t.Errorf("backlog %d of %d", b, all)
	}
	j.Release(5)
	j.Release(1000)
	u := j.Usage()
	if u.Backlog != 0 || u.First != 1 || u.Last != 20 || u.Segments < 2 || u.Size != int64(u.Segments)*16<<10 || u.Oldest.IsZero() {
		t.Errorf("%+v", u)
	}
}
