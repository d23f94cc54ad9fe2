package filestore_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
)

// segment is the one segment of a newly laid image.
func segment(t testing.TB, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, ".holdfast", "journal", "*.seg"))
	if err != nil || len(files) != 1 {
		t.Fatalf("segments: %q, %v", files, err)
	}
	return files[0]
}

// hurtJournal flips bits of the last place in a file where pattern stands.
func hurtJournal(t testing.TB, dir, pattern string, masks ...byte) {
	t.Helper()
	file := segment(t, dir)
	data, err := os.ReadFile(file)
	must(t, err)
	at := bytes.LastIndex(data, []byte(pattern))
	if at < 0 {
		t.Fatalf("%s does not have %q", file, pattern)
	}
	for i, mask := range masks {
		data[at+i] ^= mask
	}
	must(t, os.WriteFile(file, data, 0o600))
}

// unknownLoss is a store of which an acknowledged change is lost, and nobody can
// tell of which value: the key in the second record is damaged.
func unknownLoss(t *testing.T) string {
	t.Helper()
	dir := ramDir(t)
	threeKilled(t, false).lay(t, dir)
	hurtJournal(t, dir, "ETHUSDT", 0x11, 0x22)
	return dir
}

// P3, P5: Open refuses, changes nothing, and names the way out. Who only looks
// gets in.
func TestLossThatNobodyCanTell(t *testing.T) {
	t.Parallel()
	dir := unknownLoss(t)
	before := tree(t, dir)
	for _, mode := range []filestore.Mode{filestore.On, filestore.Off} {
		_, err := filestore.Open(t.Context(), dir, &filestore.Options{Journal: mode})
		if !errors.Is(err, driver.ErrDamaged) || !strings.Contains(err.Error(), "salvage=on") || !strings.Contains(err.Error(), "number 2") {
			t.Fatalf("Open: %v", err)
		}
	}
	ro := open(t, dir, &filestore.Options{ReadOnly: true, Journal: filestore.On})
	wantValue(t, ro, btc, three[btc])
	wantValue(t, ro, sol, three[sol])
	report, err := ro.Check(t.Context(), nil)
	if got := findings(report); err != nil || len(got) != 1 || got[0] != "journal/refused" || report.Damaged() != 1 {
		t.Errorf("Check says %q, %v", got, err)
	}
	closeStore(t, ro)
	if after := withoutDirs(tree(t, dir)); after != withoutDirs(before) {
		t.Errorf("refusing and looking changed the tree; before:\n%s\nafter:\n%s", before, after)
	}
}

// withoutDirs leaves directories out of a tree.
func withoutDirs(tree string) string {
	var lines []string
	for line := range strings.SplitSeq(tree, "\n") {
		if !strings.HasSuffix(line, " d---------") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// Salvage opens with what is left, says so, and keeps the damaged segment. From
// then on the store opens as ever.
func TestSalvage(t *testing.T) {
	t.Parallel()
	for name, hurt := range map[string]func(t *testing.T, file string) (lost bool){
		"a key": func(t *testing.T, file string) bool {
			hurtJournal(t, filepath.Dir(filepath.Dir(filepath.Dir(file))), "ETHUSDT", 0x11, 0x22)
			return true
		},
		"cut off":                    func(t *testing.T, file string) bool { must(t, os.Truncate(file, 8200)); return true },
		"cut off behind the records": func(t *testing.T, file string) bool { must(t, os.Truncate(file, 16<<10)); return false },
		"empty":                      func(t *testing.T, file string) bool { must(t, os.Truncate(file, 0)); return true },
		"garbage": func(t *testing.T, file string) bool {
			must(t, os.WriteFile(file, bytes.Repeat([]byte("garbage"), 5000), 0o600))
			return true
		},
	} {
		for _, end := range []func(*filestore.Store){func(s *filestore.Store) { s.Close() }, filestore.Kill} {
			t.Run(name, func(t *testing.T) {
				dir := ramDir(t)
				threeKilled(t, false).lay(t, dir)
				lost := hurt(t, segment(t, dir))
				evidence, err := os.ReadFile(segment(t, dir))
				must(t, err)
				if _, err := filestore.Open(t.Context(), dir, nil); !errors.Is(err, driver.ErrDamaged) {
					t.Fatalf("Open: %v", err)
				}
				s := journal(t, dir, &filestore.Options{Salvage: true})
				wantFindings(t, s, "journal/none")
				wantKept(t, dir, evidence)
				wantSome(t, s, lost)
				end(s)
				s = journal(t, dir, nil)
				wantFindings(t, s)
				wantSome(t, s, lost)
				putAll(t, s, three)
				end(s)
				wantClean(t, dir, three)
				wantKept(t, dir, evidence)
			})
		}
	}
}

// wantSome checks that no value is wrong, and none is absent if none was lost.
func wantSome(t *testing.T, s *filestore.Store, lost bool) {
	t.Helper()
	for k, want := range three {
		rec, err := s.Get(t.Context(), k)
		if err == nil && string(rec.Data) != want || err != nil && (!lost || !errors.Is(err, driver.ErrNotFound)) {
			t.Fatalf("Get %s: %q, %v", k, rec.Data, err)
		}
	}
}

// A record whose data is damaged beyond repair, and whose key is not: that value
// alone is damaged, until somebody puts or deletes it.
func TestLossOfOneValue(t *testing.T) {
	t.Parallel()
	for _, older := range []bool{false, true} {
		for _, end := range []func(*filestore.Store){func(s *filestore.Store) { s.Close() }, filestore.Kill} {
			dir := ramDir(t)
			threeKilled(t, older).lay(t, dir)
			hurtJournal(t, dir, "the second", 0x11, 0x22)
			for i := range 3 {
				s := still(t, dir, nil)
				wantDamaged(t, s, eth)
				wantValue(t, s, btc, three[btc])
				wantValue(t, s, sol, three[sol])
				want := "quarantined/none signal/strategy-a ETHUSDT"
				if i == 0 {
					want = "journal/quarantined signal/strategy-a ETHUSDT"
				}
				if got := findings(s.Report()); got[len(got)-1] != want {
					t.Errorf("opening %d reports %q", i, got)
				}
				end(s)
			}
			ro := open(t, dir, &filestore.Options{ReadOnly: true, Journal: filestore.On})
			wantDamaged(t, ro, eth)
			closeStore(t, ro)
			s := journal(t, dir, nil)
			put(t, s, eth, `"again"`)
			end(s)
			wantClean(t, dir, map[driver.Key]string{btc: three[btc], eth: `"again"`, sol: three[sol]})
		}
	}
}

// The same seen by a reader, before anybody has opened the store for writing.
func TestLossOfOneValueReadOnly(t *testing.T) {
	t.Parallel()
	for _, older := range []bool{false, true} {
		dir := ramDir(t)
		threeKilled(t, older).lay(t, dir)
		hurtJournal(t, dir, "the second", 0x11, 0x22)
		ro := open(t, dir, &filestore.Options{ReadOnly: true, Journal: filestore.On})
		wantDamaged(t, ro, eth)
		wantValue(t, ro, btc, three[btc])
		wantValue(t, ro, sol, three[sol])
		if got := ids(t, ro, eth.Entity); len(got) != 2 {
			t.Errorf("the ids are %q", got)
		}
	}
}

// Lost from the journal, and the file has it: the checkpoint had come so far.
func TestLossThatTheFileHas(t *testing.T) {
	t.Parallel()
	dir := ramDir(t)
	threeKilled(t, true).lay(t, dir)
	write(t, dir, "signal/strategy-a/ETHUSDT.json", three[eth])
	hurtJournal(t, dir, "the second", 0x11, 0x22)
	s := still(t, dir, nil)
	wantFindings(t, s, "journal/restored")
	for k, data := range three {
		wantValue(t, s, k, data)
	}
	filestore.Kill(s)
	wantClean(t, dir, three)
}

// A loss that was followed by another change of the value is one of history
// alone. The file that the lost change was written to is no edit.
func TestLossThatWasOvertaken(t *testing.T) {
	t.Parallel()
	dir := ramDir(t)
	s := still(t, dir, nil)
	put(t, s, eth, `{"is":"an older"}`)
	flush(t, s)
	put(t, s, eth, three[eth])
	put(t, s, eth, `{"is":"the newest"}`)
	filestore.Kill(s)
	write(t, dir, "signal/strategy-a/ETHUSDT.json", three[eth])
	hurtJournal(t, dir, "the second", 0x11, 0x22)
	s = still(t, dir, nil)
	wantValue(t, s, eth, `{"is":"the newest"}`)
	for _, f := range s.Report().Findings {
		if f.Problem != driver.ProblemJournal {
			t.Errorf("the report says %+v", f)
		}
	}
	for v, err := range s.History(t.Context(), eth) {
		if err != nil || string(v.Data) != `{"is":"the newest"}` {
			t.Errorf("the newest state is %q, %v", v.Data, err)
		}
		break
	}
	filestore.Kill(s)
	wantClean(t, dir, map[driver.Key]string{eth: `{"is":"the newest"}`})
}

// Of a batch that is damaged in one value, the other one is proved.
func TestLossWithinBatch(t *testing.T) {
	t.Parallel()
	dir := ramDir(t)
	s := still(t, dir, nil)
	must(t, s.Apply(t.Context(), nil, []driver.Op{{Key: btc, Data: []byte(three[btc])}, {Key: eth, Data: []byte(three[eth])}}))
	filestore.Kill(s)
	hurtJournal(t, dir, "the second", 0x11, 0x22)
	for range 2 {
		s = journal(t, dir, nil)
		wantDamaged(t, s, eth)
		wantValue(t, s, btc, three[btc])
		filestore.Kill(s)
	}
}

// Lost, and the file is damaged too: its bytes are evidence of their own.
func TestLossWithDamagedFile(t *testing.T) {
	t.Parallel()
	for how := range problems {
		dir := ramDir(t)
		threeKilled(t, true).lay(t, dir)
		hurtJournal(t, dir, "the second", 0x11, 0x22)
		file := filepath.Join(dir, "signal/strategy-a/ETHUSDT.json")
		must(t, damages[how](file))
		evidence, _ := os.ReadFile(file)
		s := journal(t, dir, nil)
		wantDamaged(t, s, eth)
		found := len(kept(t, dir, "original/sub")) > 0
		for _, name := range kept(t, dir, "bytes") {
			data, err := os.ReadFile(name)
			must(t, err)
			found = found || how != "directory" && bytes.Equal(data, evidence)
		}
		if !found {
			t.Errorf("%s: the bytes of the file are nowhere", how)
		}
		filestore.Kill(s)
		wantDamaged(t, journal(t, dir, nil), eth)
	}
}

// Lost, and another hand has been at the file: nobody can tell which counts. The
// value is damaged, and what the file held is kept.
func TestLossWithEditedFile(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(t *testing.T, file string){
		"edited":  func(t *testing.T, file string) { renew(t, file, `"by hand"`) },
		"missing": func(t *testing.T, file string) { must(t, os.Remove(file)) },
	} {
		dir := ramDir(t)
		threeKilled(t, true).lay(t, dir)
		hurtJournal(t, dir, "the second", 0x11, 0x22)
		do(t, filepath.Join(dir, "signal/strategy-a/ETHUSDT.json"))
		s := journal(t, dir, nil)
		wantDamaged(t, s, eth)
		found := name == "missing"
		for _, file := range kept(t, dir, "bytes") {
			data, err := os.ReadFile(file)
			must(t, err)
			found = found || string(data) == `"by hand"`
		}
		if !found {
			t.Error("what the file held is nowhere")
		}
		for _, f := range s.Report().Findings {
			if f.Problem != driver.ProblemJournal {
				t.Errorf("%s: the report says %+v", name, f)
			}
		}
		closeStore(t, s)
		wantDamaged(t, journal(t, dir, nil), eth)
	}
}
