package vfs_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/internal/testtool"
	"github.com/holdfast-go/holdfast/vfs"
)

// createAndSync is what the traced process does.
func createAndSync(dir string) error {
	fsys, err := vfs.OpenOS(dir, &vfs.OSOptions{Create: true})
	if err != nil {
		return err
	}
	f, err := fsys.OpenFile("x", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := vfs.Datasync(f); err != nil {
		return err
	}
	if err := vfs.SyncAll(fsys); !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}

// Seen from the kernel: syncs that only seem to happen would pass every other
// test.
func TestSyncsReachTheKernel(t *testing.T) {
	if dir := os.Getenv("VFS_TEST_TRACED"); dir != "" {
		if err := createAndSync(dir); err != nil {
			t.Fatal(err)
		}
		return
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		testtool.Missing(t, "strace")
	}
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(top, "a", "b")
	want := []string{fmt.Sprintf(`fdatasync\(\d+<%s>`, regexp.QuoteMeta(filepath.Join(dir, "x")))}
	if vfs.SyncAll(open(t, top)) == nil {
		root := regexp.QuoteMeta(dir)
		want = append(want, fmt.Sprintf(`(?s)syncfs\(\d+<%s>.*fsync\(\d+<%s>`, root, root))
	}
	for d := dir; d != "/"; {
		d = filepath.Dir(d)
		want = append(want, fmt.Sprintf(`fsync\(\d+<%s>`, regexp.QuoteMeta(d)))
	}
	b := traced(t, strace, dir)
	for _, call := range want {
		if !regexp.MustCompile(call).Match(b) {
			t.Errorf("no %s in\n%s", call, b)
		}
	}
}

// traced runs the calling test in another process, which has dir to work on, and
// returns its syncs.
func traced(t *testing.T, strace, dir string) []byte {
	t.Helper()
	trace := filepath.Join(t.TempDir(), "trace")
	cmd := exec.Command(strace, "-f", "-y", "-o", trace, "-e", "trace=fsync,fdatasync,syncfs", os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "VFS_TEST_TRACED="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		if strings.Contains(string(out), "--- FAIL") {
			t.Fatalf("%s", out)
		}
		testtool.Missing(t, "strace that works: %v %s", err, out)
	}
	b, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
