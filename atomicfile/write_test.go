package atomicfile_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"github.com/holdfast-go/holdfast/atomicfile"
	"github.com/holdfast-go/holdfast/vfs"
	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

// The whole of durability is in this order.
func TestWriteOrder(t *testing.T) {
	inner, _ := open(t)
	if err := inner.Mkdir("d", 0o700); err != nil {
		t.Fatal(err)
	}
	r := record(inner)
	put(t, r, "d/x.json", "1")
	wantCalls(t, r,
		"OpenFile d/TEMP-x.json", "TryLock d/TEMP-x.json", "Write d/TEMP-x.json",
		"Sync d/TEMP-x.json", "Close d/TEMP-x.json", "Rename d/x.json", "SyncDir d")

	o := &atomicfile.Options{ModTime: time.Unix(1700000000, 0)}
	if err := atomicfile.Write(r, "d/x.json", []byte("2"), o); err != nil {
		t.Fatal(err)
	}
	wantCalls(t, r,
		"OpenFile d/TEMP-x.json", "TryLock d/TEMP-x.json", "Write d/TEMP-x.json", "Chtimes d/TEMP-x.json",
		"Sync d/TEMP-x.json", "Close d/TEMP-x.json", "Rename d/x.json", "SyncDir d")
	wantContent(t, inner, "d/x.json", "2")
	fi, err := inner.Lstat("d/x.json")
	if err != nil || !fi.ModTime().Equal(o.ModTime) {
		t.Errorf("modification time %v %v", fi.ModTime(), err)
	}
}

// step is one step of a write, and what its failure means.
type step struct {
	op    faultfs.Op
	flush bool // durability unknown
	done  bool // the new value is in place
}

// Each step of a write fails, with and without an old file.
func TestWriteFailsCleanly(t *testing.T) {
	steps := []step{
		{op: faultfs.OpOpenFile}, {op: faultfs.OpWrite}, {op: faultfs.OpChtimes},
		{op: faultfs.OpSync, flush: true}, {op: faultfs.OpClose}, {op: faultfs.OpRename},
		{op: faultfs.OpSyncDir, flush: true, done: true},
	}
	for _, s := range steps {
		for _, errno := range []error{syscall.EIO, syscall.ENOSPC} {
			for _, old := range []string{"", "old"} {
				s.fail(t, faultfs.Rule{Op: s.op, Err: errno}, old)
				s.fail(t, faultfs.Rule{Op: s.op, Err: errno, Short: true}, old)
			}
		}
	}
}

// fail writes once where rule makes this step fail.
func (s step) fail(t *testing.T, rule faultfs.Rule, old string) {
	t.Helper()
	inner, _ := open(t)
	if old != "" {
		put(t, inner, "x", old)
	}
	fsys := faultfs.New(inner, rule)
	err := atomicfile.Write(fsys, "x", []byte("new value"), &atomicfile.Options{ModTime: time.Unix(1, 0)})
	wantErr(t, rule.String(), err, rule.Err)
	if isFlushError(err) != s.flush {
		t.Errorf("%v: got %v; want a FlushError: %v", rule, err, s.flush)
	}
	want := old
	if s.done {
		want = "new value"
	}
	wantContent(t, inner, "x", want)
	if want == "" {
		wantNames(t, inner, ".")
	} else {
		wantNames(t, inner, ".", "x")
	}
	if n := fsys.Calls(faultfs.OpSync); n > 1 {
		t.Errorf("%v: synced %d times", rule, n)
	}
	if n := fsys.Calls(faultfs.OpClose); n != 1 && s.op != faultfs.OpOpenFile {
		t.Errorf("%v: closed %d times", rule, n)
	}
}

// A lock serves the sweeper only; a file system without any is good enough.
func TestWriteWithoutLocks(t *testing.T) {
	for _, err := range []error{errors.ErrUnsupported, syscall.ENOLCK} {
		inner, _ := open(t)
		fsys := faultfs.New(inner, faultfs.Rule{Op: faultfs.OpTryLock, Sticky: true, Err: err})
		put(t, fsys, "x", "1")
		wantContent(t, inner, "x", "1")
		if len(fsys.Injected()) != 1 {
			t.Errorf("%v: the writer takes no lock", err)
		}
	}
}

// A sweeper that comes between creation and lock has the file already.
func TestWriteLeavesAFileToTheSweeper(t *testing.T) {
	inner, _ := open(t)
	r := record(inner, faultfs.Rule{Op: faultfs.OpTryLock, Err: vfs.ErrLocked})
	put(t, r, "x", "1")
	if n := r.Calls(faultfs.OpOpenFile); n != 2 {
		t.Errorf("%d temporary files, want 2", n)
	}
	wantContent(t, inner, "x", "1")
	wantNames(t, inner, ".", "x")
}

// A sweeper may also come between close, which frees the lock, and rename.
func TestWriteSweptBeforeRename(t *testing.T) {
	inner, _ := open(t)
	put(t, inner, "x", "old")
	sweeps := 1
	fsys := faultfs.New(inner)
	fsys.OnCall = func(op faultfs.Op, _ string) {
		if op != faultfs.OpRename || sweeps == 0 {
			return
		}
		sweeps--
		removed, err := atomicfile.Sweep(inner, ".", time.Now(), nil)
		if err != nil || len(removed) != 1 {
			t.Errorf("sweep: %q %v", removed, err)
		}
	}
	put(t, fsys, "x", "new")
	wantContent(t, inner, "x", "new")

	sweeps = 1 // a reader cannot be read twice
	err := atomicfile.WriteFrom(fsys, "x", strings.NewReader("newer"), nil)
	wantErr(t, "WriteFrom", err, fs.ErrNotExist)
	if isFlushError(err) {
		t.Errorf("got %v", err)
	}
	wantContent(t, inner, "x", "new")

	sweeps = 1000 // it gives up in the end
	wantErr(t, "Write", atomicfile.Write(fsys, "x", nil, nil), fs.ErrNotExist)
	wantNames(t, inner, ".", "x")
}

func TestWriteOnAFullDisk(t *testing.T) {
	inner, _ := open(t)
	disk := faultfs.NewDisk(inner, 10)
	put(t, disk, "x", "12345")
	err := atomicfile.Write(disk, "x", []byte("123456"), nil)
	wantErr(t, "full", err, syscall.ENOSPC)
	if isFlushError(err) {
		t.Errorf("got %v: a full disk is no failed flush", err)
	}
	wantContent(t, inner, "x", "12345")
	wantNames(t, inner, ".", "x")
	disk.Free(100)
	put(t, disk, "x", "123456")
	wantContent(t, inner, "x", "123456")
}

// careless writes less than it is given and says nothing.
type careless struct{ vfs.FS }

type carelessFile struct{ vfs.File }

func (c careless) OpenFile(name string, flag int, perm fs.FileMode) (vfs.File, error) {
	f, err := c.FS.OpenFile(name, flag, perm)
	return carelessFile{f}, err
}

func (f carelessFile) Write(p []byte) (int, error) { return f.File.Write(p[:len(p)/2]) }

func TestWriteNoticesAShortWrite(t *testing.T) {
	inner, _ := open(t)
	put(t, inner, "x", "old")
	wantErr(t, "Write", atomicfile.Write(careless{inner}, "x", []byte("1234"), nil), io.ErrShortWrite)
	wantErr(t, "WriteFrom", atomicfile.WriteFrom(careless{inner}, "x", strings.NewReader("1234"), nil), io.ErrShortWrite)
	wantContent(t, inner, "x", "old")
	wantNames(t, inner, ".", "x")
}

func TestWriteFrom(t *testing.T) {
	fsys, _ := open(t)
	big := strings.Repeat("0123456789", 20_000)
	if err := atomicfile.WriteFrom(fsys, "x", iotest.HalfReader(strings.NewReader(big)), nil); err != nil {
		t.Fatal(err)
	}
	wantContent(t, fsys, "x", big)
	broken := io.MultiReader(strings.NewReader("part"), iotest.ErrReader(io.ErrNoProgress))
	wantErr(t, "broken reader", atomicfile.WriteFrom(fsys, "x", broken, nil), io.ErrNoProgress)
	wantContent(t, fsys, "x", big)
	wantNames(t, fsys, ".", "x")
}

func TestWriteFunc(t *testing.T) {
	inner, _ := open(t)
	put(t, inner, "x", "old")
	fsys := faultfs.New(inner, faultfs.Rule{Op: faultfs.OpWrite, Err: syscall.ENOSPC})
	err := atomicfile.WriteFunc(fsys, "x", func(w io.Writer) error {
		io.WriteString(w, "1") // fails, and nobody looks
		io.WriteString(w, "2")
		return nil
	}, nil)
	wantErr(t, "ignored error", err, syscall.ENOSPC)

	func() {
		defer func() { recover() }()
		atomicfile.WriteFunc(fsys, "x", func(io.Writer) error { panic("caller's bug") }, nil)
	}()
	wantContent(t, inner, "x", "old")
	wantNames(t, inner, ".", "x")
	if fsys.Calls(faultfs.OpClose) != fsys.Calls(faultfs.OpOpenFile) {
		t.Error("a temporary file stayed open")
	}
}

func TestWriteRefusesNames(t *testing.T) {
	fsys, _ := open(t)
	for _, name := range []string{"", ".", "..", "../x", "/x", "a/../x", "x/", "a\x00"} {
		wantErr(t, name, atomicfile.Write(fsys, name, nil, nil), fs.ErrInvalid)
	}
	for _, prefix := range []string{"a/b", strings.Repeat("p", 240)} {
		o := &atomicfile.Options{TempPrefix: prefix}
		wantErr(t, prefix, atomicfile.Write(fsys, "x", nil, o), fs.ErrInvalid)
	}
	wantErr(t, "no directory", atomicfile.Write(fsys, "no/x", nil, nil), fs.ErrNotExist)
	if err := fsys.Mkdir("d", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.Write(fsys, "d", nil, nil); err == nil {
		t.Error("a directory was replaced")
	}
	wantNames(t, fsys, ".", "d")
}

// The longest names that a file system takes leave no room for a prefix.
func TestWriteLongNames(t *testing.T) {
	for _, name := range []string{
		strings.Repeat("x", 255), strings.Repeat("é", 127), "x" + strings.Repeat("é", 127),
		strings.Repeat("語", 85), strings.Repeat("😀", 63), "abc" + strings.Repeat("😀", 63), strings.Repeat("\xff", 255),
	} {
		inner, _ := open(t)
		fsys := faultfs.New(inner)
		fsys.OnCall = func(op faultfs.Op, temp string) {
			if op != faultfs.OpOpenFile {
				return
			}
			if len(temp) > 255 || utf8.ValidString(temp) != utf8.ValidString(name) || !atomicfile.IsTemp(temp) {
				t.Errorf("%d bytes %q", len(temp), temp)
			}
			if len(name) > 240 && len(temp) < 200 {
				t.Errorf("%q is cut too short", temp)
			}
		}
		if err := atomicfile.Write(fsys, name, []byte("1"), nil); err != nil {
			if utf8.ValidString(name) {
				t.Errorf("%q: %v", name, err)
			}
			continue // a name that is no UTF-8 may be refused, by vfs or by the system
		}
		wantContent(t, inner, name, "1")
	}
}

func TestTempPrefix(t *testing.T) {
	inner, _ := open(t)
	fsys := faultfs.New(inner)
	var temp string
	fsys.OnCall = func(op faultfs.Op, name string) {
		if op == faultfs.OpOpenFile {
			temp = name
		}
	}
	o := &atomicfile.Options{TempPrefix: "~part-"}
	if err := atomicfile.Write(fsys, "x", nil, o); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(temp, "~part-") || !strings.HasSuffix(temp, "-x") {
		t.Errorf("got %q", temp)
	}
	raw(t, inner, temp)
	removed, err := atomicfile.Sweep(inner, ".", time.Now(), &atomicfile.SweepOptions{TempPrefix: "~part-"})
	if err != nil || len(removed) != 1 {
		t.Errorf("sweep: %q %v", removed, err)
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "x.json")
	if err := atomicfile.WriteFile(name, []byte("1"), nil); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for _, name := range []string{"y.json", "./z.json", "../" + filepath.Base(dir) + "/z.json"} {
		if err := atomicfile.WriteFile(name, []byte("1"), nil); err != nil {
			t.Error(err)
		}
		if b, err := os.ReadFile(name); err != nil || string(b) != "1" {
			t.Errorf("%s: %q %v", name, b, err)
		}
	}
	if list, _ := os.ReadDir(dir); len(list) != 3 {
		t.Errorf("got %v", list)
	}
	absent := filepath.Join(dir, "absent", "x")
	err := atomicfile.WriteFile(absent, nil, nil)
	wantErr(t, absent, err, fs.ErrNotExist)
	if !strings.Contains(err.Error(), absent) {
		t.Errorf("%v does not name the file", err)
	}
	for _, name := range []string{"", dir + "/", ".", ".."} {
		if err := atomicfile.WriteFile(name, nil, nil); err == nil {
			t.Errorf("%q was written", name)
		}
	}
}

// Whoever reads meanwhile sees one writer's whole value, and never nothing.
func TestConcurrentWriters(t *testing.T) {
	fsys, _ := open(t)
	value := func(i int) string { return strings.Repeat(string(rune('a'+i)), 100_000) }
	put(t, fsys, "x", value(0))
	whole := func(s string) bool { return len(s) == 100_000 && strings.Count(s, s[:1]) == len(s) }

	var writers, reader sync.WaitGroup
	done := make(chan struct{})
	reader.Go(func() {
		for {
			s, err := read(fsys, "x")
			if err != nil || !whole(s) {
				t.Errorf("a reader saw %d bytes, %v", len(s), err)
				return
			}
			select {
			case <-done:
				return
			default:
			}
		}
	})
	for i := range 8 {
		writers.Go(func() {
			for range 10 {
				if err := atomicfile.Write(fsys, "x", []byte(value(i)), nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	close(done)
	reader.Wait()
	wantNames(t, fsys, ".", "x")
}
