package vfs_test

import (
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

// createAndDatasync is what the traced process does.
func createAndDatasync(dir string) error {
	fsys, err := vfs.OpenOS(dir, &vfs.OSOptions{Create: true})
	if err != nil {
		return err
	}
	f, err := fsys.OpenFile("x", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return vfs.Datasync(f)
}

// Seen from the kernel: syncs that only seem to happen would pass every other
// test.
func TestSyncsReachTheKernel(t *testing.T) {
	if dir := os.Getenv("VFS_TEST_TRACED"); dir != "" {
		if err := createAndDatasync(dir); err != nil {
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
	dir, trace := filepath.Join(top, "a", "b"), filepath.Join(t.TempDir(), "trace")
	cmd := exec.Command(strace, "-f", "-y", "-o", trace, "-e", "trace=fsync,fdatasync", os.Args[0], "-test.run=^"+t.Name()+"$")
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
	want := []string{fmt.Sprintf(`fdatasync\(\d+<%s>`, regexp.QuoteMeta(filepath.Join(dir, "x")))}
	for d := dir; d != "/"; {
		d = filepath.Dir(d)
		want = append(want, fmt.Sprintf(`fsync\(\d+<%s>`, regexp.QuoteMeta(d)))
	}
	for _, call := range want {
		if !regexp.MustCompile(call).Match(b) {
			t.Errorf("no %s in\n%s", call, b)
		}
	}
}
