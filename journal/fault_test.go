package journal_test

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"syscall"
	"testing"

	"github.com/holdfast-go/holdfast/journal"
	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

// gate holds every sync of the first segment back while it is shut.
type gate struct {
	shut    chan bool // a sync has arrived
	goOn    chan bool
	mu      sync.Mutex
	holding bool
}

func newGate(fsys *faultfs.FS) *gate {
	g := &gate{shut: make(chan bool), goOn: make(chan bool)}
	fsys.OnCall = func(op faultfs.Op, name string) {
		g.mu.Lock()
		hold := g.holding && op == faultfs.OpSync && name == seg1
		g.mu.Unlock()
		if hold {
			g.shut <- true
			<-g.goOn
		}
	}
	return g
}

func (g *gate) hold(on bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.holding = on
}

// All that arrive during a flush share the next one.
func TestGroupCommit(t *testing.T) {
	_, inner, _ := fresh(t, nil)
	fsys := faultfs.New(inner)
	g := newGate(fsys)
	var current *journal.Flush
	committed := 0
	j, _ := open(t, fsys, &journal.Options{Committed: func(items []any) {
		if committed += len(items); current != nil && current.Resolved() {
			t.Error("woken before Committed")
		}
	}})
	put(t, j, payload(1, 100))
	g.hold(true)
	enqueue := func(seq uint64) *journal.Flush {
		must(t, j.Reserve(ctx, 100))
		f, got := j.Enqueue(payload(seq, 100), epoch, nil)
		if got != seq {
			t.Errorf("number %d, want %d", got, seq)
		}
		return f
	}
	first := enqueue(2)
	begin(first)
	<-g.shut
	writes, syncs := fsys.Calls(faultfs.OpWriteAt), fsys.Calls(faultfs.OpSync)
	var group []*journal.Flush
	for seq := uint64(3); seq <= 102; seq++ {
		group = append(group, enqueue(seq))
	}
	if first.Resolved() || group[0].Resolved() {
		t.Error("acknowledged before the flush")
	}
	current = group[0]
	g.hold(false)
	g.goOn <- true
	must(t, first.Wait())
	for _, f := range group {
		must(t, f.Wait())
		if f != group[0] {
			t.Error("not the same flush")
		}
	}
	current = nil
	if committed != 102 {
		t.Errorf("%d items were committed", committed)
	}
	put(t, j, payload(103, 100)) // after it all marks are written
	writes, syncs = fsys.Calls(faultfs.OpWriteAt)-writes, fsys.Calls(faultfs.OpSync)-syncs
	// The first flush's sync (it was held back before it was counted) and mark;
	// the group, its sync and mark; the same of the last record.
	if writes != 5 || syncs != 3 {
		t.Errorf("%d writes and %d syncs", writes, syncs)
	}
}

// P8: a failed flush is final.
func TestFailedFlush(t *testing.T) {
	for _, at := range []int{0, 1} { // of a new segment, of one in use
		_, inner, _ := fresh(t, nil)
		fsys := faultfs.New(inner)
		var failed []any
		o := &journal.Options{Failed: func(items []any, err error) { failed = append(failed, items...) }}
		g := newGate(fsys)
		j, _ := open(t, fsys, o)
		fill(t, j, at, 100)
		g.hold(true)
		must(t, j.Reserve(ctx, 100))
		first, _ := j.Enqueue(payload(9, 100), epoch, 1)
		begin(first)
		<-g.shut
		must(t, j.Reserve(ctx, 100))
		second, _ := j.Enqueue(payload(9, 100), epoch, 2)
		fsys.Add(faultfs.Rule{Op: faultfs.OpSync, Sticky: true})
		g.hold(false)
		syncs := fsys.Calls(faultfs.OpSync)
		g.goOn <- true
		for _, f := range []*journal.Flush{first, second} {
			wantFlushError(t, f.Wait())
		}
		fsys.Clear()
		_, err := j.Append(ctx, nil, 0, 3)
		wantFlushError(t, err)
		f, seq := j.Enqueue(nil, 0, 4)
		wantFlushError(t, f.Wait())
		wantFlushError(t, j.Failed())
		wantFlushError(t, j.Close())
		if n := fsys.Calls(faultfs.OpSync) - syncs; n > 1 || seq != 0 {
			t.Errorf("%d syncs after the failed one, number %d", n, seq)
		}
		if !slices.Equal(failed, []any{1, 2}) || j.Last() != uint64(at) {
			t.Errorf("failed %v, last %d", failed, j.Last())
		}
	}
}

func wantFlushError(t testing.TB, err error) {
	t.Helper()
	var fe *journal.FlushError
	if !errors.As(err, &fe) || !errors.Is(err, syscall.EIO) {
		t.Errorf("got %v, want a FlushError", err)
	}
}

// A write that fails takes its own flush and nothing else, and never comes back.
func TestFailedWrite(t *testing.T) {
	for _, short := range []bool{false, true} {
		for _, at := range []int{0, 2} {
			_, inner, dir := fresh(t, nil)
			fsys := faultfs.New(inner)
			j, _ := open(t, fsys, nil)
			fill(t, j, at, 100)
			fsys.Add(faultfs.Rule{Op: faultfs.OpWriteAt, Path: seg1, Short: short})
			seq, err := j.Append(ctx, payload(99, 5000), epoch, nil)
			wantErr(t, "Append", err, syscall.EIO)
			var fe *journal.FlushError
			if errors.As(err, &fe) || j.Failed() != nil || seq != uint64(at)+1 {
				t.Errorf("short %v: %v, failed %v, number %d", short, err, j.Failed(), seq)
			}
			im := snapshot(t, dir)
			want := upTo(1, uint64(at))
			_, l := open(t, openFS(t, im.restore(t)), nil)
			l.wantWhole(t)
			l.wantSeqs(t, 100, want...)
			for i := range uint64(2) {
				seq := uint64(at) + 2 + i
				if got := put(t, j, payload(seq, 100)); got != seq {
					t.Errorf("number %d, want %d", got, seq)
				}
				want = append(want, seq)
			}
			im = snapshot(t, dir)
			_, l = open(t, openFS(t, im.restore(t)), nil)
			l.wantWhole(t)
			l.wantSeqs(t, 100, want...)
			r := &told{}
			rd := openReader(t, fsys)
			if last, err := rd.Read(0, r.record); err != nil || last != want[len(want)-1] {
				t.Errorf("read up to %d: %v", last, err)
			}
			r.wantSeqs(t, 100, want...)
		}
	}
}

// Taking back half a write can fail too: then nobody knows.
func TestFailedWriteThatStays(t *testing.T) {
	_, inner, _ := fresh(t, nil)
	fsys := faultfs.New(inner)
	j, _ := open(t, fsys, nil)
	fill(t, j, 1, 100)
	fsys.Add(faultfs.Rule{Op: faultfs.OpWriteAt, Short: true, Sticky: true})
	_, err := j.Append(ctx, payload(2, 100), epoch, nil)
	wantFlushError(t, err)
	wantFlushError(t, j.Failed())
}

func TestFullDisk(t *testing.T) {
	inner := openFS(t, t.TempDir())
	d := faultfs.NewDisk(inner, 0)
	o := small()
	o.MaxSize = 1 << 20
	j, _ := open(t, d, o)
	_, err := j.Append(ctx, payload(1, 1000), epoch, nil)
	wantErr(t, "no room at all", err, syscall.ENOSPC)
	d.Free(3 * 16 << 10)
	var last uint64
	for err = nil; err == nil; {
		last, err = j.Append(ctx, payload(j.Last()+1, 1000), epoch, nil)
	}
	wantErr(t, "full", err, syscall.ENOSPC)
	good := j.Last()
	if j.Failed() != nil || good < 15 || last != good+1 {
		t.Errorf("failed %v, last %d, number %d", j.Failed(), good, last)
	}
	// History yields to new records.
	j.Release(good)
	for range 30 {
		seq, err := j.Append(ctx, payload(last+1, 1000), epoch, nil)
		must(t, err)
		last = seq
		j.Release(seq)
	}
	d.Free(1 << 20)
	for range 30 {
		last = put(t, j, payload(last+1, 1000))
	}
	u := j.Usage()
	must(t, j.Close())
	_, l := open(t, inner, o)
	l.wantWhole(t)
	l.wantSeqs(t, 1000, upTo(u.First, last)...)
	j2, err := journal.Open(faultfs.NewDisk(inner, 0), ".", o, journal.Replay{})
	must(t, err) // Open needs no room
	must(t, j2.Close())
}

func TestMakeRoom(t *testing.T) {
	o := small()
	calls := 0
	var j *journal.Journal
	refused := errors.New("refused")
	o.MakeRoom = func() error {
		calls++
		if calls == 1 {
			return refused
		}
		if calls > 2 { // claims to have made room, and has not
			j.Release(j.Last())
		}
		return nil
	}
	j, fsys, _ := fresh(t, o)
	var err error
	for err == nil {
		_, err = j.Append(ctx, payload(j.Last()+1, 1000), epoch, nil)
	}
	full := j.Last()
	wantErr(t, "MakeRoom fails", err, refused)
	_, err = j.Append(ctx, payload(0, 1000), epoch, nil)
	wantErr(t, "nothing is released", err, journal.ErrFull)
	if full != 28 || j.Failed() != nil {
		t.Errorf("%d records fit, failed %v", full, j.Failed())
	}
	for i := range uint64(100) {
		if seq := put(t, j, payload(full+3+i, 1000)); seq != full+3+i {
			t.Fatalf("number %d", seq)
		}
	}
	if u := j.Usage(); calls < 4 || u.Size > 64<<10 {
		t.Errorf("%d calls, %+v", calls, u)
	}
	first := j.Usage().First
	must(t, j.Close())
	_, l := open(t, fsys, o)
	l.wantWhole(t)
	l.wantSeqs(t, 1000, upTo(first, full+102)...)
}

// An error that may pass is not damage: Open fails with it, and changes nothing.
func TestPassingErrors(t *testing.T) {
	j, _, dir := fresh(t, small())
	fill(t, j, 20, 1000)
	must(t, j.Close())
	im := snapshot(t, dir)
	inner := openFS(t, dir)
	for _, op := range []faultfs.Op{faultfs.OpReadDir, faultfs.OpOpenFile, faultfs.OpReadAt, faultfs.OpStat} {
		for nth := 1; ; nth++ {
			l := &told{}
			fsys := faultfs.New(inner, faultfs.Rule{Op: op, Nth: nth, Err: syscall.EMFILE})
			j, err := journal.Open(fsys, ".", small(), journal.Replay{Record: l.record, Damage: l.hurt})
			if len(fsys.Injected()) == 0 {
				must(t, err)
				must(t, j.Close())
				break
			}
			wantErr(t, string(op), err, syscall.EMFILE)
			l.wantWhole(t)
		}
	}
	for name, b := range snapshot(t, dir) {
		if !bytes.Equal(b, im[name]) {
			t.Errorf("%s was changed", name)
		}
	}
}

// Nothing that is clean is written to at Open, nor synced.
func TestOpenWritesNothing(t *testing.T) {
	j, inner, _ := fresh(t, small())
	fill(t, j, 10, 1000)
	must(t, j.Close())
	fsys := faultfs.New(inner)
	j, _ = open(t, fsys, small())
	must(t, j.Close())
	for _, op := range []faultfs.Op{faultfs.OpWriteAt, faultfs.OpSync, faultfs.OpSyncDir, faultfs.OpRemove, faultfs.OpRename} {
		if n := fsys.Calls(op); n != 0 {
			t.Errorf("%d calls of %s", n, op)
		}
	}
}
