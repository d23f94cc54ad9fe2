//go:build unix

package atomicfile_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/holdfast-go/holdfast/atomicfile"
)

func TestWritePermissionBits(t *testing.T) {
	for _, tt := range []struct {
		umask      int
		perm, want fs.FileMode
	}{{0, 0, 0o600}, {0, 0o664, 0o664}, {0o022, 0o666, 0o644}, {0o277, 0, 0o400}} {
		fsys, _ := open(t)
		func() {
			defer syscall.Umask(syscall.Umask(tt.umask))
			if err := atomicfile.Write(fsys, "x", nil, &atomicfile.Options{Perm: tt.perm}); err != nil {
				t.Fatal(err)
			}
		}()
		fi, err := fsys.Lstat("x")
		if err != nil || fi.Mode().Perm() != tt.want {
			t.Errorf("%o less %o: %v %v", tt.perm, tt.umask, fi.Mode().Perm(), err)
		}
	}
}

// A link in the place of a file is replaced; what it leads to stays.
func TestWriteReplacesALink(t *testing.T) {
	fsys, dir := open(t)
	outside := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(outside, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "x")); err != nil {
		t.Fatal(err)
	}
	put(t, fsys, "x", "new")
	wantContent(t, fsys, "x", "new")
	if b, err := os.ReadFile(outside); err != nil || string(b) != "precious" {
		t.Errorf("outside: %q %v", b, err)
	}
}
