package faultfs_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/vfs"
	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

func inner(t *testing.T) vfs.FS {
	t.Helper()
	fsys, err := vfs.OpenOS(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { fsys.Close() })
	return fsys
}

func create(t *testing.T, fsys vfs.FS, name string) vfs.File {
	t.Helper()
	f, err := fsys.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// results writes to f n times and returns which writes failed.
func results(f io.Writer, n int) string {
	var b strings.Builder
	for range n {
		if _, err := io.WriteString(f, "x"); err != nil {
			b.WriteByte('E')
		} else {
			b.WriteByte('.')
		}
	}
	return b.String()
}

func TestWhichCallFails(t *testing.T) {
	for _, tt := range []struct {
		rules []faultfs.Rule
		want  string
	}{
		{nil, "......"},
		{[]faultfs.Rule{{}}, "E....."},
		{[]faultfs.Rule{{Op: faultfs.OpWrite}}, "E....."},
		{[]faultfs.Rule{{Op: faultfs.OpWrite, Nth: 1}}, "E....."},
		{[]faultfs.Rule{{Op: faultfs.OpWrite, Nth: 3}}, "..E..."},
		{[]faultfs.Rule{{Op: faultfs.OpWrite, Nth: 3, Sticky: true}}, "..EEEE"},
		{[]faultfs.Rule{{Op: faultfs.OpRead, Sticky: true}}, "......"},
		{[]faultfs.Rule{{Path: "d/x.json", Sticky: true}}, "EEEEEE"},
		{[]faultfs.Rule{{Path: "*.json", Nth: 2}}, ".E...."},
		{[]faultfs.Rule{{Path: "d/*", Nth: 2}}, ".E...."},
		{[]faultfs.Rule{{Path: "*.tmp", Sticky: true}}, "......"},
		{[]faultfs.Rule{{Nth: 2}, {Nth: 2}, {Nth: 4}}, ".E.E.."}, // all count, one fires
	} {
		in := inner(t)
		if err := in.Mkdir("d", 0o700); err != nil {
			t.Fatal(err)
		}
		fsys := faultfs.New(in)
		f := create(t, fsys, "d/x.json")
		fsys.Add(tt.rules...)
		if got := results(f, 6); got != tt.want {
			t.Errorf("%v: got %s, want %s", tt.rules, got, tt.want)
		}
		if got := len(fsys.Injected()); got != strings.Count(tt.want, "E") {
			t.Errorf("%v: %d events", tt.rules, got)
		}
	}
}

func TestRulesComeAndGo(t *testing.T) {
	fsys := faultfs.New(inner(t))
	f := create(t, fsys, "x")
	fsys.Add(faultfs.Rule{Op: faultfs.OpWrite, Sticky: true, Err: syscall.ENOSPC})
	got := results(f, 2)
	fsys.Clear()
	got += results(f, 2)
	fsys.Add(faultfs.Rule{Op: faultfs.OpWrite, Nth: 2})
	if got += results(f, 3); got != "EE...E." {
		t.Errorf("got %s", got)
	}
	if n := fsys.Calls(faultfs.OpWrite); n != 7 {
		t.Errorf("%d writes counted", n)
	}
	if n := fsys.Calls(""); n != 8 {
		t.Errorf("%d calls counted", n)
	}
}

func TestFaultsPrint(t *testing.T) {
	fsys := faultfs.New(inner(t), faultfs.Rule{Op: faultfs.OpSync, Path: "*.json", Nth: 2, Sticky: true})
	f := create(t, fsys, "x.json")
	f.Sync()
	err := f.Sync()
	var pe *fs.PathError
	if !errors.As(err, &pe) || pe.Op != "Sync" || pe.Path != "x.json" || !errors.Is(err, syscall.EIO) {
		t.Errorf("got %v", err)
	}
	events := fsys.Injected()
	if len(events) != 1 || events[0].Err != err || events[0].Call != 3 {
		t.Fatalf("got %v", events)
	}
	const want = "call 3: Sync x.json (rule: Sync of *.json number 2 and on fails: input/output error)"
	if got := events[0].String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := (faultfs.Rule{Op: faultfs.OpWrite, Short: true}).String(); got != "Write number 1 fails half way: input/output error" {
		t.Errorf("got %q", got)
	}
	if got := (faultfs.Rule{}).String(); !strings.HasPrefix(got, "any call number 1 fails") {
		t.Errorf("got %q", got)
	}
}

// Each call, failed, does nothing: two layers, of which the inner one counts.
func TestAFailedCallIsNotPerformed(t *testing.T) {
	for _, op := range faultfs.Ops() {
		below := faultfs.New(inner(t))
		fsys := faultfs.New(below)
		f := create(t, fsys, "x")
		before := below.Calls("")
		fsys.Add(faultfs.Rule{Op: op, Err: syscall.ESTALE, Sticky: true})
		errs := callAll(fsys, f)
		if err := errs[op]; !errors.Is(err, syscall.ESTALE) {
			t.Errorf("%s: got %v", op, err)
		}
		switch n := below.Calls(op); {
		case op == faultfs.OpClose:
			if n != 1 {
				t.Error("a failed Close left the file open")
			}
		case op == faultfs.OpOpenFile:
			if n != 1 { // create's
				t.Errorf("%s reached the inner file system", op)
			}
		case n != 0:
			t.Errorf("%s reached the inner file system", op)
		}
		if below.Calls("") == before {
			t.Errorf("%s: the others did not reach the inner file system", op)
		}
	}
}

// callAll calls everything and returns the errors.
func callAll(fsys vfs.FS, f vfs.File) map[faultfs.Op]error {
	errs := map[faultfs.Op]error{}
	_, errs[faultfs.OpOpenFile] = fsys.OpenFile("x", os.O_RDONLY, 0)
	_, errs[faultfs.OpLstat] = fsys.Lstat("x")
	_, errs[faultfs.OpReadDir] = fsys.ReadDir(".")
	errs[faultfs.OpMkdir] = fsys.Mkdir("d", 0o700)
	errs[faultfs.OpChtimes] = fsys.Chtimes("x", time.Now())
	errs[faultfs.OpSyncDir] = fsys.SyncDir(".")
	_, errs[faultfs.OpStatDir] = vfs.StatDir(fsys, ".")
	errs[faultfs.OpSyncAll] = vfs.SyncAll(fsys)
	_, errs[faultfs.OpWrite] = f.Write([]byte("1"))
	_, errs[faultfs.OpWriteAt] = f.WriteAt([]byte("1"), 0)
	_, errs[faultfs.OpRead] = f.Read(make([]byte, 1))
	_, errs[faultfs.OpReadAt] = f.ReadAt(make([]byte, 1), 0)
	_, errs[faultfs.OpStat] = f.Stat()
	errs[faultfs.OpSync] = errors.Join(f.Sync(), vfs.Datasync(f))
	errs[faultfs.OpTruncate] = f.Truncate(0)
	errs[faultfs.OpChmod] = f.Chmod(0o600)
	errs[faultfs.OpTryLock] = f.TryLock()
	errs[faultfs.OpClose] = f.Close()
	errs[faultfs.OpRename] = fsys.Rename("x", "y")
	errs[faultfs.OpRemove] = fsys.Remove("y")
	return errs
}

func TestWithoutRulesEverythingWorks(t *testing.T) {
	fsys := faultfs.New(inner(t))
	f := create(t, fsys, "x")
	for op, err := range callAll(fsys, f) {
		switch {
		case err == nil:
		case op == faultfs.OpRead && err == io.EOF:
		case op == faultfs.OpSyncAll && errors.Is(err, errors.ErrUnsupported): // not every system can
		default:
			t.Errorf("%s: %v", op, err)
		}
	}
	for _, op := range faultfs.Ops() {
		if fsys.Calls(op) == 0 {
			t.Errorf("%s is not counted", op)
		}
	}
}

func TestShortWrite(t *testing.T) {
	in := inner(t)
	fsys := faultfs.New(in, faultfs.Rule{Op: faultfs.OpWrite, Short: true}, faultfs.Rule{Op: faultfs.OpWriteAt, Short: true})
	f := create(t, fsys, "x")
	n, err := f.Write([]byte("123456"))
	if n != 3 || !errors.Is(err, syscall.EIO) {
		t.Errorf("Write: %d %v", n, err)
	}
	n, err = f.WriteAt([]byte("abcd"), 3)
	if n != 2 || !errors.Is(err, syscall.EIO) {
		t.Errorf("WriteAt: %d %v", n, err)
	}
	b := make([]byte, 10)
	if n, _ := f.ReadAt(b, 0); string(b[:n]) != "123ab" {
		t.Errorf("holds %q", b[:n])
	}
}

func TestRenameMatchesEitherName(t *testing.T) {
	for _, pattern := range []string{"old", "new"} {
		fsys := faultfs.New(inner(t), faultfs.Rule{Op: faultfs.OpRename, Path: pattern})
		var seen string
		fsys.OnCall = func(_ faultfs.Op, name string) { seen = name }
		if err := fsys.Rename("old", "new"); !errors.Is(err, syscall.EIO) {
			t.Errorf("%s: %v", pattern, err)
		}
		if seen != "new" {
			t.Errorf("reported as %q", seen)
		}
	}
}

func TestOnCallComesFirst(t *testing.T) {
	fsys := faultfs.New(inner(t), faultfs.Rule{Op: faultfs.OpSyncDir})
	var seen []int
	fsys.OnCall = func(op faultfs.Op, _ string) { seen = append(seen, fsys.Calls(op)) } // no lock is held
	fsys.SyncDir(".")
	fsys.SyncDir(".")
	if !slices.Equal(seen, []int{0, 1}) {
		t.Errorf("got %v", seen)
	}
}

func TestRulesThatCannotFire(t *testing.T) {
	for _, r := range []faultfs.Rule{{Op: "Fsync"}, {Path: "[x"}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%v was taken", r)
				}
			}()
			faultfs.New(nil, r)
		}()
	}
}

func TestConcurrentCalls(t *testing.T) {
	fsys := faultfs.New(inner(t), faultfs.Rule{Op: faultfs.OpLstat, Nth: 50})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 25 {
				fsys.Lstat("x")
				fsys.Injected()
			}
		})
	}
	fsys.Add(faultfs.Rule{Op: faultfs.OpSync})
	wg.Wait()
	if n, e := fsys.Calls(faultfs.OpLstat), len(fsys.Injected()); n != 200 || e != 1 {
		t.Errorf("%d calls, %d faults", n, e)
	}
}

// Who keeps a record of faults hears of each one, and of nothing else.
func TestOnFault(t *testing.T) {
	fsys := faultfs.New(inner(t), faultfs.Rule{Op: faultfs.OpSyncDir, Nth: 2}, faultfs.Rule{Op: faultfs.OpSyncDir, Nth: 3, Delay: 1})
	var told []faultfs.Event
	fsys.OnFault = func(e faultfs.Event) {
		fsys.Calls("") // no lock is held
		told = append(told, e)
	}
	for range 3 {
		fsys.SyncDir(".")
	}
	if len(told) != 1 || told[0].Call != 2 || !errors.Is(told[0].Err, syscall.EIO) {
		t.Errorf("told of %v", told)
	}
}
