package filestore_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
	"github.com/holdfast-go/holdfast/internal/testtool"
)

// The errors that other tests inject, as a real kernel gives them.

func init() { roles["nobody"] = asNobody }

// unable ends a test that needs the rights of root.
func unable(t *testing.T, err error) {
	t.Helper()
	testtool.Missing(t, "the rights of root: %v", err)
}

// mountTmpfs mounts a small file system of its own.
func mountTmpfs(t *testing.T, options string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "disk")
	must(t, os.Mkdir(dir, 0o700))
	if err := syscall.Mount("holdfast-test", dir, "tmpfs", 0, options); err != nil {
		unable(t, err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

func TestRealFullDisk(t *testing.T) {
	dir := mountTmpfs(t, "size=256k")
	s := open(t, dir, nil)
	defer s.Close() // before the unmount
	put(t, s, btc, `"old"`)
	filler, err := os.Create(filepath.Join(dir, "filler"))
	must(t, err)
	if _, err := io.Copy(filler, zeros{}); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("filling the disk: %v", err)
	}
	must(t, filler.Close())
	for range 2 {
		if err := s.Put(t.Context(), btc, []byte(`"new"`)); !errors.Is(err, syscall.ENOSPC) || errors.Is(err, driver.ErrStopped) {
			t.Fatalf("Put on a full disk: %v", err)
		}
		wantValue(t, s, btc, `"old"`)
		wantNoTemps(t, dir)
	}
	closeStore(t, s)
	s = open(t, dir, nil) // with a LOCK that cannot be written
	defer s.Close()
	wantValue(t, s, btc, `"old"`)
	must(t, os.Remove(filler.Name()))
	put(t, s, btc, `"new"`)
	wantValue(t, s, btc, `"new"`)
	closeStore(t, s)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestRealReadOnlyFileSystem(t *testing.T) {
	dir := mountTmpfs(t, "size=1m")
	s := open(t, dir, nil)
	put(t, s, btc, `1`)
	closeStore(t, s)
	must(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	before := tree(t, dir)
	_, err := filestore.Open(t.Context(), dir, direct(nil))
	if !errors.Is(err, syscall.EROFS) || !strings.Contains(err.Error(), "mode=ro") || !strings.Contains(err.Error(), dir) {
		t.Errorf("Open for writing: %v", err)
	}
	ro := open(t, dir, &filestore.Options{ReadOnly: true})
	defer ro.Close()
	wantValue(t, ro, btc, `1`)
	if after := tree(t, dir); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	closeStore(t, ro)
}

func TestNotAFileSpecial(t *testing.T) {
	for name, lay := range map[string]func(t *testing.T, file string){
		"socket": func(t *testing.T, file string) { must(t, syscall.Mknod(file, syscall.S_IFSOCK|0o600, 0)) },
		"device": func(t *testing.T, file string) {
			const zero = 1<<8 | 5 // /dev/zero: to read it would never end
			if err := syscall.Mknod(file, syscall.S_IFCHR|0o600, zero); err != nil {
				unable(t, err)
			}
		},
	} {
		for _, when := range []string{"Open", "Get", "Put", "Delete"} {
			t.Run(name+" "+when, func(t *testing.T) { notAFile(t, lay, when) })
		}
	}
}

const nobody = 65534

// TestRealPermissions: what a user may not read is an error, never absent and
// never damage, and moves nothing.
func TestRealPermissions(t *testing.T) {
	if os.Getuid() != 0 {
		unable(t, errors.New("this user cannot become another one"))
	}
	top, exe := publicDir(t)
	for name, c := range map[string]struct {
		forbid func(dir string)
		want   string
	}{
		"nothing":             {func(string) {}, "open ok, get ok, has true, put ok, other put ok"},
		"a value unreadable":  {func(dir string) { deny(t, filepath.Join(dir, btcFile), 0) }, "open EACCES, ro get EACCES"},
		"an entity forbidden": {func(dir string) { deny(t, filepath.Join(dir, "signal"), 0) }, "open EACCES, ro get EACCES"},
		"an entity unwritable": {func(dir string) { deny(t, filepath.Join(dir, "signal/strategy-a"), 0o555) },
			"open ok, get ok, has true, put EACCES, other put ok"},
		"the base unwritable": {func(dir string) {
			must(t, os.RemoveAll(filepath.Join(dir, ".holdfast")))
			deny(t, dir, 0o555)
		}, "open EACCES, ro get ok"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(top, strings.ReplaceAll(name, " ", "-"))
			s := open(t, dir, nil)
			put(t, s, btc, `1`)
			put(t, s, safe, `1`)
			closeStore(t, s)
			must(t, filepath.WalkDir(dir, func(p string, _ fs.DirEntry, err error) error {
				return errors.Join(err, os.Chown(p, nobody, nobody))
			}))
			c.forbid(dir)
			before := tree(t, dir)
			child := start(t, "nobody", dir, func(cmd *exec.Cmd) {
				cmd.Path = exe
				cmd.Dir = "/"
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
			})
			if got := child.line(t); got != c.want {
				t.Errorf("it says %q, want %q", got, c.want)
			}
			must(t, child.Wait())
			if after := tree(t, dir); strings.Contains(c.want, "EACCES") && !strings.Contains(c.want, "put ok") && after != before {
				t.Errorf("before:\n%s\nafter:\n%s", before, after)
			}
		})
	}
}

// deny gives a file to root, with a mode.
func deny(t *testing.T, file string, mode os.FileMode) {
	must(t, os.Chown(file, 0, 0))
	must(t, os.Chmod(file, mode))
}

// publicDir is a directory that every user reaches, with the test binary in it.
func publicDir(t *testing.T) (dir, exe string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "filestore-*")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755))
	self, err := os.Executable()
	must(t, err)
	exe = filepath.Join(dir, "filestore.test")
	if os.Link(self, exe) != nil {
		data, err := os.ReadFile(self)
		must(t, err)
		must(t, os.WriteFile(exe, data, 0o755))
	}
	must(t, os.Chmod(exe, 0o755))
	return dir, exe
}

// asNobody says in one line what a user without rights meets.
func asNobody(dir string) error {
	ctx := context.Background()
	s, err := filestore.Open(ctx, dir, direct(nil))
	if err != nil {
		ro, roErr := filestore.Open(ctx, dir, direct(&filestore.Options{ReadOnly: true}))
		if roErr != nil {
			return roErr
		}
		_, getErr := ro.Get(ctx, btc)
		fmt.Printf("open %s, ro get %s\n", word(err), word(getErr))
		return ro.Close()
	}
	_, getErr := s.Get(ctx, btc)
	has, _ := s.Has(ctx, btc)
	putErr := s.Put(ctx, btc, []byte(`2`))
	otherErr := s.Put(ctx, safe, []byte(`2`))
	fmt.Printf("open ok, get %s, has %v, put %s, other put %s\n", word(getErr), has, word(putErr), word(otherErr))
	return s.Close()
}

func word(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, syscall.EACCES):
		return "EACCES"
	}
	return err.Error()
}
