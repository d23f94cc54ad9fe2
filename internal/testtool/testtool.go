// Package testtool is what tests of several packages need: the material that
// lies beside the repository, and a word for what is missing.
package testtool

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// Missing ends a test that needs what this machine does not have: skipped for a
// person, who is told what to install, failed in CI, where nothing may be
// missing.
func Missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("missing in CI: "+format, args...)
	}
	t.Skipf("missing: "+format, args...)
}

// Shared returns the path of material that lies in the folder shared beside the
// repository: real candles, and a directory that backtest-kit wrote. The test
// ends with Missing where it is not there.
func Shared(t testing.TB, elem ...string) string {
	t.Helper()
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for !exists(t, filepath.Join(root, "go.work")) {
		up := filepath.Dir(root)
		if up == root {
			t.Fatal("this test runs in a checkout of the repository")
		}
		root = up
	}
	path := filepath.Join(append([]string{root, "..", "shared"}, elem...)...)
	if !exists(t, path) {
		Missing(t, "%s, beside the repository", filepath.Join(append([]string{"shared"}, elem...)...))
	}
	return path
}

func exists(t testing.TB, path string) bool {
	t.Helper()
	_, err := os.Lstat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return err == nil
}

// Figures keeps what a test has measured as name.json in the directory that the
// environment variable HOLDFAST_FIGURES names, if it names one.
func Figures(t testing.TB, name string, figures any) {
	t.Helper()
	dir := os.Getenv("HOLDFAST_FIGURES")
	if dir == "" {
		return
	}
	data, err := json.MarshalIndent(figures, "", "  ")
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".json"), append(data, '\n'), 0o600)
	}
	if err != nil {
		t.Errorf("keep the figures: %v", err)
	}
}
