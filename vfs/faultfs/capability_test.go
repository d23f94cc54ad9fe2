package faultfs_test

import (
	"errors"
	"reflect"
	"syscall"
	"testing"

	"github.com/holdfast-go/holdfast/vfs"
	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

// noCaps is a file system without the optional methods.
type noCaps struct{ vfs.FS }

// allCaps has them, and answers what no other does.
type allCaps struct {
	vfs.FS
	listed string
}

func (c *allCaps) StatDir(name string) ([]vfs.Info, error) {
	c.listed = name
	return []vfs.Info{{Name: "from StatDir"}}, nil
}

func (c *allCaps) SyncAll() error { return syscall.EDQUOT }

// wrappers make a file system of each kind here.
var wrappers = map[string]func(vfs.FS) vfs.FS{
	"FS":   func(fsys vfs.FS) vfs.FS { return faultfs.New(fsys) },
	"Disk": func(fsys vfs.FS) vfs.FS { return faultfs.NewDisk(fsys, 100) },
}

func TestCapabilitiesArePassedThrough(t *testing.T) {
	for kind, wrap := range wrappers {
		below := &allCaps{FS: inner(t)}
		fsys := wrap(below)
		list, err := vfs.StatDir(fsys, "d")
		if err != nil || len(list) != 1 || list[0].Name != "from StatDir" || below.listed != "d" {
			t.Errorf("%s: StatDir of %q: %v %v", kind, below.listed, list, err)
		}
		if err := vfs.SyncAll(fsys); !errors.Is(err, syscall.EDQUOT) {
			t.Errorf("%s: SyncAll: %v", kind, err)
		}
	}
}

func TestMissingCapabilitiesAreMissing(t *testing.T) {
	for kind, wrap := range wrappers {
		in := inner(t)
		fsys := wrap(noCaps{in})
		create(t, fsys, "x")
		got, err := vfs.StatDir(fsys, ".")
		if err != nil {
			t.Fatal(err)
		}
		want, err := vfs.StatDir(in, ".")
		if err != nil || len(want) != 1 || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: StatDir: %v, want %v %v", kind, got, want, err)
		}
		if err := vfs.SyncAll(fsys); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: SyncAll: %v", kind, err)
		}
	}
}

func TestFailedCapabilities(t *testing.T) {
	fsys := faultfs.New(noCaps{inner(t)},
		faultfs.Rule{Op: faultfs.OpStatDir, Path: "d", Nth: 2, Err: syscall.EMFILE},
		faultfs.Rule{Op: faultfs.OpSyncAll, Path: "."},
		faultfs.Rule{Op: faultfs.OpReadDir, Sticky: true})
	if err := fsys.Mkdir("d", 0o700); err != nil {
		t.Fatal(err)
	}
	for i, want := range []error{nil, syscall.EMFILE, nil} {
		if _, err := vfs.StatDir(fsys, "d"); !errors.Is(err, want) {
			t.Errorf("StatDir %d: %v, want %v", i, err, want)
		}
	}
	if err := vfs.SyncAll(fsys); !errors.Is(err, syscall.EIO) || errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("SyncAll: %v", err)
	}
	if n := fsys.Calls(faultfs.OpReadDir); n != 0 {
		t.Errorf("%d listings beneath were counted", n)
	}
}
