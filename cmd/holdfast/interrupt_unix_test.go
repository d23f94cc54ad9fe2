//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A pipe with a name cannot be opened before somebody comes to write to it, and
// then may be silent.
func TestPipesWithANameCanBeInterrupted(t *testing.T) {
	for _, args := range []string{"put e a FIFO", "import FIFO", "live --symbol S --candles FIFO"} {
		for _, written := range []bool{false, true} {
			store, dir := newStore(t)
			fifo := filepath.Join(t.TempDir(), "fifo")
			if err := syscall.Mkfifo(fifo, 0o600); err != nil {
				t.Fatal(err)
			}
			writer := func() {
				w, err := os.OpenFile(fifo, os.O_RDWR, 0) // which waits for no reader
				if err != nil {
					t.Error(err)
				}
				t.Cleanup(func() { w.Close() })
			}
			if written {
				writer()
			} else {
				t.Cleanup(writer) // what waits in the background ends with the test
			}
			r := interruptedRun(t, strings.NewReader(""), func() {}, append([]string{store}, strings.Fields(strings.ReplaceAll(args, "FIFO", fifo))...)...)
			switch {
			case strings.HasPrefix(args, "put"):
				r.fails(t, exitFailed, "interrupted", "nothing was changed")
			case strings.HasPrefix(args, "import"):
				r.fails(t, exitFailed, "import", "interrupted")
			case !written:
				r.ok(t)
			}
			if _, err := os.Stat(dir); !written && !os.IsNotExist(err) {
				t.Errorf("%s: the store was touched: %v", args, err)
			}
		}
	}
}
