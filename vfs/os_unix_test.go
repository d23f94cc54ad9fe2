//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package vfs_test

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/internal/testtool"
	"github.com/holdfast-go/holdfast/vfs"
)

// An earlier process may have created any of them and not lived to sync it.
func TestCreateSyncsEveryAncestor(t *testing.T) {
	top := t.TempDir()
	top, err := filepath.EvalSymlinks(top)
	if err != nil {
		t.Fatal(err)
	}
	for _, round := range []string{"created", "existed"} {
		var synced []string
		err := vfs.CreateDir(filepath.Join(top, "a", "b"), func(dir string) error {
			synced = append(synced, dir)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for d := filepath.Join(top, "a"); ; d = filepath.Dir(d) {
			want = append(want, d)
			if d == "/" {
				break
			}
		}
		if !slices.Equal(synced, want) {
			t.Errorf("%s: synced %q, want %q", round, synced, want)
		}
	}
}

func TestCreateSyncsBothSidesOfALink(t *testing.T) {
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	real, link := filepath.Join(top, "real"), filepath.Join(top, "links", "link")
	for _, d := range []string{filepath.Join(real, "store"), filepath.Dir(link)} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	var synced []string
	err = vfs.CreateDir(filepath.Join(link, "store"), func(dir string) error {
		synced = append(synced, dir)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{link, filepath.Dir(link), real, top, "/"} {
		if !slices.Contains(synced, d) {
			t.Errorf("%s was not synced, only %q", d, synced)
		}
	}
}

func TestCreatePassesOverWhatCannotBeSynced(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a")
	for _, tt := range []struct {
		err  error
		fail bool
	}{
		{syscall.EACCES, false}, {syscall.EPERM, false}, {syscall.EINVAL, false},
		{syscall.ENOTSUP, false}, {syscall.EROFS, false},
		{syscall.EIO, true}, {syscall.ENOSPC, true}, {syscall.EMFILE, true}, {syscall.ESTALE, true},
	} {
		calls := 0
		err := vfs.CreateDir(dir, func(d string) error {
			calls++
			return &fs.PathError{Op: "sync", Path: d, Err: tt.err}
		})
		if errors.Is(err, tt.err) != tt.fail || (err != nil) != tt.fail {
			t.Errorf("%v: got %v", tt.err, err)
		}
		if tt.fail != (calls == 1) {
			t.Errorf("%v: %d directories synced", tt.err, calls)
		}
	}
}

func TestPermissionBitsAndUmask(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct {
		umask int
		file  fs.FileMode
		dir   fs.FileMode
	}{{0, 0o640, 0o750}, {0o077, 0o600, 0o700}} {
		fsys, d, f := makeUnder(t, tt.umask, dir)
		for name, want := range map[string]fs.FileMode{f: tt.file, d: tt.dir} {
			fi, err := fsys.Lstat(name)
			if err != nil || fi.Mode().Perm() != want {
				t.Errorf("umask %o: %s has %v %v, want %v", tt.umask, name, fi.Mode().Perm(), err, want)
			}
		}
		fi, err := fsys.Lstat(".")
		if err != nil || fi.Mode().Perm() != 0o700 {
			t.Errorf("umask %o: the root has %v %v", tt.umask, fi.Mode().Perm(), err)
		}
		if err := os.RemoveAll(filepath.Join(dir, "new")); err != nil {
			t.Fatal(err)
		}
	}
}

func makeUnder(t *testing.T, umask int, dir string) (fsys vfs.FS, d, f string) {
	t.Helper()
	defer syscall.Umask(syscall.Umask(umask))
	fsys, err := vfs.OpenOS(filepath.Join(dir, "new", "root"), &vfs.OSOptions{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { fsys.Close() })
	if err := fsys.Mkdir("d", 0o750); err != nil {
		t.Fatal(err)
	}
	file, err := fsys.OpenFile("d/f", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
	return fsys, "d", "d/f"
}

func TestTheRootMayBeALink(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	fsys, err := vfs.OpenOS(link, &vfs.OSOptions{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer fsys.Close()
	create(t, fsys, "x", "1")
	if _, err := os.Stat(filepath.Join(dir, "x")); err != nil {
		t.Error(err)
	}
}

// linkFarm puts links of every kind into dir, and returns an outside directory
// with a file "x" that nothing may touch.
func linkFarm(t *testing.T, dir string) (outside string) {
	t.Helper()
	outside = t.TempDir()
	for _, d := range []string{outside, filepath.Join(dir, "inside")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(d, "x"), []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	up, err := filepath.Rel(dir, outside)
	if err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{
		"file-out": filepath.Join(outside, "x"), "file-up": filepath.Join(up, "x"), "file-in": "inside/x",
		"file-gone": "inside/new", "file-gone-out": filepath.Join(outside, "new"),
		"dir-out": outside, "dir-up": up, "dir-in": "inside", "loop": "loop",
	} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return outside
}

// untouched checks that the linked directories are as linkFarm left them.
func untouched(t *testing.T, dirs ...string) {
	t.Helper()
	for _, d := range dirs {
		list, err := os.ReadDir(d)
		if err != nil || len(list) != 1 {
			t.Errorf("%s: %v %v", d, list, err)
		}
		b, err := os.ReadFile(filepath.Join(d, "x"))
		if err != nil || string(b) != "precious" {
			t.Errorf("%s/x: %q %v", d, b, err)
		}
		fi, err := os.Stat(filepath.Join(d, "x"))
		if err != nil || time.Since(fi.ModTime()) > 24*time.Hour {
			t.Errorf("%s/x: %v %v", d, fi.ModTime(), err)
		}
	}
}

var openFlags = []int{
	os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_RDWR | os.O_CREATE,
	os.O_WRONLY | os.O_CREATE | os.O_TRUNC, os.O_WRONLY | os.O_APPEND,
}

func TestLinkedFilesAreNotOpened(t *testing.T) {
	eachWay(t, func(t *testing.T, fsys vfs.FS, dir string) {
		outside := linkFarm(t, dir)
		for _, name := range []string{"file-out", "file-up", "file-in", "file-gone", "file-gone-out", "dir-out", "dir-in", "loop"} {
			for _, flag := range openFlags {
				_, err := fsys.OpenFile(name, flag, 0o600)
				wantErr(t, name, err, vfs.ErrNotRegular)
			}
			_, err := fsys.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
			wantErr(t, name+" with O_EXCL", err, fs.ErrExist)
		}
		untouched(t, outside, filepath.Join(dir, "inside"))
	})
}

func TestLinkedDirectoriesAreNotEntered(t *testing.T) {
	eachWay(t, func(t *testing.T, fsys vfs.FS, dir string) {
		outside := linkFarm(t, dir)
		create(t, fsys, "y", "y")
		for _, d := range []string{"dir-out", "dir-up", "dir-in"} {
			for _, flag := range append(openFlags, os.O_CREATE|os.O_EXCL|os.O_WRONLY) {
				for _, name := range []string{d + "/x", d + "/new"} {
					_, err := fsys.OpenFile(name, flag, 0o600)
					wantErr(t, name, err, vfs.ErrNotRegular)
				}
			}
			_, err := fsys.ReadDir(d)
			wantErr(t, "ReadDir "+d, err, vfs.ErrNotRegular)
			wantErr(t, "SyncDir "+d, fsys.SyncDir(d), vfs.ErrNotRegular)
			wantErr(t, "Mkdir in "+d, fsys.Mkdir(d+"/new", 0o700), vfs.ErrNotRegular)
			wantErr(t, "Remove in "+d, fsys.Remove(d+"/x"), vfs.ErrNotRegular)
			wantErr(t, "Rename into "+d, fsys.Rename("y", d+"/x"), vfs.ErrNotRegular)
			wantErr(t, "Rename out of "+d, fsys.Rename(d+"/x", "y"), vfs.ErrNotRegular)
			wantErr(t, "Chtimes in "+d, fsys.Chtimes(d+"/x", time.Unix(0, 0)), vfs.ErrNotRegular)
			if _, err := fsys.Lstat(d + "/x"); err == nil && d != "dir-in" {
				t.Errorf("Lstat looked into %s", d)
			}
		}
		untouched(t, outside, filepath.Join(dir, "inside"))
	})
}

func TestLinksThemselvesMayBeHandled(t *testing.T) {
	eachWay(t, func(t *testing.T, fsys vfs.FS, dir string) {
		outside := linkFarm(t, dir)
		fi, err := fsys.Lstat("file-out")
		if err != nil || fi.Mode().Type() != fs.ModeSymlink {
			t.Errorf("Lstat: %v %v", fi, err)
		}
		if err := fsys.Chtimes("file-out", time.Unix(0, 0)); err != nil {
			t.Error(err)
		}
		create(t, fsys, "new", "new")
		if err := fsys.Rename("new", "file-out"); err != nil {
			t.Fatal(err)
		}
		if got := content(t, fsys, "file-out"); got != "new" {
			t.Errorf("got %q", got)
		}
		for _, name := range []string{"dir-out", "file-in", "loop"} {
			if err := fsys.Remove(name); err != nil {
				t.Error(err)
			}
		}
		untouched(t, outside, filepath.Join(dir, "inside"))
	})
}

// Opening the first three would wait for another process, perhaps for ever.
func TestOnlyRegularFilesAreOpened(t *testing.T) {
	eachWay(t, func(t *testing.T, fsys vfs.FS, dir string) {
		if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("unix", filepath.Join(dir, "sock"))
		if err != nil {
			t.Skipf("no socket under this name: %v", err)
		}
		defer l.Close()
		if err := fsys.Mkdir("dir", 0o700); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"pipe", "sock", "dir"} {
			for _, flag := range openFlags {
				if _, err := fsys.OpenFile(name, flag, 0o600); err == nil {
					t.Errorf("%s was opened with flags %#x", name, flag)
				} else if name != "sock" {
					wantErr(t, name, err, vfs.ErrNotRegular)
				}
			}
		}
	})
}

func TestOpenFilesBlock(t *testing.T) {
	eachWay(t, func(t *testing.T, fsys vfs.FS, _ string) {
		create(t, fsys, "x", "")
		f, err := fsys.OpenFile("x", os.O_RDWR|os.O_APPEND, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, f.(interface{ Fd() uintptr }).Fd(), syscall.F_GETFL, 0)
		if errno != 0 || flags&syscall.O_NONBLOCK != 0 || flags&syscall.O_APPEND == 0 {
			t.Errorf("flags %#x %v", flags, errno)
		}
	})
}

// TestMain is another process when a test asks for one.
func TestMain(m *testing.M) {
	if dir := os.Getenv("VFS_TEST_HOLD_LOCK"); dir != "" {
		holdLock(dir)
	}
	os.Exit(m.Run())
}

// holdLock locks a file, says so, and stays until it is killed.
func holdLock(dir string) {
	fsys, err := vfs.OpenOS(dir, nil)
	if err != nil {
		panic(err)
	}
	f, err := fsys.OpenFile("LOCK", os.O_RDWR, 0)
	if err != nil {
		panic(err)
	}
	if err := f.TryLock(); err != nil {
		panic(err)
	}
	os.Stdout.WriteString("locked\n")
	io.Copy(io.Discard, os.Stdin) // the test never closes it
	os.Exit(1)
}

func TestKillFreesTheLock(t *testing.T) {
	dir := t.TempDir()
	fsys := open(t, dir)
	create(t, fsys, "LOCK", "")
	f, err := fsys.OpenFile("LOCK", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()

	kill := testtool.Child(t, "VFS_TEST_HOLD_LOCK="+dir, "locked")
	wantErr(t, "while the child lives", f.TryLock(), vfs.ErrLocked)
	kill()
	if err := f.TryLock(); err != nil {
		t.Errorf("after kill -9: %v", err)
	}
}
