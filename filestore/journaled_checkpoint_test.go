package filestore_test

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
	"github.com/holdfast-go/holdfast/vfs"
	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

// watched opens a journalled store and has every call told to f.
func watched(t *testing.T, dir string, o filestore.Options, f func(op faultfs.Op, name string)) (*filestore.Store, *faultfs.FS) {
	t.Helper()
	fsys := faultfs.New(osFS(t, dir))
	fsys.OnCall = f
	o.FS = fsys
	return journal(t, dir, &o), fsys
}

// After Flush the files are the values, byte for byte, with their times.
func TestCheckpointFiles(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 23, 24, 100} {
		dir := ramDir(t)
		s := journal(t, dir, nil)
		m := acked{}
		for round := range 3 {
			for i := range n {
				k := numbered(i)
				if round == 1 && i%3 == 1 {
					must(t, s.Delete(t.Context(), k))
					delete(m, k)
					continue
				}
				m[k] = fmt.Sprintf(" { \"n\" : %d.0 }\n", i+round*1000)
				put(t, s, k, m[k])
			}
			must(t, s.Flush(t.Context()))
			m.checkFiles(t, dir)
		}
		for k := range m {
			rec, err := s.Get(t.Context(), k)
			must(t, err)
			info, err := os.Stat(filepath.Join(dir, k.Entity, k.ID+".json"))
			must(t, err)
			if !info.ModTime().Equal(rec.ModTime) {
				t.Errorf("%s: the file is of %v, the value of %v", k, info.ModTime(), rec.ModTime)
			}
		}
		must(t, s.Clear(t.Context(), numbered(0).Entity))
		must(t, s.Flush(t.Context()))
		if left, err := os.ReadDir(filepath.Join(dir, numbered(0).Entity)); len(left) != 0 {
			t.Errorf("after Clear: %v, %v", left, err)
		}
	}
}

// callLog notes the calls that change something.
type callLog struct {
	mu    sync.Mutex
	calls []string
}

func (l *callLog) note(op faultfs.Op, name string) {
	switch op {
	case faultfs.OpWrite, faultfs.OpWriteAt, faultfs.OpSync, faultfs.OpSyncAll, faultfs.OpSyncDir,
		faultfs.OpRename, faultfs.OpRemove, faultfs.OpChtimes, faultfs.OpMkdir:
	default:
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, fmt.Sprint(op, " ", plain(name)))
}

func (l *callLog) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	calls := l.calls
	l.calls = nil
	return calls
}

// count tells how many calls of the last take there were of a kind.
func count(calls []string, call string) (n int) {
	for _, c := range calls {
		if c == call {
			n++
		}
	}
	return n
}

// The order of a checkpoint's calls is what its promises rest on: bytes durable
// before the names that lead to them, both before the commit that lets the
// journal forget them.
func TestCheckpointOrder(t *testing.T) {
	t.Parallel()
	const pack = ".holdfast/snapshot/TEMP-snapshot" // the name under which it was opened
	temp, file := "signal/strategy-a/TEMP-BTCUSDT.json", "Rename "+btcFile
	commit := []string{"WriteAt " + pack, "Sync " + pack, "WriteAt " + pack, "Sync " + pack}
	replaced := slices.Concat([]string{"Write " + temp, "Chtimes " + temp, "Sync " + temp, file, "SyncDir signal/strategy-a"}, commit)
	removed := slices.Concat([]string{"Remove " + btcFile, "SyncDir signal/strategy-a"}, commit)
	l := &callLog{}
	dir := ramDir(t)
	s, _ := watched(t, dir, filestore.Options{}, l.note)
	put(t, s, btc, `1`)
	must(t, s.Flush(t.Context())) // makes directories, and the snapshot
	for name, step := range map[string]struct {
		do   func() error
		want []string
	}{
		"put":    {func() error { return s.Put(t.Context(), btc, []byte(`2`)) }, replaced},
		"delete": {func() error { return s.Delete(t.Context(), btc) }, removed},
	} {
		if _, err := s.Get(t.Context(), btc); err != nil {
			put(t, s, btc, `1`)
			must(t, s.Flush(t.Context()))
		}
		l.take()
		must(t, step.do())
		must(t, s.Flush(t.Context()))
		calls := slices.DeleteFunc(l.take(), func(c string) bool { return strings.Contains(c, "/journal/") })
		if !slices.Equal(calls, step.want) {
			t.Errorf("%s: %s\nwant %s", name, strings.Join(calls, ", "), strings.Join(step.want, ", "))
		}
	}
}

// Many files are flushed together, in the same order, be they new ones or such
// that change places with the old.
func TestCheckpointOrderOfMany(t *testing.T) {
	t.Parallel()
	l := &callLog{}
	s, _ := watched(t, ramDir(t), filestore.Options{}, l.note)
	put(t, s, btc, `1`)
	must(t, s.Flush(t.Context()))
	for round := range 3 {
		l.take()
		var ops []driver.Op
		for i := range 60 {
			ops = append(ops, driver.Op{Key: numbered(i), Data: fmt.Append(nil, round)})
		}
		must(t, s.Apply(t.Context(), nil, ops)) // all dirty at once
		must(t, s.Flush(t.Context()))
		orderOfMany(t, l.take(), len(ops))
	}
}

// orderOfMany checks the calls of a checkpoint of n files, by the stage that
// each belongs to.
func orderOfMany(t *testing.T, calls []string, n int) {
	t.Helper()
	last, placed := 0, map[string]bool{}
	var order []string
	for _, c := range calls {
		op, name, _ := strings.Cut(c, " ")
		at := -1
		switch {
		case strings.HasPrefix(name, ".holdfast/journal"):
			continue
		case op == "Mkdir", op == "Write", op == "Chtimes", op == "WriteAt" && strings.HasPrefix(name, ".holdfast/spare"):
			at = 0
		case op == "SyncAll" && last < 2:
			at = 1 // the bytes
		case op == "Rename": // or an exchange
			placed[name] = true
			at = 2
		case op == "SyncAll":
			at = 3 // the names
		case op == "WriteAt" && last < 5:
			at = 4 // the entries
		case op == "Sync" && last < 6:
			at = 5
		case op == "WriteAt":
			at = 6 // the commit
		case op == "Sync":
			at = 7
		}
		if order = append(order, c); at < last {
			t.Fatalf("the last one comes too late, or does not belong there: %s", strings.Join(order, ", "))
		}
		last = at
	}
	if last != 7 || len(placed) != n || count(order, "SyncAll .") != 2 {
		t.Errorf("%d files were placed, order: %s", len(placed), strings.Join(order, ", "))
	}
}

// A file system that cannot flush all at once gets its files flushed one by one.
func TestCheckpointWithoutSyncAll(t *testing.T) {
	t.Parallel()
	dir := ramDir(t)
	l := &callLog{}
	fsys := faultfs.New(struct{ vfs.FS }{osFS(t, dir)})
	fsys.OnCall = l.note
	s := journal(t, dir, &filestore.Options{FS: fsys})
	m := acked{}
	for round := range 2 {
		var ops []driver.Op
		for i := range 60 {
			m[numbered(i)] = sized(i+round, 100)
			ops = append(ops, driver.Op{Key: numbered(i), Data: []byte(m[numbered(i)])})
		}
		must(t, s.Apply(t.Context(), nil, ops))
		must(t, s.Flush(t.Context()))
		m.checkFiles(t, dir)
		calls := l.take()
		for i := range 60 {
			temp := "Sync " + path.Join(numbered(i).Entity, "TEMP-"+numbered(i).ID+".json")
			if count(calls, temp) != 1 {
				t.Errorf("%d times %s", count(calls, temp), temp)
			}
		}
	}
	closeStore(t, s)
	m.check(t, journal(t, dir, nil))
}

// gate stops whoever makes a certain call, once after each arm.
type gate struct {
	op   faultfs.Op
	name string

	mu      sync.Mutex
	armed   bool
	reached chan struct{}
	open    chan struct{}
}

// arm returns the channel that is closed when somebody stands at the gate, and
// the function that opens it, as the end of the test does.
func (g *gate) arm(t *testing.T) (reached <-chan struct{}, open func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.armed, g.reached, g.open = true, make(chan struct{}), make(chan struct{})
	held := g.open
	open = sync.OnceFunc(func() { close(held) })
	t.Cleanup(open)
	return g.reached, open
}

func (g *gate) pass(op faultfs.Op, name string) {
	if match, _ := path.Match(g.name, name); op != g.op || !match {
		return
	}
	g.mu.Lock()
	stop, reached, open := g.armed, g.reached, g.open
	g.armed = false
	g.mu.Unlock()
	if stop {
		close(reached)
		<-open
	}
}

// await waits for what must happen by itself.
func await(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(30 * time.Second):
		t.Fatalf("this never happens: %s", what)
	}
}

// Of what changes between two checkpoints only the latest is written to the
// files. The checkpoint that begins by itself is held in the middle meanwhile.
func TestCheckpointLatestOnly(t *testing.T) {
	t.Parallel()
	g, l := &gate{op: faultfs.OpSync, name: ".holdfast/snapshot/*"}, &callLog{}
	dir := ramDir(t)
	s, _ := watched(t, dir, filestore.Options{}, func(op faultfs.Op, name string) {
		l.note(op, name)
		g.pass(op, name)
	})
	reached, goOn := g.arm(t)
	put(t, s, eth, `1`)
	await(t, "a checkpoint begins by itself", reached)
	l.take()
	for i := range 1000 {
		put(t, s, btc, sized(i, 400))
	}
	goOn()
	must(t, s.Flush(t.Context()))
	if n := count(l.take(), "Rename "+btcFile); n != 1 {
		t.Errorf("the file was written %d times", n)
	}
	wantFile(t, dir, btc, sized(999, 400))
}

// The files follow by themselves, without Flush and Close.
func TestCheckpointByItself(t *testing.T) {
	t.Parallel()
	g := &gate{op: faultfs.OpSync, name: ".holdfast/snapshot/*"}
	dir := ramDir(t)
	s, _ := watched(t, dir, filestore.Options{}, g.pass)
	for i := range 3 {
		reached, goOn := g.arm(t)
		put(t, s, btc, fmt.Sprint(i))
		await(t, "a checkpoint", reached)
		wantFile(t, dir, btc, fmt.Sprint(i)) // files come before the snapshot
		goOn()
		must(t, s.Flush(t.Context()))
	}
}

// A checkpoint that cannot be committed frees no journal: what it holds is there
// after a kill, and writers are told in the end.
func TestCheckpointNotCommitted(t *testing.T) {
	t.Parallel()
	dir := ramDir(t)
	s, fsys := faulty(t, dir, filestore.Options{Journal: filestore.On, HistorySize: 4 << 20})
	fsys.Add(faultfs.Rule{Op: faultfs.OpWriteAt, Path: ".holdfast/snapshot/*", Err: syscall.EACCES, Sticky: true})
	m := acked{}
	for i := 0; ; i++ {
		k, data := numbered(i%40), sized(i, 20_000)
		if err := s.Put(t.Context(), k, []byte(data)); err != nil {
			if !errors.Is(err, syscall.EACCES) || errors.Is(err, driver.ErrStopped) {
				t.Fatalf("Put: %v", err)
			}
			break
		}
		if m[k] = data; i == 1000 {
			t.Fatal("the journal is reused though nothing was committed")
		}
	}
	for i := range 40 { // some may still fit
		k, data := numbered(100+i), sized(i, 20_000)
		if err := s.Put(t.Context(), k, []byte(data)); err == nil {
			m[k] = data
		}
	}
	m.check(t, s)
	dead := journal(t, stilled(t, dir, fsys), nil)
	m.check(t, dead)
	if r := dead.Report(); len(r.Findings) != 0 {
		t.Errorf("found %+v", r.Findings)
	}
	fsys.Clear()
	put(t, s, btc, `1`)
	m[btc] = `1`
	closeStore(t, s)
	m.checkFiles(t, dir)
	m.check(t, journal(t, dir, nil))
}
