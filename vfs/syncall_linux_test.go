package vfs_test

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/holdfast-go/holdfast/vfs"
)

func TestWhereSyncfsIsTrusted(t *testing.T) {
	for _, tt := range []struct {
		release string
		fsType  uint32
		want    bool
	}{
		{"5.17.0", unix.EXT4_SUPER_MAGIC, true},
		{"5.17-rc1", unix.XFS_SUPER_MAGIC, true},
		{"6.1.0-23-amd64", unix.BTRFS_SUPER_MAGIC, true},
		{"6.18.44", unix.TMPFS_MAGIC, true},
		{"10.0.1", unix.EXT4_SUPER_MAGIC, true},

		{"5.16.20", unix.EXT4_SUPER_MAGIC, false}, // the flush's error was dropped
		{"5.4.0-200-generic", unix.EXT4_SUPER_MAGIC, false},
		{"4.19.0", unix.EXT4_SUPER_MAGIC, false}, // and every other's
		{"4.4.0", unix.TMPFS_MAGIC, false},       // what gVisor says it is
		{"6.18.44", unix.OVERLAYFS_SUPER_MAGIC, false},
		{"6.18.44", unix.FUSE_SUPER_MAGIC, false},
		{"6.18.44", unix.F2FS_SUPER_MAGIC, false},
		{"6.18.44", unix.MSDOS_SUPER_MAGIC, false},
		{"6.18.44", unix.NFS_SUPER_MAGIC, false},
		{"6.18.44", 0, false},

		{"", unix.EXT4_SUPER_MAGIC, false},
		{"6", unix.EXT4_SUPER_MAGIC, false},
		{"six.18", unix.EXT4_SUPER_MAGIC, false},
		{"6.x", unix.EXT4_SUPER_MAGIC, false},
	} {
		if got := vfs.TellsFailures(tt.release, tt.fsType); got != tt.want {
			t.Errorf("%q, type %#x: %v", tt.release, tt.fsType, got)
		}
	}
}

// A mounted directory is out of SyncAll's reach, and its device says so.
func TestDeviceTellsAMount(t *testing.T) {
	fsys := open(t, "/")
	root, err := vfs.Stat(fsys, ".")
	if err != nil {
		t.Fatal(err)
	}
	list, err := vfs.StatDir(fsys, ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range list {
		switch {
		case i.Name == "proc" && i.Device == root.Device:
			t.Errorf("/proc is said to be on the device of /, %d", i.Device)
		case i.Name == "etc" && i.Device == 0:
			t.Error("/etc has no device")
		}
	}
}
