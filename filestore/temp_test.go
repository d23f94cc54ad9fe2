package filestore_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

// Temporary files of dead writers are swept and reported; what is not one, or
// may be in use, stays.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	in := "signal/strategy-a/"
	old := time.Now().Add(-2 * time.Hour)
	dead := in + ".tmp-0123456789abcdef-BTCUSDT.json"
	deadInQuarantine := ".holdfast/quarantine/x/.tmp-0123456789abcdef-bytes"
	foreignOld := in + ".tmp-0123456789ab-BTCUSDT.json" // as backtest-kit names them
	foreignYoung := in + ".tmp-ba9876543210-BTCUSDT.json"
	strange := []string{in + ".tmp-note.json", in + ".tmp-0123456789abcdeg-x.json", in + "x.tmp", in + ".tmp-0123456789abcdef"}
	for _, name := range append([]string{dead, deadInQuarantine, foreignOld, foreignYoung}, strange...) {
		write(t, dir, name, `1`)
		if name != foreignYoung {
			must(t, os.Chtimes(filepath.Join(dir, name), old, old))
		}
	}
	live := start(t, "write", dir)
	if got := live.line(t); got != "writing" {
		t.Fatal(got)
	}
	s := open(t, dir, nil)
	var swept []string
	for _, f := range s.Report().Findings {
		if f.Problem != driver.ProblemStaleTemp || f.Action != driver.ActionSweep || f.Damage() {
			t.Errorf("the report says %+v", f)
		}
		swept = append(swept, strings.TrimPrefix(f.Path, dir+"/"))
	}
	slices.Sort(swept)
	if want := []string{deadInQuarantine, foreignOld, dead}; !slices.Equal(swept, want) {
		t.Errorf("swept %q, want %q", swept, want)
	}
	left := tree(t, dir)
	for _, name := range append([]string{foreignYoung, in + ".tmp-fedcba9876543210-BTCUSDT.json"}, strange...) {
		if !strings.Contains(left, name+" ") {
			t.Errorf("%s is gone", name)
		}
	}
	// What merely looks like one has an id like others.
	want := []string{".tmp-0123456789abcdeg-x", ".tmp-note"}
	if got := ids(t, s, btc.Entity); !slices.Equal(got, want) {
		t.Errorf("ids %q, want %q", got, want)
	}
	closeStore(t, s)
	live.kill(t)
	if n := len(open(t, dir, nil).Report().Findings); n != 1 {
		t.Errorf("after the live writer died: %d findings", n)
	}
}

// An id that looks like a temporary file is kept from being swept.
func TestIDsThatLookLikeTemps(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, nil)
	var keys []driver.Key
	for _, id := range []string{".tmp-0123456789abcdef-x", ".tmp-0123456789ab-x", ".TMP-0123456789ABCDEF-X", ".tmp-0123456789abcdef-x.json", ".tmp-", ".tmp-x"} {
		k := driver.Key{Entity: "signal", ID: id}
		put(t, s, k, `1`)
		keys = append(keys, k)
	}
	closeStore(t, s)
	old := time.Now().Add(-2 * time.Hour)
	files, err := filepath.Glob(filepath.Join(dir, "signal", "*"))
	must(t, err)
	for _, f := range files {
		must(t, os.Chtimes(f, old, old))
	}
	s = open(t, dir, nil)
	for _, k := range keys {
		wantValue(t, s, k, `1`)
	}
	if got := ids(t, s, "signal"); len(got) != len(keys) {
		t.Errorf("ids %q", got)
	}
}

// A temporary file that belongs to somebody else is no reason to stay closed;
// a disk that cannot be read is.
func TestSweepForbidden(t *testing.T) {
	for err, opens := range map[error]bool{syscall.EACCES: true, syscall.EIO: false} {
		dir := t.TempDir()
		write(t, dir, "signal/strategy-a/.tmp-0123456789abcdef-x.json", `1`)
		write(t, dir, btcFile, `1`)
		fsys := faultfs.New(osFS(t, dir), faultfs.Rule{Op: faultfs.OpOpenFile, Path: ".tmp-*", Sticky: true, Err: err})
		s, got := filestore.Open(t.Context(), dir, direct(&filestore.Options{FS: fsys}))
		if (got == nil) != opens {
			t.Errorf("%v: Open gives %v", err, got)
		}
		if got != nil {
			continue
		}
		wantValue(t, s, btc, `1`)
		if f := s.Report().Findings; len(f) != 1 || f[0].Action != driver.ActionNone || f[0].Detail == "" {
			t.Errorf("the report says %+v", f)
		}
		closeStore(t, s)
	}
}
