package vfs_test

import (
	"errors"
	"io"
	"os"
	"syscall"
	"testing"

	"github.com/holdfast-go/holdfast/internal/loopdisk"
	"github.com/holdfast-go/holdfast/vfs"
)

// A file system that has given up, as after an error of its own journal, makes
// nothing durable any more, and no call may say that it does. The fsync of a
// directory on XFS says so.
func TestNothingIsDurableAfterAShutdown(t *testing.T) {
	if testing.Short() {
		t.Skip("makes file systems: not with -short")
	}
	if !loopdisk.Alone(t) {
		return
	}
	for _, kind := range []string{"ext4", "xfs"} {
		t.Run(kind, func(t *testing.T) {
			disk := loopdisk.New(t, kind)
			fsys, err := vfs.OpenOS(disk.Dir, nil)
			must(t, err)
			f, err := fsys.OpenFile("new", os.O_CREATE|os.O_RDWR, 0o600)
			must(t, err)
			_, err = io.WriteString(f, "x")
			must(t, errors.Join(err, f.Sync(), fsys.Rename("new", "x")))
			dir, err := os.Open(disk.Dir)
			must(t, err)
			must(t, disk.Cut()) // while a SyncDir has the directory open
			for call, err := range map[string]error{
				"SyncDir": vfs.SyncOpenDir(dir), "Sync": f.Sync(), "Datasync": vfs.Datasync(f), "SyncAll": vfs.SyncAll(fsys),
			} {
				if !errors.Is(err, syscall.EIO) && !errors.Is(err, syscall.EROFS) {
					t.Errorf("%s on a file system that has given up: %v", call, err)
				}
			}
			must(t, errors.Join(dir.Close(), f.Close(), fsys.Close()))
			must(t, disk.Restart())
			if _, err := os.Lstat(disk.Dir + "/x"); err == nil {
				t.Error("the name was durable: this proves nothing")
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
