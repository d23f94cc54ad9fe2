package atomicfile_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/atomicfile"
	"github.com/holdfast-go/holdfast/internal/testtool"
	"github.com/holdfast-go/holdfast/vfs"
	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

const (
	ours    = ".tmp-0123456789abcdef-x.json"
	foreign = ".tmp-0123456789ab-x.json" // backtest-kit's
)

// innocent are names that merely look like ours.
var innocent = []string{
	"x.json", ".tmp-", ".tmp-x", ".tmp-add-order.json", ".tmp-cafe-x", ".tmp-0123456789abcdef", ".tmp-0123456789abcdef-",
	".tmp-0123456789ABCDEF-x", ".tmp-0123456789abcdeg-x", ".tmp-0123456789abc-x", "tmp-0123456789abcdef-x", ".tmp--x",
}

func TestIsTemp(t *testing.T) {
	for _, name := range []string{ours, foreign, ".tmp-0123456789abcdef-a-b", ".tmp-00000000-x"} {
		if !atomicfile.IsTemp(name) {
			t.Errorf("%s is one", name)
		}
	}
	for _, name := range innocent {
		if atomicfile.IsTemp(name) {
			t.Errorf("%s is none", name)
		}
	}
}

func TestSweep(t *testing.T) {
	inner, _ := open(t)
	if err := inner.Mkdir("d", 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range append(innocent, ours, foreign, ".tmp-fedcba9876543210-y") {
		raw(t, inner, "d/"+name)
	}
	if err := inner.Mkdir("d/.tmp-00000000ffffffff-dir", 0o700); err != nil {
		t.Fatal(err)
	}
	fi, err := inner.Lstat("d/" + foreign)
	if err != nil {
		t.Fatal(err)
	}
	r := record(inner)
	removed, err := atomicfile.Sweep(r, "d", fi.ModTime().Add(time.Hour), nil)
	if want := []string{"d/" + ours, "d/.tmp-fedcba9876543210-y"}; err != nil || !slices.Equal(removed, want) {
		t.Errorf("removed %q %v, want %q", removed, err, want)
	}
	calls := r.took()
	if n := len(calls); calls[n-1] != "SyncDir d" || r.Calls(faultfs.OpSyncDir) != 1 {
		t.Errorf("the removals are not made durable: %q", calls)
	}

	removed, err = atomicfile.Sweep(r, "d", fi.ModTime().Add(time.Hour+1), nil)
	if want := []string{"d/" + foreign}; err != nil || !slices.Equal(removed, want) {
		t.Errorf("an hour later: removed %q %v, want %q", removed, err, want)
	}
	wantNames(t, inner, "d", append(innocent, ".tmp-00000000ffffffff-dir")...)

	before := r.Calls(faultfs.OpSyncDir)
	removed, err = atomicfile.Sweep(r, "d", fi.ModTime().Add(1000*time.Hour), nil)
	if err != nil || removed != nil || r.Calls(faultfs.OpSyncDir) != before {
		t.Errorf("a clean directory: %q %v", removed, err)
	}
	if _, err := atomicfile.Sweep(r, "absent", time.Now(), nil); err == nil {
		t.Error("an absent directory was swept")
	}
}

func TestSweepForeignAge(t *testing.T) {
	fsys, _ := open(t)
	raw(t, fsys, foreign)
	old := time.Unix(1700000000, 0)
	if err := fsys.Chtimes(foreign, old); err != nil {
		t.Fatal(err)
	}
	o := &atomicfile.SweepOptions{ForeignAge: time.Minute}
	for _, now := range []time.Time{old.Add(-time.Hour), old, old.Add(time.Minute)} {
		if removed, err := atomicfile.Sweep(fsys, ".", now, o); err != nil || removed != nil {
			t.Errorf("%v: %q %v", now, removed, err)
		}
	}
	if removed, err := atomicfile.Sweep(fsys, ".", old.Add(time.Minute+1), o); err != nil || len(removed) != 1 {
		t.Errorf("stale: %q %v", removed, err)
	}
}

// A link that is named like a leftover is nobody's leftover.
func TestSweepLeavesLinks(t *testing.T) {
	fsys, dir := open(t)
	raw(t, fsys, "x")
	for _, name := range []string{ours, foreign} {
		if err := os.Symlink("x", filepath.Join(dir, name)); err != nil {
			t.Skip(err)
		}
	}
	removed, err := atomicfile.Sweep(fsys, ".", time.Now().Add(1000*time.Hour), nil)
	if err != nil || removed != nil {
		t.Errorf("removed %q %v", removed, err)
	}
}

// A passing error (too many open files) condemns nothing, and stops nothing.
func TestSweepGoesOnAfterErrors(t *testing.T) {
	for _, op := range []faultfs.Op{faultfs.OpOpenFile, faultfs.OpTryLock, faultfs.OpRemove} {
		inner, _ := open(t)
		raw(t, inner, ours)
		raw(t, inner, ".tmp-ffffffffffffffff-x")
		fsys := faultfs.New(inner, faultfs.Rule{Op: op, Path: ours, Err: syscall.EMFILE})
		removed, err := atomicfile.Sweep(fsys, ".", time.Now(), nil)
		wantErr(t, string(op), err, syscall.EMFILE)
		if len(removed) != 1 {
			t.Errorf("%s: removed %q", op, removed)
		}
		wantNames(t, inner, ".", ours)
		if fsys.Calls(faultfs.OpClose) > fsys.Calls(faultfs.OpOpenFile) {
			t.Errorf("%s: more closed than opened", op)
		}
	}
	inner, _ := open(t)
	raw(t, inner, ours)
	_, err := atomicfile.Sweep(faultfs.New(inner, faultfs.Rule{Op: faultfs.OpSyncDir}), ".", time.Now(), nil)
	if !isFlushError(err) {
		t.Errorf("SyncDir: %v", err)
	}
}

// Without locks nobody knows who lives, so the age decides.
func TestSweepWithoutLocks(t *testing.T) {
	inner, _ := open(t)
	raw(t, inner, ours)
	fsys := faultfs.New(inner, faultfs.Rule{Op: faultfs.OpTryLock, Sticky: true, Err: errors.ErrUnsupported})
	if removed, err := atomicfile.Sweep(fsys, ".", time.Now(), nil); err != nil || removed != nil {
		t.Errorf("young: %q %v", removed, err)
	}
	if removed, err := atomicfile.Sweep(fsys, ".", time.Now().Add(2*time.Hour), nil); err != nil || len(removed) != 1 {
		t.Errorf("old: %q %v", removed, err)
	}
}

// A file that may be read only can be locked all the same.
func TestSweepReadOnlyLeftover(t *testing.T) {
	inner, _ := open(t)
	raw(t, inner, ours)
	fsys := faultfs.New(inner, faultfs.Rule{Op: faultfs.OpOpenFile, Err: syscall.EACCES})
	if removed, err := atomicfile.Sweep(fsys, ".", time.Now(), nil); err != nil || len(removed) != 1 {
		t.Errorf("got %q %v", removed, err)
	}
}

// While a write is under way a sweep leaves its file alone, at every step up to
// the close.
func TestSweepDuringAWrite(t *testing.T) {
	inner, _ := open(t)
	fsys := faultfs.New(inner)
	swept := 0
	fsys.OnCall = func(op faultfs.Op, name string) {
		switch op {
		case faultfs.OpWrite, faultfs.OpSync, faultfs.OpClose:
			swept++
			removed, err := atomicfile.Sweep(inner, ".", time.Now().Add(1000*time.Hour), nil)
			if err != nil || removed != nil {
				t.Errorf("before %s: removed %q %v", op, removed, err)
			}
		}
	}
	put(t, fsys, "x", "1")
	wantContent(t, inner, "x", "1")
	if swept != 3 {
		t.Errorf("swept %d times", swept)
	}
}

// TestMain is another process when a test asks for one.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv("ATOMICFILE_TEST_STUCK") != "":
		writeAndStop(os.Getenv("ATOMICFILE_TEST_STUCK"))
	case os.Getenv("ATOMICFILE_TEST_WRITE") != "":
		if err := atomicfile.WriteFile(os.Getenv("ATOMICFILE_TEST_WRITE"), []byte("new"), nil); err != nil {
			panic(err)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// writeAndStop is a writer that stops in the middle, until it is killed.
func writeAndStop(dir string) {
	fsys, err := vfs.OpenOS(dir, nil)
	if err != nil {
		panic(err)
	}
	err = atomicfile.WriteFunc(fsys, "x", func(w io.Writer) error {
		io.WriteString(w, "half")
		os.Stdout.WriteString("writing\n")
		_, err := io.Copy(io.Discard, os.Stdin) // the test never closes it
		return err
	}, nil)
	panic(err)
}

func TestSweepAfterKill(t *testing.T) {
	fsys, dir := open(t)
	put(t, fsys, "x", "old")
	kill := testtool.Child(t, "ATOMICFILE_TEST_STUCK="+dir, "writing")
	later := time.Now().Add(1000 * time.Hour)
	if removed, err := atomicfile.Sweep(fsys, ".", later, nil); err != nil || removed != nil {
		t.Errorf("a live writer's: removed %q %v", removed, err)
	}
	kill()
	wantContent(t, fsys, "x", "old")
	removed, err := atomicfile.Sweep(fsys, ".", time.Now(), nil)
	if err != nil || len(removed) != 1 || !strings.HasSuffix(removed[0], "-x") {
		t.Errorf("a dead writer's: removed %q %v", removed, err)
	}
	wantNames(t, fsys, ".", "x")
}
