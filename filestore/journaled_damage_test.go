package filestore_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
	"github.com/holdfast-go/holdfast/vfs"
	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

// problems are what the damages are called in a report.
var problems = map[string]string{"empty": "empty", "truncated": "invalid-json", "garbage": "invalid-json", "directory": "not-a-file"}

// damagedClosed is the directory of a store that was closed, after which the
// file of btc was damaged, and the bytes that it holds now.
func damagedClosed(t *testing.T, how string) (dir string, evidence []byte) {
	t.Helper()
	dir = ramDir(t)
	s := still(t, dir, nil)
	put(t, s, btc, first)
	put(t, s, eth, `"kept"`)
	put(t, s, btc, second)
	closeStore(t, s)
	must(t, damages[how](filepath.Join(dir, btcFile)))
	evidence, _ = os.ReadFile(filepath.Join(dir, btcFile))
	return dir, evidence
}

// P4, P5: what is no value goes to quarantine as it was, and the value that was
// acknowledged is back in its place.
func TestJournalHealsDamage(t *testing.T) {
	t.Parallel()
	for how, problem := range problems {
		t.Run(how, func(t *testing.T) {
			dir, evidence := damagedClosed(t, how)
			s := still(t, dir, nil)
			wantFindings(t, s, problem+"/restored signal/strategy-a BTCUSDT")
			wantValue(t, s, btc, second)
			wantStory(t, s, btc, second, first)
			if f := s.Report().Findings[0]; f.Kept == "" || f.Damage() {
				t.Errorf("the finding is %+v", f)
			}
			if how == "directory" {
				if n := len(kept(t, dir, "original/sub")); n != 1 {
					t.Errorf("%d directories are kept", n)
				}
			} else {
				wantKept(t, dir, evidence)
			}
			if got, err := os.ReadFile(filepath.Join(dir, btcFile)); err != nil || string(got) != second {
				t.Errorf("the file holds %q, %v", got, err)
			}
			filestore.Kill(s)
			wantClean(t, dir, map[driver.Key]string{btc: second, eth: `"kept"`})
		})
	}
}

// wantKept checks that quarantine has these bytes, and no others.
func wantKept(t *testing.T, dir string, evidence []byte) {
	t.Helper()
	files := kept(t, dir, "bytes")
	if len(files) != 1 {
		t.Fatalf("in quarantine: %q", files)
	}
	if got, err := os.ReadFile(files[0]); err != nil || !bytes.Equal(got, evidence) {
		t.Fatalf("%q is kept, %v; want %q", got, err, evidence)
	}
}

// The same where the file lagged behind: its damage is not that of the value.
func TestJournalHealsDamageAfterKill(t *testing.T) {
	t.Parallel()
	for how, problem := range problems {
		t.Run(how, func(t *testing.T) {
			dir := lagging(t)
			must(t, damages[how](filepath.Join(dir, btcFile)))
			s := journal(t, dir, nil)
			wantFindings(t, s, problem+"/restored signal/strategy-a BTCUSDT")
			wantValue(t, s, btc, second)
			closeStore(t, s)
			wantClean(t, dir, map[driver.Key]string{btc: second, eth: `"kept"`})
		})
	}
}

// Damage where the journal knows of no value: a file that another hand has put
// there. The value is damaged until somebody puts or deletes it.
func TestJournalCannotHeal(t *testing.T) {
	t.Parallel()
	for how, problem := range problems {
		t.Run(how, func(t *testing.T) {
			dir := ramDir(t)
			s := still(t, dir, nil)
			put(t, s, eth, `"kept"`)
			closeStore(t, s)
			write(t, dir, btcFile, `?`)
			must(t, damages[how](filepath.Join(dir, btcFile)))
			s = journal(t, dir, nil)
			wantFindings(t, s, problem+"/quarantined signal/strategy-a BTCUSDT")
			wantDamaged(t, s, btc)
			filestore.Kill(s)
			s = journal(t, dir, nil)
			wantFindings(t, s, "quarantined/none signal/strategy-a BTCUSDT")
			wantDamaged(t, s, btc)
			remove(t, s, btc)
			wantAbsent(t, s, btc)
			filestore.Kill(s)
			wantAbsent(t, journal(t, dir, nil), btc)
		})
	}
}

// The policies: delete heals too, and keeps nothing; refuse touches nothing.
func TestJournalPolicies(t *testing.T) {
	t.Parallel()
	for how, problem := range problems {
		t.Run(how, func(t *testing.T) {
			dir, _ := damagedClosed(t, how)
			before := withoutOwn(tree(t, dir))
			_, err := filestore.Open(t.Context(), dir, &filestore.Options{Invalid: filestore.Refuse})
			if !errors.Is(err, driver.ErrDamaged) || !strings.Contains(err.Error(), "BTCUSDT") {
				t.Fatalf("refuse: %v", err)
			}
			if after := withoutOwn(tree(t, dir)); after != before || len(kept(t, dir, "*")) > 0 {
				t.Fatalf("refused, and changed it to\n%s", after)
			}
			if how == "directory" {
				return // not to be unlinked
			}
			s := journal(t, dir, &filestore.Options{Invalid: filestore.Delete})
			wantFindings(t, s, problem+"/restored signal/strategy-a BTCUSDT")
			wantValue(t, s, btc, second)
			if files := kept(t, dir, "*"); len(files) > 0 {
				t.Errorf("in quarantine: %q", files)
			}
			closeStore(t, s)
			wantClean(t, dir, map[driver.Key]string{btc: second, eth: `"kept"`})
		})
	}
}

// rot is a disk on which the bytes of one file have changed and nothing else,
// until the file is replaced.
type rot struct {
	vfs.FS
	file     string
	old, new string
	cured    atomic.Bool
}

func (r *rot) OpenFile(name string, flag int, perm os.FileMode) (vfs.File, error) {
	f, err := r.FS.OpenFile(name, flag, perm)
	if err != nil || name != r.file || r.cured.Load() {
		return f, err
	}
	return &rotten{f, r}, nil
}

func (r *rot) Rename(from, to string) error {
	r.cured.CompareAndSwap(false, to == r.file)
	return r.FS.Rename(from, to)
}

type rotten struct {
	vfs.File
	r *rot
}

func (f *rotten) Read(p []byte) (int, error) {
	n, err := f.File.Read(p)
	copy(p, bytes.ReplaceAll(p[:n], []byte(f.r.old), []byte(f.r.new)))
	return n, err
}

// Bit rot that leaves a valid value, in a file that nobody has touched: the
// quick opening does not read the file, and needs not. Who reads it knows.
func TestBitRot(t *testing.T) {
	t.Parallel()
	for _, end := range []func(*filestore.Store){func(s *filestore.Store) { s.Close() }, filestore.Kill} {
		dir := ramDir(t)
		s := still(t, dir, nil)
		put(t, s, btc, `{"price":64000}`)
		put(t, s, eth, `"kept"`)
		flush(t, s)
		end(s)
		disk := &rot{FS: osFS(t, dir), file: btcFile, old: "64000", new: "64001"}
		s = still(t, dir, &filestore.Options{FS: disk, Cache: 1})
		wantFindings(t, s)
		wantValue(t, s, btc, `{"price":64000}`)
		report, err := s.Check(t.Context(), nil)
		if got := findings(report); err != nil || len(got) != 1 || got[0] != "checksum/restored signal/strategy-a BTCUSDT" || !report.Findings[0].Planned {
			t.Fatalf("Check says %q, %v", got, err)
		}
		if files := kept(t, dir, "*"); len(files) > 0 {
			t.Fatalf("a check has moved %q", files)
		}
		filestore.Kill(s)
		disk.FS = osFS(t, dir)
		s = still(t, dir, &filestore.Options{FS: disk, Verify: true})
		wantFindings(t, s, "checksum/restored signal/strategy-a BTCUSDT")
		wantValue(t, s, btc, `{"price":64000}`)
		wantKept(t, dir, []byte(`{"price":64001}`))
		filestore.Kill(s)
		s = journal(t, dir, &filestore.Options{Verify: true})
		wantFindings(t, s)
		wantValue(t, s, btc, `{"price":64000}`)
		closeStore(t, s)
	}
}

// Rot in a file that lags behind is of no consequence for the value, and no edit.
func TestBitRotInFileThatLags(t *testing.T) {
	t.Parallel()
	for _, verify := range []bool{false, true} {
		for _, removed := range []bool{false, true} {
			dir := lagging(t)
			if removed {
				s := still(t, dir, nil)
				remove(t, s, btc)
				filestore.Kill(s)
			}
			disk := &rot{FS: osFS(t, dir), file: btcFile, old: `1`, new: `9`}
			s := journal(t, dir, &filestore.Options{FS: disk, Verify: verify})
			if removed {
				wantFindings(t, s)
				wantAbsent(t, s, btc)
			} else {
				wantValue(t, s, btc, second)
			}
			for _, f := range s.Report().Findings {
				if f.Problem != driver.ProblemChecksum || !verify {
					t.Errorf("the report says %+v", f)
				}
			}
			closeStore(t, s)
			if removed {
				wantAbsent(t, journal(t, dir, nil), btc)
			} else {
				wantClean(t, dir, map[driver.Key]string{btc: second, eth: `"kept"`})
			}
		}
	}
}

// Check finds nothing where files merely lag behind, and changes nothing.
func TestCheckOfFilesThatLag(t *testing.T) {
	t.Parallel()
	dir := ramDir(t)
	s := still(t, dir, nil)
	put(t, s, btc, first)
	put(t, s, eth, first)
	flush(t, s)
	put(t, s, btc, second)
	remove(t, s, eth)
	put(t, s, driver.Key{Entity: "new", ID: "one"}, `1`)
	before := tree(t, dir)
	for range 2 {
		report, err := s.Check(t.Context(), nil)
		if err != nil || len(report.Findings) > 0 || report.Values != 2 {
			t.Fatalf("Check says %+v, %v", report, err)
		}
	}
	if after := tree(t, dir); after != before {
		t.Fatalf("Check changed the tree; before:\n%s\nafter:\n%s", before, after)
	}
}

// restless is a directory with something of everything that an opening finds.
func restless(t *testing.T) string {
	t.Helper()
	dir := ramDir(t)
	s := still(t, dir, nil)
	for k, data := range many(6) {
		put(t, s, k, data)
	}
	put(t, s, btc, first)
	put(t, s, eth, first)
	write(t, dir, "signal/strategy-a/unknown.json", `{`)
	closeStore(t, s)
	closeStore(t, journal(t, dir, nil)) // one case in quarantine
	s = still(t, dir, nil)
	put(t, s, btc, second)
	filestore.Kill(s)
	write(t, dir, btcFile, `{`)
	renew(t, filepath.Join(dir, "signal/strategy-a/ETHUSDT.json"), `"edited"`)
	return dir
}

// P6 with a journal: whatever cannot be read now fails Open, and nothing on the
// disk has moved.
func TestPassingErrorAtJournalOpen(t *testing.T) {
	t.Parallel()
	dir := duplicate(t, restless(t), true) // so that every file is read
	before := tree(t, dir)
	ops := append([]faultfs.Op{faultfs.OpStatDir, faultfs.OpReadAt}, readOps...)
	counts := journalReadsBeforeActing(t, dir)
	for _, want := range passingErrors {
		for _, op := range ops {
			for n := 1; n <= counts[op]; n++ {
				fsys := faultfs.New(osFS(t, dir), faultfs.Rule{Op: op, Nth: n, Err: want})
				s, err := filestore.Open(t.Context(), dir, &filestore.Options{FS: fsys})
				if err == nil {
					filestore.Kill(s)
				}
				if !errors.Is(err, want) {
					t.Fatalf("%v: Open gives %v", fsys.Injected(), err)
				}
				if after := tree(t, dir); after != before {
					t.Fatalf("%v: Open failed and changed the tree; before:\n%s\nafter:\n%s", fsys.Injected(), before, after)
				}
			}
		}
	}
	s := journal(t, dir, nil)
	wantValue(t, s, btc, second)
	wantValue(t, s, eth, `"edited"`)
	wantDamaged(t, s, driver.Key{Entity: "signal/strategy-a", ID: "unknown"})
}

// journalReadsBeforeActing counts what opening a copy of dir reads before it
// begins to act on what it found.
func journalReadsBeforeActing(t *testing.T, dir string) map[faultfs.Op]int {
	t.Helper()
	copied := duplicate(t, dir, true)
	counts, acting := map[faultfs.Op]int{}, false
	fsys := faultfs.New(osFS(t, copied))
	var mu sync.Mutex
	fsys.OnCall = func(op faultfs.Op, name string) {
		mu.Lock()
		defer mu.Unlock()
		acting = acting || op == faultfs.OpMkdir || op == faultfs.OpWrite || op == faultfs.OpRename
		if !acting {
			counts[op]++
		}
	}
	s := journal(t, copied, &filestore.Options{FS: fsys})
	mu.Lock()
	defer mu.Unlock()
	if !acting || counts[faultfs.OpRead] < 5 || counts[faultfs.OpReadAt] < 5 || counts[faultfs.OpStatDir] < 3 {
		t.Fatalf("nothing was read, or not acted on: %v", counts)
	}
	filestore.Still(s)
	return counts
}

// The time of the value that was restored is that of its version.
func TestRestoredKeepsRevision(t *testing.T) {
	t.Parallel()
	dir := ramDir(t)
	s := still(t, dir, nil)
	put(t, s, btc, first)
	before, err := s.Get(t.Context(), btc)
	must(t, err)
	closeStore(t, s)
	must(t, damages["empty"](filepath.Join(dir, btcFile)))
	s = journal(t, dir, nil)
	after, err := s.Get(t.Context(), btc)
	if err != nil || after.Rev != before.Rev || !after.ModTime.Equal(before.ModTime) {
		t.Errorf("restored: %s %v, %v; want %s %v", after.Rev, after.ModTime, err, before.Rev, before.ModTime)
	}
	info, err := os.Lstat(filepath.Join(dir, btcFile))
	if err != nil || info.ModTime().Sub(before.ModTime).Abs() > time.Microsecond {
		t.Errorf("the file has time %v, %v; want %v", info.ModTime(), err, before.ModTime)
	}
}
