package vfs_test

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/vfs"
)

// noCaps is a file system without the optional methods, whose listing may tell
// of more than is there.
type noCaps struct {
	vfs.FS
	extra []fs.DirEntry
}

func (n noCaps) ReadDir(name string) ([]fs.DirEntry, error) {
	list, err := n.FS.ReadDir(name)
	return append(list, n.extra...), err
}

// gone is an entry that has vanished or cannot be looked at.
type gone struct {
	fs.DirEntry
	err error
}

func (g gone) Info() (fs.FileInfo, error) { return nil, g.err }

// eachStatter runs a test on what describes files in its own way: each way of
// resolving names, and a file system that can do no more than it must.
func eachStatter(t *testing.T, f func(t *testing.T, fsys vfs.FS, dir string)) {
	t.Helper()
	eachWay(t, f)
	t.Run("fallback", func(t *testing.T) {
		dir := t.TempDir()
		f(t, noCaps{FS: open(t, dir)}, dir)
	})
}

// wantSame checks that a listing and a look at each name agree, and returns the
// names in the order of their bytes.
func wantSame(t *testing.T, fsys vfs.FS, dir string) []string {
	t.Helper()
	list, err := vfs.StatDir(fsys, dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, got := range list {
		names = append(names, got.Name)
		want, err := vfs.Stat(fsys, path.Join(dir, got.Name))
		if !got.Mode.IsRegular() { // whatever a system calls the size of a directory
			want.Size = got.Size
		}
		if err != nil || got != want {
			t.Errorf("%s: the listing says %+v, Stat %+v %v", got.Name, got, want, err)
		}
		fi, err := fsys.Lstat(path.Join(dir, got.Name))
		if err != nil {
			t.Fatal(err)
		}
		if got.Mode != fi.Mode() || got.Mode.IsRegular() && got.Size != fi.Size() || got.ModTime != fi.ModTime().UnixNano() {
			t.Errorf("%s: got %+v, Lstat says %v %d %v", got.Name, got, fi.Mode(), fi.Size(), fi.ModTime())
		}
	}
	slices.Sort(names)
	return names
}

func TestStatDir(t *testing.T) {
	eachStatter(t, func(t *testing.T, fsys vfs.FS, _ string) {
		for _, d := range []string{"d", "d/sub"} {
			if err := fsys.Mkdir(d, 0o750); err != nil {
				t.Fatal(err)
			}
		}
		if names := wantSame(t, fsys, "d/sub"); len(names) != 0 {
			t.Errorf("an empty directory holds %q", names)
		}
		for _, name := range []string{"b", "Z", "a.json", "a", "é", "longer content"} {
			create(t, fsys, "d/"+name, strings.Repeat("x", len(name)))
		}
		if err := fsys.Chtimes("d/a", time.Date(1969, 2, 3, 4, 5, 6, 700, time.UTC)); err != nil {
			t.Fatal(err)
		}
		want := []string{"Z", "a", "a.json", "b", "longer content", "sub", "é"}
		if got := wantSame(t, fsys, "d"); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if got := wantSame(t, fsys, "."); !slices.Equal(got, []string{"d"}) {
			t.Errorf("got %q", got)
		}
	})
}

func TestStatErrors(t *testing.T) {
	eachStatter(t, func(t *testing.T, fsys vfs.FS, _ string) {
		create(t, fsys, "file", "")
		for _, tt := range []struct {
			name string
			want error
		}{{"absent", fs.ErrNotExist}, {"../x", fs.ErrInvalid}, {"", fs.ErrInvalid}} {
			_, err := vfs.StatDir(fsys, tt.name)
			wantErr(t, "StatDir "+tt.name, err, tt.want)
			_, err = vfs.Stat(fsys, tt.name)
			wantErr(t, "Stat "+tt.name, err, tt.want)
		}
		if _, err := vfs.StatDir(fsys, "file"); err == nil {
			t.Error("a file was listed")
		}
		fsys.Close()
		_, err := vfs.Stat(fsys, "file")
		wantErr(t, "Stat after Close", err, fs.ErrClosed)
		_, err = vfs.StatDir(fsys, ".")
		wantErr(t, "StatDir after Close", err, fs.ErrClosed)
	})
}

func TestFallbackLeavesOutWhatVanished(t *testing.T) {
	dir := t.TempDir()
	fsys := noCaps{FS: open(t, dir)}
	create(t, fsys, "x", "")
	list, err := fsys.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	fsys.extra = []fs.DirEntry{gone{list[0], &fs.PathError{Op: "lstat", Path: "y", Err: fs.ErrNotExist}}}
	if got, err := vfs.StatDir(fsys, "."); err != nil || len(got) != 1 || got[0].Name != "x" {
		t.Errorf("got %v %v", got, err)
	}
	fsys.extra = append(fsys.extra, gone{list[0], syscall.EIO})
	got, err := vfs.StatDir(fsys, ".")
	wantErr(t, "EIO", err, syscall.EIO)
	if got != nil {
		t.Errorf("half a listing: %v", got)
	}
}

// What an editor writes may have the size that was there, and a tool may set
// the time back: only the change time tells.
func TestChangeTimeTellsOfWhatModTimeHides(t *testing.T) {
	eachStatter(t, func(t *testing.T, fsys vfs.FS, _ string) {
		create(t, fsys, "x", "old")
		old, err := vfs.Stat(fsys, "x")
		if err != nil {
			t.Fatal(err)
		}
		if old.ChangeTime == 0 {
			t.Skip("no change time here")
		}
		if age := time.Since(time.Unix(0, old.ChangeTime)).Abs(); age > time.Minute {
			t.Errorf("changed %v ago", age)
		}
		time.Sleep(30 * time.Millisecond) // the clock that stamps files ticks
		f, err := fsys.OpenFile("x", os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.WriteAt([]byte("new"), 0)
		if err := errors.Join(err, f.Close(), fsys.Chtimes("x", time.Unix(0, old.ModTime))); err != nil {
			t.Fatal(err)
		}
		got, err := vfs.Stat(fsys, "x")
		if err != nil || got.ChangeTime <= old.ChangeTime {
			t.Errorf("got %+v %v, before %+v", got, err, old)
		}
		if got.ChangeTime = old.ChangeTime; got != old {
			t.Errorf("got %+v, want all else as before: %+v", got, old)
		}
	})
}

func TestInodeStaysWithTheFile(t *testing.T) {
	eachStatter(t, func(t *testing.T, fsys vfs.FS, _ string) {
		create(t, fsys, "a", "")
		create(t, fsys, "b", "")
		a, err := vfs.Stat(fsys, "a")
		if err != nil {
			t.Fatal(err)
		}
		b, err := vfs.Stat(fsys, "b")
		if err != nil {
			t.Fatal(err)
		}
		if a.Inode == 0 && b.Inode == 0 {
			t.Skip("no inodes here")
		}
		if err := fsys.Rename("a", "b"); err != nil {
			t.Fatal(err)
		}
		got, err := vfs.Stat(fsys, "b")
		if err != nil || got.Inode != a.Inode || got.Inode == b.Inode || got.Device != a.Device {
			t.Errorf("got %+v %v, want the inode of %+v", got, err, a)
		}
	})
}

func TestSyncAll(t *testing.T) {
	fsys := open(t, t.TempDir())
	wantErr(t, "without the method", vfs.SyncAll(noCaps{FS: fsys}), errors.ErrUnsupported)
	create(t, fsys, "x", "1")
	if err := vfs.SyncAll(fsys); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
	if _, ok := fsys.(vfs.AllSyncer); !ok {
		return
	}
	fsys.Close()
	wantErr(t, "after Close", vfs.SyncAll(fsys), fs.ErrClosed)
}
