package filestore_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/holdfast-go/holdfast/filestore"
	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

// One file that cannot be written holds up nothing else, and its value is safe
// for as long as that lasts.
func TestJournalStuckFile(t *testing.T) {
	t.Parallel()
	for name, rule := range map[string]faultfs.Rule{
		"rename": {Op: faultfs.OpRename, Path: btcFile},
		"create": {Op: faultfs.OpOpenFile, Path: ".tmp-*-BTCUSDT.json"},
		"write":  {Op: faultfs.OpWrite, Path: ".tmp-*-BTCUSDT.json", Err: syscall.EIO},
		"look":   {Op: faultfs.OpLstat, Path: btcFile, Err: syscall.EIO},
	} {
		for _, others := range []int{3, 40} {
			if others == 40 && strings.HasPrefix(rule.Path, ".tmp-") {
				continue // among many it is written into a spare file, which bears no name
			}
			t.Run(fmt.Sprintf("%s, %d others", name, others), func(t *testing.T) {
				t.Parallel()
				rule.Sticky = true
				if rule.Err == nil {
					rule.Err = syscall.EACCES
				}
				stuckFile(t, rule, others)
			})
		}
	}
}

// wantStuck checks that an error names the value and the reason.
func wantStuck(t *testing.T, what string, err, cause error) {
	t.Helper()
	if !errors.Is(err, cause) || !strings.Contains(err.Error(), btc.String()) || !strings.Contains(err.Error(), "BTCUSDT.json") {
		t.Fatalf("%s: %v", what, err)
	}
}

func stuckFile(t *testing.T, rule faultfs.Rule, others int) {
	dir := ramDir(t)
	s, fsys := faulty(t, dir, filestore.Options{Journal: filestore.On, HistorySize: 4 << 20})
	put(t, s, btc, `"old"`)
	must(t, s.Flush(t.Context()))
	fsys.Add(rule)
	put(t, s, btc, `"stuck"`)
	m := acked{}
	for i := range 600 { // several times what the journal holds
		k := numbered(i % others)
		m[k] = sized(i, 20_000)
		put(t, s, k, m[k])
	}
	wantStuck(t, "Flush", s.Flush(t.Context()), rule.Err)
	for k, data := range m {
		wantFile(t, dir, k, data)
	}
	wantFile(t, dir, btc, `"old"`)
	m[btc] = `"stuck"`
	m.check(t, s)
	dead := journal(t, stilled(t, dir, fsys), nil)
	m.check(t, dead)
	wantStuck(t, "Close", s.Close(), rule.Err)

	s, fsys = faulty(t, dir, filestore.Options{Journal: filestore.On, FS: fsys, HistorySize: 4 << 20})
	m.check(t, s)
	if rule.Op != faultfs.OpLstat {
		fsys.Add(rule)
		wantStuck(t, "Flush after opening", s.Flush(t.Context()), rule.Err)
		fsys.Clear()
	}
	must(t, s.Flush(t.Context()))
	m.checkFiles(t, dir)
	closeStore(t, s)
	for name, s := range map[string]*filestore.Store{"closed": journal(t, dir, nil), "killed": dead} {
		m.check(t, s)
		if r := s.Report(); len(r.Findings) != 0 {
			t.Errorf("%s: found %+v", name, r.Findings)
		}
	}
}

// packs lists the snapshots.
func packs(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, ".holdfast", "snapshot", "*.pack"))
	must(t, err)
	return files
}

// A removal that cannot be carried out is made good later, and the value does
// not come back until then.
func TestJournalStuckRemoval(t *testing.T) {
	t.Parallel()
	dir := ramDir(t)
	s, fsys := faulty(t, dir, filestore.Options{Journal: filestore.On, HistorySize: 4 << 20})
	put(t, s, btc, `"old"`)
	must(t, s.Flush(t.Context()))
	fsys.Add(faultfs.Rule{Op: faultfs.OpRemove, Path: btcFile, Err: syscall.EACCES, Sticky: true})
	must(t, s.Delete(t.Context(), btc))
	for i := range 400 {
		put(t, s, eth, sized(i, 20_000))
	}
	before := packs(t, dir)
	for i := 0; slices.Equal(packs(t, dir), before); i++ { // until the snapshot is written anew
		put(t, s, eth, sized(i, 1_000_000))
		wantStuck(t, "Flush", s.Flush(t.Context()), syscall.EACCES)
	}
	wantAbsent(t, s, btc)
	dead := journal(t, stilled(t, dir, fsys), nil)
	wantAbsent(t, dead, btc)
	must(t, dead.Flush(t.Context()))
	wantStuck(t, "Close", s.Close(), syscall.EACCES)
	s = journal(t, dir, nil)
	wantAbsent(t, s, btc)
	must(t, s.Flush(t.Context()))
	closeStore(t, s)
	if _, err := os.Lstat(filepath.Join(dir, btcFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file of a removed value: %v", err)
	}
	if r := s.Report(); len(r.Findings) != 0 {
		t.Errorf("found %+v", r.Findings)
	}
}
