package filestore_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
)

// What other hands do to the files of a journalled store.

// Damaged bytes that are in a checkpoint's way are evidence.
func TestCheckpointKeepsDamage(t *testing.T) {
	t.Parallel()
	for name, damage := range damages {
		for _, remove := range []bool{false, true} {
			for _, others := range []int{0, 30} {
				dir := ramDir(t)
				s := journal(t, dir, nil)
				put(t, s, btc, `"old"`)
				must(t, s.Flush(t.Context()))
				must(t, damage(filepath.Join(dir, btcFile)))
				m := acked{}
				ops := []driver.Op{{Key: btc, Delete: remove, Data: []byte(`"new"`)}}
				for i := range others {
					m[numbered(i)] = `1`
					ops = append(ops, driver.Op{Key: numbered(i), Data: []byte(`1`)})
				}
				if !remove {
					m[btc] = `"new"`
				}
				must(t, s.Apply(t.Context(), nil, ops))
				must(t, s.Flush(t.Context()))
				m.check(t, s)
				m.checkFiles(t, dir)
				if n := len(kept(t, dir, "bytes")) + len(kept(t, dir, "original")); n != 1 {
					t.Errorf("%s: %d copies in quarantine:\n%s", name, n, tree(t, dir))
				}
				closeStore(t, s)
				s = journal(t, dir, nil)
				m.check(t, s)
				if r := s.Report(); len(r.Findings) != 0 {
					t.Errorf("%s: found %+v", name, r.Findings)
				}
			}
		}
	}
}

// A directory that somebody has removed is made again.
func TestCheckpointMakesDirectoriesAgain(t *testing.T) {
	t.Parallel()
	for _, others := range []int{1, 30} {
		dir := ramDir(t)
		s := journal(t, dir, nil)
		for round := range 3 {
			m := acked{}
			for i := range others {
				m[numbered(i)] = sized(round, 50)
				put(t, s, numbered(i), m[numbered(i)])
			}
			must(t, s.Flush(t.Context()))
			m.checkFiles(t, dir)
			must(t, os.RemoveAll(filepath.Join(dir, "signal")))
		}
		must(t, s.Delete(t.Context(), numbered(0)))
		must(t, s.Flush(t.Context()))
		wantAbsent(t, s, numbered(0))
		closeStore(t, s)
	}
}

// touch makes the file of a value look as if somebody had been at it.
func touch(t *testing.T, dir string) {
	t.Helper()
	must(t, os.Chtimes(filepath.Join(dir, btcFile), time.Time{}, time.Now().Add(-time.Hour)))
}

// A file that was found to be right when the store was opened is right for the
// value of then, and not for what comes after it.
func TestCheckpointAfterATouch(t *testing.T) {
	t.Parallel()
	for _, hand := range []func(*testing.T, string){
		touch,
		func(t *testing.T, dir string) { write(t, dir, btcFile, `"by hand"`) },
		func(t *testing.T, dir string) { must(t, os.RemoveAll(filepath.Join(dir, ".holdfast"))) },
	} {
		for _, want := range []string{"", `"new"`} {
			dir := ramDir(t)
			s := journal(t, dir, nil)
			put(t, s, btc, `"old"`)
			closeStore(t, s)
			hand(t, dir)
			s = journal(t, dir, nil)
			m := acked{}
			if want == "" {
				must(t, s.Delete(t.Context(), btc))
			} else {
				put(t, s, btc, want)
				m[btc] = want
			}
			closeStore(t, s)
			m.checkFiles(t, dir)
			s = journal(t, dir, &filestore.Options{Verify: true})
			m.check(t, s)
			if r := s.Report(); len(r.Findings) != 0 {
				t.Errorf("found %+v", r.Findings)
			}
			closeStore(t, s)
			m.check(t, open(t, dir, nil))
		}
	}
}
