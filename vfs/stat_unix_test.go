//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package vfs_test

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"

	"github.com/holdfast-go/holdfast/vfs"
)

func TestStatDirOfEveryKind(t *testing.T) {
	eachStatter(t, func(t *testing.T, fsys vfs.FS, dir string) {
		outside := linkFarm(t, dir)
		if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o620); err != nil {
			t.Fatal(err)
		}
		if l, err := net.Listen("unix", filepath.Join(dir, "sock")); err == nil {
			defer l.Close()
		}
		create(t, fsys, "special", "")
		if err := os.Chmod(filepath.Join(dir, "special"), 0o751|fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky); err != nil {
			t.Fatal(err)
		}
		names := wantSame(t, fsys, ".")
		for _, name := range []string{"dir-out", "file-gone", "inside", "loop", "pipe", "special"} {
			if !slices.Contains(names, name) {
				t.Errorf("%s is missing in %q", name, names)
			}
		}
		_, err := vfs.StatDir(fsys, "dir-in")
		wantErr(t, "a linked directory", err, vfs.ErrNotRegular)
		untouched(t, outside, filepath.Join(dir, "inside"))
	})
}

func TestStatDirOfDevices(t *testing.T) {
	fsys := open(t, "/dev")
	list, err := vfs.StatDir(fsys, ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range list {
		if i.Name == "null" {
			if fi, err := fsys.Lstat("null"); err != nil || i.Mode != fi.Mode() {
				t.Errorf("got %v, want %v %v", i.Mode, fi.Mode(), err)
			}
			return
		}
	}
	t.Error("no /dev/null")
}

// Enough of them for several goroutines, and a number that fills no whole block.
func TestStatDirOfManyFiles(t *testing.T) {
	const n = 3001
	fsys := manyFiles(t, n)
	names := wantSame(t, fsys, ".")
	if len(names) != n || !slices.IsSorted(names) {
		t.Errorf("%d names of %d, sorted: %v", len(names), n, slices.IsSorted(names))
	}
}

func TestStatDirWhileFilesVanish(t *testing.T) {
	for _, n := range []int{10, 3000} {
		dir := t.TempDir()
		var want, names []string
		for i := range n {
			name := fmt.Sprintf("%05d", i)
			names = append(names, name)
			if i%3 == 1 {
				continue // listed, and gone
			}
			want = append(want, name)
			if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		d, err := os.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		list, err := vfs.StatNames(d, names)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, i := range list {
			got = append(got, i.Name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("of %d: got %d names, want %d", n, len(got), len(want))
		}
		names[n-1] = want[0] + "/x" // ENOTDIR
		list, err = vfs.StatNames(d, names)
		wantErr(t, "one that cannot be looked at", err, syscall.ENOTDIR)
		if list != nil {
			t.Errorf("half a listing of %d", len(list))
		}
	}
}

// A directory that cannot be listed to its end is no shorter directory.
func TestStatDirOfAListingThatFails(t *testing.T) {
	d, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, n := range []int{0, 100, 512, 3000} {
		left := n
		list, err := vfs.StatListed(d, func(some int) ([]string, error) {
			var err error
			if some >= left { // names that were read before it come with the error
				some, err = left, syscall.EIO
			}
			left -= some
			return slices.Repeat([]string{"."}, some), err
		})
		wantErr(t, fmt.Sprintf("after %d names", n), err, syscall.EIO)
		if list != nil {
			t.Errorf("after %d names: half a listing of %d", n, len(list))
		}
	}
}

func TestStatDirBesideChanges(t *testing.T) {
	fsys := manyFiles(t, 2000)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for range 10 {
				list, err := vfs.StatDir(fsys, ".")
				if err != nil || len(list) < 1000 {
					t.Errorf("%d names, %v", len(list), err)
				}
			}
		})
	}
	for i := range 1000 {
		if err := fsys.Remove(entityName(i)); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
	if names := wantSame(t, fsys, "."); len(names) != 1000 {
		t.Errorf("%d names", len(names))
	}
}
