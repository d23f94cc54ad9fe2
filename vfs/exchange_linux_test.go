package vfs_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-go/holdfast/vfs"
)

func TestExchange(t *testing.T) {
	dir := t.TempDir()
	fsys := open(t, dir)
	if err := fsys.Mkdir("d", 0o700); err != nil {
		t.Fatal(err)
	}
	create(t, fsys, "a", "1")
	create(t, fsys, "d/b", "2")
	err := vfs.Exchange(fsys, "a", "d/b")
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("the file system here cannot exchange names")
	}
	if err != nil || content(t, fsys, "a") != "2" || content(t, fsys, "d/b") != "1" {
		t.Errorf("%v; a holds %q, d/b %q", err, content(t, fsys, "a"), content(t, fsys, "d/b"))
	}
	wantErr(t, "one is missing", vfs.Exchange(fsys, "a", "none"), fs.ErrNotExist)
	wantErr(t, "the other is missing", vfs.Exchange(fsys, "none", "a"), fs.ErrNotExist)
	for _, name := range []string{"../a", "/a", ""} {
		if vfs.Exchange(fsys, "a", name) == nil || vfs.Exchange(fsys, name, "a") == nil {
			t.Errorf("%q was taken for a name", name)
		}
	}
	if got := content(t, fsys, "a"); got != "2" {
		t.Errorf("a refused exchange has changed a to %q", got)
	}
}

func TestExchangeWhereItIsMissing(t *testing.T) {
	fsys := open(t, t.TempDir())
	create(t, fsys, "a", "1")
	create(t, fsys, "b", "2")
	wantErr(t, "Exchange", vfs.Exchange(struct{ vfs.FS }{fsys}, "a", "b"), errors.ErrUnsupported)
}

// Who may write a file in place without anybody seeing it.
func TestAlone(t *testing.T) {
	dir := t.TempDir()
	fsys := open(t, dir)
	create(t, fsys, "a", "1")
	f, err := fsys.OpenFile("a", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for range 2 { // asking leaves no lease behind
		if !vfs.Alone(f) {
			t.Fatal("nobody else has the file, and it is not alone")
		}
	}
	for _, flag := range []int{os.O_RDONLY, os.O_WRONLY} {
		other, err := os.OpenFile(filepath.Join(dir, "a"), flag, 0)
		if err != nil {
			t.Fatal(err)
		}
		if vfs.Alone(f) {
			t.Errorf("somebody has the file open (%d), and it counts as alone", flag)
		}
		other.Close()
	}
	if err := os.Link(filepath.Join(dir, "a"), filepath.Join(dir, "backup")); err != nil {
		t.Fatal(err)
	}
	if vfs.Alone(f) {
		t.Error("the file has another name, and counts as alone")
	}
	if err := os.Remove(filepath.Join(dir, "backup")); err != nil {
		t.Fatal(err)
	}
	if !vfs.Alone(f) {
		t.Error("the other name is gone, and the file is not alone")
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(filepath.Join(dir, "a"), 65534, 65534); err != nil {
			t.Fatal(err)
		}
		if vfs.Alone(f) {
			t.Error("another user's file counts as alone")
		}
	}
}
