package work_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-go/holdfast/bench/work"
)

// Large files do not wait for the end of a run: there may be no room for all of
// them. Small ones do, so that nobody pays for their removal.
func TestLargeFilesGoAtOnce(t *testing.T) {
	dir := t.TempDir()
	small, large := filepath.Join(dir, "a", "small.json"), filepath.Join(dir, "a", "b", "large.log")
	if err := os.MkdirAll(filepath.Dir(large), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, size := range map[string]int{small: 400, large: 1 << 20} {
		if err := os.WriteFile(name, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	is := func(name string, want bool) {
		t.Helper()
		if _, err := os.Lstat(name); (err == nil) != want {
			t.Errorf("%s is there: %v", filepath.Base(name), err == nil)
		}
	}
	work.Empty(dir, false)
	is(small, true)
	is(large, false)
	work.Empty(dir, true)
	is(dir, false)
}
