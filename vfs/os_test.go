package vfs_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/vfs"
)

// eachWay runs a test on a fresh directory for each way of resolving names.
func eachWay(t *testing.T, f func(t *testing.T, fsys vfs.FS, dir string)) {
	t.Helper()
	t.Run("usual", func(t *testing.T) {
		dir := t.TempDir()
		f(t, open(t, dir), dir)
	})
	t.Run("walk", func(t *testing.T) {
		dir := t.TempDir()
		fsys := open(t, dir)
		if !vfs.WalkOnly(fsys) {
			t.Skip("there is one way only")
		}
		f(t, fsys, dir)
	})
}

func open(t testing.TB, dir string) vfs.FS {
	t.Helper()
	fsys, err := vfs.OpenOS(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { fsys.Close() })
	return fsys
}

func create(t *testing.T, fsys vfs.FS, name, content string) {
	t.Helper()
	f, err := fsys.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.WriteString(f, content); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, fsys vfs.FS, name string) string {
	t.Helper()
	f, err := fsys.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func wantErr(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got error %v, want %v", what, err, want)
	}
}

func TestOpenOSRefusesWhatIsNoDirectory(t *testing.T) {
	dir := t.TempDir()
	_, err := vfs.OpenOS(filepath.Join(dir, "absent"), nil)
	wantErr(t, "missing directory", err, fs.ErrNotExist)

	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, o := range []*vfs.OSOptions{nil, {Create: true}} {
		_, err = vfs.OpenOS(file, o)
		wantErr(t, "a file", err, syscall.ENOTDIR)
	}
}

func TestOpenOSCreates(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	for range 2 { // the second time it is there already
		fsys, err := vfs.OpenOS(dir, &vfs.OSOptions{Create: true})
		if err != nil {
			t.Fatal(err)
		}
		create(t, fsys, "x", "1")
		if err := fsys.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestFilesAndDirectories(t *testing.T) {
	eachWay(t, func(t *testing.T, fsys vfs.FS, _ string) {
		for _, d := range []string{"a", "a/b"} {
			if err := fsys.Mkdir(d, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		wantErr(t, "Mkdir again", fsys.Mkdir("a/b", 0o700), fs.ErrExist)
		create(t, fsys, "a/b/x", "old")
		create(t, fsys, "a/y", "new")
		if err := fsys.Rename("a/y", "a/b/x"); err != nil {
			t.Fatal(err)
		}
		if got := content(t, fsys, "a/b/x"); got != "new" {
			t.Errorf("after the rename: %q", got)
		}
		_, err := fsys.Lstat("a/y")
		wantErr(t, "Lstat of the old name", err, fs.ErrNotExist)
		for _, d := range []string{".", "a", "a/b"} {
			if err := fsys.SyncDir(d); err != nil {
				t.Errorf("SyncDir %s: %v", d, err)
			}
		}
		if err := fsys.Remove("a/b"); err == nil {
			t.Error("a directory with a file in it was removed")
		}
		if got := content(t, fsys, "a/b/x"); got != "new" {
			t.Errorf("after the refused removal: %q", got)
		}
		for _, name := range []string{"a/b/x", "a/b", "a"} {
			if err := fsys.Remove(name); err != nil {
				t.Error(err)
			}
			wantErr(t, "Remove again", fsys.Remove(name), fs.ErrNotExist)
		}
	})
}

func TestRenameRefusesADirectoryInTheWay(t *testing.T) {
	eachWay(t, func(t *testing.T, fsys vfs.FS, _ string) {
		create(t, fsys, "file", "")
		for _, d := range []string{"from", "to"} {
			if err := fsys.Mkdir(d, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		for _, old := range []string{"file", "from"} { // POSIX would let "from" replace the empty "to"
			if err := fsys.Rename(old, "to"); err == nil {
				t.Errorf("%s took the place of a directory", old)
			}
			if _, err := fsys.Lstat(old); err != nil {
				t.Error(err)
			}
		}
		wantErr(t, "absent", fsys.Rename("absent", "x"), fs.ErrNotExist)
	})
}

func TestSyncDirWantsADirectory(t *testing.T) {
	eachWay(t, func(t *testing.T, fsys vfs.FS, _ string) {
		create(t, fsys, "file", "")
		wantErr(t, "file", fsys.SyncDir("file"), syscall.ENOTDIR)
		wantErr(t, "absent", fsys.SyncDir("absent"), fs.ErrNotExist)
	})
}

func TestReadDir(t *testing.T) {
	eachWay(t, func(t *testing.T, fsys vfs.FS, _ string) {
		for _, name := range []string{"b", "B", "a.json", "Z", "a", "é"} {
			create(t, fsys, name, name)
		}
		list, err := fsys.ReadDir(".")
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range list {
			names = append(names, e.Name())
			fi, err := e.Info()
			if err != nil || !e.Type().IsRegular() || fi.Size() != int64(len(e.Name())) {
				t.Errorf("%s: %v %v", e.Name(), fi, err)
			}
		}
		if !slices.IsSorted(names) || len(names) < 4 {
			t.Errorf("got %q, not in byte order", names)
		}
		_, err = fsys.ReadDir("absent")
		wantErr(t, "absent", err, fs.ErrNotExist)
		if _, err = fsys.ReadDir("a"); err == nil {
			t.Error("a file was listed")
		}
	})
}

func TestChtimes(t *testing.T) {
	eachWay(t, func(t *testing.T, fsys vfs.FS, _ string) {
		create(t, fsys, "x", "")
		want := time.Date(2024, 2, 29, 12, 30, 0, 0, time.UTC)
		if err := fsys.Chtimes("x", want); err != nil {
			t.Fatal(err)
		}
		fi, err := fsys.Lstat("x")
		if err != nil || !fi.ModTime().Equal(want) {
			t.Errorf("got %v %v, want %v", fi.ModTime(), err, want)
		}
	})
}

func TestNamesThatAreNone(t *testing.T) {
	eachWay(t, func(t *testing.T, fsys vfs.FS, _ string) {
		for _, name := range []string{"", "/", "/etc/passwd", "..", "../x", "a/../../x", "a/..", "./x", "a//x", "x/", "a\x00b"} {
			_, err := fsys.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
			wantErr(t, "OpenFile "+name, err, fs.ErrInvalid)
			_, err = fsys.Lstat(name)
			wantErr(t, "Lstat "+name, err, fs.ErrInvalid)
			_, err = fsys.ReadDir(name)
			wantErr(t, "ReadDir "+name, err, fs.ErrInvalid)
			wantErr(t, "Mkdir "+name, fsys.Mkdir(name, 0o700), fs.ErrInvalid)
			wantErr(t, "Remove "+name, fsys.Remove(name), fs.ErrInvalid)
			wantErr(t, "Rename from "+name, fsys.Rename(name, "x"), fs.ErrInvalid)
			wantErr(t, "Rename to "+name, fsys.Rename("x", name), fs.ErrInvalid)
			wantErr(t, "Chtimes "+name, fsys.Chtimes(name, time.Now()), fs.ErrInvalid)
			wantErr(t, "SyncDir "+name, fsys.SyncDir(name), fs.ErrInvalid)
		}
	})
}

func TestOpenFileFlags(t *testing.T) {
	eachWay(t, func(t *testing.T, fsys vfs.FS, _ string) {
		_, err := fsys.OpenFile("x", os.O_RDWR, 0)
		wantErr(t, "absent", err, fs.ErrNotExist)
		create(t, fsys, "x", "12")
		_, err = fsys.OpenFile("x", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		wantErr(t, "O_EXCL", err, fs.ErrExist)

		f, err := fsys.OpenFile("x", os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := io.WriteString(f, "3"); err != nil {
				t.Fatal(err)
			}
		}
		f.Close()
		if got := content(t, fsys, "x"); got != "1233" {
			t.Errorf("appended: %q", got)
		}
		create(t, fsys, "x", "") // O_TRUNC
		if got := content(t, fsys, "x"); got != "" {
			t.Errorf("truncated: %q", got)
		}
		_, err = fsys.OpenFile(".", os.O_RDONLY, 0)
		wantErr(t, "the root", err, vfs.ErrNotRegular)
	})
}

func TestTryLock(t *testing.T) {
	eachWay(t, func(t *testing.T, fsys vfs.FS, _ string) {
		create(t, fsys, "LOCK", "pid 1")
		var files [3]vfs.File
		for i := range files {
			f, err := fsys.OpenFile("LOCK", os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			files[i] = f
		}
		for range 2 { // a second time by the holder is no conflict
			if err := files[0].TryLock(); err != nil {
				t.Fatal(err)
			}
		}
		wantErr(t, "second open file", files[1].TryLock(), vfs.ErrLocked)
		if got := content(t, fsys, "LOCK"); got != "pid 1" {
			t.Errorf("while locked: %q", got)
		}
		files[2].Close() // fcntl's locks would all be dropped by this
		wantErr(t, "after another close", files[1].TryLock(), vfs.ErrLocked)
		files[0].Close()
		if err := files[1].TryLock(); err != nil {
			t.Errorf("after the holder's close: %v", err)
		}
	})
}

func TestCloseLeavesFilesUsable(t *testing.T) {
	fsys, err := vfs.OpenOS(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	f, err := fsys.OpenFile("x", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := fsys.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(f, "x"); err != nil {
		t.Error(err)
	}
	_, err = fsys.OpenFile("x", os.O_RDONLY, 0)
	wantErr(t, "OpenFile", err, fs.ErrClosed)
	wantErr(t, "Rename", fsys.Rename("x", "y"), fs.ErrClosed)
	wantErr(t, "SyncDir", fsys.SyncDir("."), fs.ErrClosed)
	_, err = fsys.Lstat("x")
	wantErr(t, "Lstat", err, fs.ErrClosed)
}

// A Close in the middle of other calls must not make one work on a descriptor
// that has come to mean another file.
func TestCloseDuringCalls(t *testing.T) {
	dir := t.TempDir()
	fsys, err := vfs.OpenOS(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	create(t, fsys, "x", "")
	var wg, started sync.WaitGroup
	started.Add(4)
	for range 4 {
		wg.Go(func() {
			started.Done()
			for {
				f, err := fsys.OpenFile("x", os.O_RDONLY, 0)
				if err != nil {
					wantErr(t, "OpenFile", err, fs.ErrClosed)
					return
				}
				f.Close()
			}
		})
	}
	started.Wait()
	fsys.Close()
	wg.Wait()
}

// plain has no Datasync.
type plain struct {
	vfs.File
	synced int
}

func (p *plain) Sync() error { p.synced++; return syscall.EIO }

func TestDatasync(t *testing.T) {
	p := &plain{}
	wantErr(t, "by Sync", vfs.Datasync(p), syscall.EIO)
	if p.synced != 1 {
		t.Errorf("synced %d times", p.synced)
	}
	fsys := open(t, t.TempDir())
	f, err := fsys.OpenFile("x", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := vfs.Datasync(f); err != nil {
		t.Error(err)
	}
	f.Close()
	if vfs.Datasync(f) == nil {
		t.Error("a closed file was synced")
	}
}
