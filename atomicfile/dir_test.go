package atomicfile_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/holdfast-go/holdfast/atomicfile"
	"github.com/holdfast-go/holdfast/vfs"
	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

func TestRemove(t *testing.T) {
	inner, _ := open(t)
	if err := inner.Mkdir("d", 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, inner, "d/x", "1")
	r := record(inner)
	if err := atomicfile.Remove(r, "d/x"); err != nil {
		t.Fatal(err)
	}
	wantCalls(t, r, "Remove d/x", "SyncDir d")

	// Whoever removed it may not have lived to make that durable.
	wantErr(t, "again", atomicfile.Remove(r, "d/x"), fs.ErrNotExist)
	wantCalls(t, r, "Remove d/x", "SyncDir d")

	err := atomicfile.Remove(r, "absent/x")
	wantErr(t, "no directory", err, fs.ErrNotExist)
	if isFlushError(err) {
		t.Errorf("no directory: %v", err)
	}
}

func TestRemoveFails(t *testing.T) {
	for _, op := range []faultfs.Op{faultfs.OpRemove, faultfs.OpSyncDir} {
		inner, _ := open(t)
		put(t, inner, "x", "1")
		fsys := faultfs.New(inner, faultfs.Rule{Op: op, Sticky: true})
		err := atomicfile.Remove(fsys, "x")
		wantErr(t, string(op), err, syscall.EIO)
		if isFlushError(err) != (op == faultfs.OpSyncDir) {
			t.Errorf("%s: %v", op, err)
		}
		if op == faultfs.OpRemove {
			wantContent(t, inner, "x", "1")
			continue
		}
		// Absent now, but nobody knows for how long.
		err = atomicfile.Remove(fsys, "x")
		if !isFlushError(err) {
			t.Errorf("absent, sync fails: %v", err)
		}
	}
}

func TestMkdirAll(t *testing.T) {
	inner, _ := open(t)
	r := record(inner)
	if err := atomicfile.MkdirAll(r, "a/b/c", 0o700); err != nil {
		t.Fatal(err)
	}
	wantCalls(t, r,
		"Lstat a", "Mkdir a", "SyncDir .",
		"Lstat a/b", "Mkdir a/b", "SyncDir a",
		"Lstat a/b/c", "Mkdir a/b/c", "SyncDir a/b")

	// The second time too: the first process may have been killed half way.
	if err := atomicfile.MkdirAll(r, "a/b/c", 0o700); err != nil {
		t.Fatal(err)
	}
	wantCalls(t, r, "Lstat a", "SyncDir .", "Lstat a/b", "SyncDir a", "Lstat a/b/c", "SyncDir a/b")

	if err := atomicfile.MkdirAll(r, ".", 0o700); err != nil {
		t.Error(err)
	}
	wantErr(t, "..", atomicfile.MkdirAll(r, "a/../b", 0o700), fs.ErrInvalid)
	wantNames(t, inner, ".", "a")
}

func TestMkdirAllRefusesWhatIsInTheWay(t *testing.T) {
	fsys, dir := open(t)
	raw(t, fsys, "file")
	if err := os.Mkdir(filepath.Join(dir, "real"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real", filepath.Join(dir, "link")); err != nil {
		t.Skip(err)
	}
	for _, name := range []string{"file", "file/a"} {
		wantErr(t, name, atomicfile.MkdirAll(fsys, name, 0o700), syscall.ENOTDIR)
	}
	for _, name := range []string{"link", "link/a"} {
		wantErr(t, name, atomicfile.MkdirAll(fsys, name, 0o700), vfs.ErrNotRegular)
	}
	wantNames(t, fsys, "real")
}

func TestMkdirAllFails(t *testing.T) {
	for _, op := range []faultfs.Op{faultfs.OpLstat, faultfs.OpMkdir, faultfs.OpSyncDir} {
		for nth := range 2 {
			inner, _ := open(t)
			rule := faultfs.Rule{Op: op, Nth: nth + 1}
			err := atomicfile.MkdirAll(faultfs.New(inner, rule), "a/b", 0o700)
			wantErr(t, rule.String(), err, syscall.EIO)
			if isFlushError(err) != (op == faultfs.OpSyncDir) {
				t.Errorf("%v: %v", rule, err)
			}
		}
	}
}

// Two processes make the same directory at once.
func TestMkdirAllTogether(t *testing.T) {
	inner, _ := open(t)
	fsys := faultfs.New(inner)
	fsys.OnCall = func(op faultfs.Op, name string) {
		if op == faultfs.OpMkdir {
			if err := inner.Mkdir(name, 0o700); err != nil {
				t.Error(err)
			}
		}
	}
	if err := atomicfile.MkdirAll(fsys, "a/b", 0o700); err != nil {
		t.Error(err)
	}
}
