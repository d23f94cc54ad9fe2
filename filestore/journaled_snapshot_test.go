package filestore_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
)

// grown is the directory of a store with a past: three values that each had an
// older state, and one that was removed. reused says that the journal has given
// up all that, so that only the snapshot and the files know of it.
func grown(t *testing.T, reused bool) string {
	t.Helper()
	dir := ramDir(t)
	s := still(t, dir, &filestore.Options{HistorySize: 1})
	put(t, s, gone, `{"is":"to go"}`)
	put(t, s, btc, `{"is":"an older"}`)
	flush(t, s)
	putAll(t, s, three)
	flush(t, s)
	remove(t, s, gone)
	flush(t, s)
	large := driver.Key{Entity: "large", ID: "x"}
	for i := range 24 { // not flushed, so that they do not fill the snapshot
		if reused {
			put(t, s, large, fmt.Sprintf(`{"n":%d,"pad":%q}`, i, strings.Repeat("x", 400<<10)))
		}
	}
	put(t, s, large, `0`)
	if left := story(t, s, btc); reused != (len(left) == 1) {
		t.Fatalf("the history is %q", left)
	}
	closeStore(t, s)
	return dir
}

// hurts are ways in which a snapshot suffers.
var hurts = map[string]func(file string, data []byte) error{
	"deleted": func(file string, data []byte) error { return os.Remove(file) },
	"directory deleted": func(file string, data []byte) error {
		return os.RemoveAll(filepath.Dir(file))
	},
	"empty":         func(file string, data []byte) error { return os.Truncate(file, 0) },
	"cut in head":   func(file string, data []byte) error { return os.Truncate(file, 20) },
	"cut early":     func(file string, data []byte) error { return os.Truncate(file, 40) },
	"cut":           func(file string, data []byte) error { return os.Truncate(file, int64(len(data))/2) },
	"cut at commit": func(file string, data []byte) error { return os.Truncate(file, int64(len(data))-72) },
	"garbage": func(file string, data []byte) error {
		return os.WriteFile(file, bytes.Repeat([]byte("?!"), 300), 0o600)
	},
	"head":        flipAt(func(data []byte) int { return 9 }),
	"magic":       flipAt(func(data []byte) int { return 0 }),
	"first entry": flipAt(func(data []byte) int { return 32 }),
	"a key":       flipAt(func(data []byte) int { return bytes.LastIndex(data, []byte("ETHUSDT")) }),
	"data":        flipAt(func(data []byte) int { return bytes.LastIndex(data, []byte("the second")) }),
	"old data":    flipAt(func(data []byte) int { return bytes.Index(data, []byte("an older")) }),
	"removal":     flipAt(func(data []byte) int { return bytes.LastIndex(data, []byte("conservativegone")) }),
	"last byte":   flipAt(func(data []byte) int { return len(data) - 1 }),
}

func flipAt(find func(data []byte) int) func(file string, data []byte) error {
	return func(file string, data []byte) error {
		data = bytes.Clone(data)
		data[find(data)] ^= 0x41
		return os.WriteFile(file, data, 0o600)
	}
}

// Whatever becomes of the snapshot, no value is wrong or comes back, with the
// whole journal or without. Where a part of it was cut off that the journal does
// not have any more, that looks like a lost part of the journal: Open refuses,
// and salvage has every value.
func TestDamagedSnapshot(t *testing.T) {
	t.Parallel()
	for _, reused := range []bool{false, true} {
		dir := grown(t, reused)
		for name, hurt := range hurts {
			t.Run(fmt.Sprintf("%s, reused %v", name, reused), func(t *testing.T) {
				t.Parallel()
				copied := duplicate(t, dir, true)
				file := snapshotFile(t, copied)
				data, err := os.ReadFile(file)
				must(t, err)
				must(t, hurt(file, data))
				evidence, _ := os.ReadFile(file)
				o := &filestore.Options{HistorySize: 1, Journal: filestore.On}
				s, err := filestore.Open(t.Context(), copied, o)
				refused := errors.Is(err, driver.ErrDamaged) && strings.Contains(err.Error(), "salvage=on")
				if refused && reused && strings.HasPrefix(name, "cut") {
					o.Salvage = true
					s, err = filestore.Open(t.Context(), copied, o)
				}
				must(t, err)
				wantGrown(t, s)
				wantSnapshotTold(t, copied, s, name, reused, evidence)
				filestore.Kill(s)
				s = journal(t, copied, &filestore.Options{HistorySize: 1})
				wantFindings(t, s)
				wantGrown(t, s)
				closeStore(t, s)
			})
		}
	}
}

func snapshotFile(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, ".holdfast", "snapshot", "*.pack"))
	must(t, err)
	if len(files) == 0 {
		t.Fatal("there is no snapshot")
	}
	return slices.Max(files)
}

func wantGrown(t *testing.T, s *filestore.Store) {
	t.Helper()
	for k, data := range three {
		wantValue(t, s, k, data)
	}
	wantAbsent(t, s, gone)
}

// wantSnapshotTold checks the report, and that a copy is kept. A snapshot that
// ends early looks like one that was cut off while it was written, and one that
// was never there is not missed while the journal is whole.
func wantSnapshotTold(t *testing.T, dir string, s *filestore.Store, name string, reused bool, evidence []byte) {
	t.Helper()
	deleted := strings.HasSuffix(name, "deleted")
	if got := findings(s.Report()); len(got) == 0 {
		last := name == "last byte" || name == "cut at commit" // a commit that says nothing new
		if !last && (reused || !deleted && !strings.HasPrefix(name, "cut")) {
			t.Error("nothing is reported")
		}
		return
	}
	wantFindings(t, s, "journal/restored")
	if !deleted {
		wantKept(t, dir, evidence)
	}
}

// A store without a value has a snapshot that can be damaged, too.
func TestDamagedSnapshotOfNothing(t *testing.T) {
	t.Parallel()
	for _, journalToo := range []bool{false, true} {
		dir := ramDir(t)
		s := still(t, dir, nil)
		put(t, s, btc, first)
		flush(t, s)
		remove(t, s, btc)
		closeStore(t, s)
		must(t, os.WriteFile(snapshotFile(t, dir), []byte("garbage"), 0o600))
		if journalToo {
			must(t, os.RemoveAll(filepath.Join(dir, ".holdfast", "journal")))
		}
		s = still(t, dir, nil)
		wantFindings(t, s, "journal/restored")
		filestore.Kill(s)
		wantClean(t, dir, nil)
		wantAbsent(t, journal(t, dir, nil), btc)
	}
}

// Snapshot and file of a value are damaged, and the journal has given it up:
// then the value is damaged, and no older state takes its place.
func TestSnapshotAndFileDamaged(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"data", "head", "garbage", "deleted", "first entry"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := grown(t, true)
			file := snapshotFile(t, dir)
			data, err := os.ReadFile(file)
			must(t, err)
			must(t, hurts[name](file, data))
			must(t, damages["truncated"](filepath.Join(dir, "signal/strategy-a/ETHUSDT.json")))
			for i := range 3 {
				s := journal(t, dir, nil)
				if got := findings(s.Report()); (i == 0) != (len(got) == 2 && got[0] == "invalid-json/quarantined signal/strategy-a ETHUSDT") {
					t.Errorf("opening %d reports %q", i, got)
				}
				wantDamaged(t, s, eth)
				wantValue(t, s, btc, three[btc])
				wantValue(t, s, sol, three[sol])
				filestore.Kill(s)
			}
			s := journal(t, dir, nil)
			put(t, s, eth, `1`)
			closeStore(t, s)
			wantClean(t, dir, map[driver.Key]string{btc: three[btc], eth: `1`, sol: three[sol]})
		})
	}
}

// The same where the file is gone.
func TestSnapshotDamagedAndFileDeleted(t *testing.T) {
	t.Parallel()
	dir := grown(t, true)
	file := snapshotFile(t, dir)
	data, err := os.ReadFile(file)
	must(t, err)
	must(t, hurts["data"](file, data))
	must(t, os.Remove(filepath.Join(dir, "signal/strategy-a/ETHUSDT.json")))
	ro := open(t, dir, &filestore.Options{ReadOnly: true, Journal: filestore.On})
	wantDamaged(t, ro, eth)
	closeStore(t, ro)
	for i := range 3 {
		s := journal(t, dir, nil)
		wantDamaged(t, s, eth)
		wantValue(t, s, btc, three[btc])
		if i == 0 {
			wantFindings(t, s, "journal/quarantined signal/strategy-a ETHUSDT", "journal/restored")
		}
		filestore.Kill(s)
	}
}

// The journal's directory is deleted by hand: of no consequence for a store that
// was closed, and told of one that was not.
func TestJournalDeletedByHand(t *testing.T) {
	t.Parallel()
	for _, left := range []bool{true, false} { // the directory itself
		dir := lagging(t)
		drop := func() {
			must(t, os.RemoveAll(filepath.Join(dir, ".holdfast", "journal")))
			if left {
				must(t, os.Mkdir(filepath.Join(dir, ".holdfast", "journal"), 0o700))
			}
		}
		drop()
		_, err := filestore.Open(t.Context(), dir, nil)
		if !errors.Is(err, driver.ErrDamaged) || !strings.Contains(err.Error(), "salvage=on") {
			t.Fatalf("Open: %v", err)
		}
		s := journal(t, dir, &filestore.Options{Salvage: true})
		wantFindings(t, s, "journal/none")
		wantValue(t, s, eth, `"kept"`)
		put(t, s, btc, second)
		closeStore(t, s)
		drop()
		s = journal(t, dir, nil)
		wantFindings(t, s)
		wantValue(t, s, btc, second)
		wantValue(t, s, eth, `"kept"`)
		put(t, s, btc, first)
		filestore.Kill(s)
		wantClean(t, dir, map[driver.Key]string{btc: first, eth: `"kept"`})
	}
}
