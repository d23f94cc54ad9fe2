package filestore_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

// P4: the bytes as they were, and what was wrong and when.
func TestEvidenceStays(t *testing.T) {
	for name, data := range map[string]string{
		"empty": "", "white space": " \n", "cut off": `{"priceOpen":5`, "zeros": "\x00\x00\x00", "not UTF-8": "\"\xff\"", "two values": "1 2",
	} {
		for _, when := range []string{"Open", "Put", "Delete", "Clear"} {
			t.Run(name+" "+when, func(t *testing.T) {
				dir := t.TempDir()
				s := open(t, dir, nil)
				put(t, s, btc, `1`)
				write(t, dir, btcFile, data)
				wantDamaged(t, s, btc)
				must(t, map[string]func() error{
					"Open":   func() error { closeStore(t, s); s = open(t, dir, nil); return nil },
					"Put":    func() error { return s.Put(t.Context(), btc, []byte(`2`)) },
					"Delete": func() error { return s.Delete(t.Context(), btc) },
					"Clear":  func() error { return s.Clear(t.Context(), btc.Entity) },
				}[when]())
				wantEvidence(t, dir, data)
				if resolved := len(kept(t, dir, "resolved")) == 1; resolved == (when == "Open") {
					t.Errorf("resolved: %v", resolved)
				}
			})
		}
	}
}

func wantEvidence(t *testing.T, dir, data string) {
	t.Helper()
	files := kept(t, dir, "bytes")
	if len(files) != 1 {
		t.Fatalf("in quarantine: %q", files)
	}
	if got, err := os.ReadFile(files[0]); err != nil || string(got) != data {
		t.Errorf("kept: %q, %v", got, err)
	}
	raw, err := os.ReadFile(filepath.Join(filepath.Dir(files[0]), "why.json"))
	must(t, err)
	var why struct {
		Entity, ID, Path, Problem string
		Found                     time.Time
		Size                      int
	}
	must(t, json.Unmarshal(raw, &why))
	if why.Entity != btc.Entity || why.ID != btc.ID || why.Path != btcFile || why.Problem == "" || why.Size != len(data) {
		t.Errorf("why.json: %s", raw)
	}
	if ago := time.Since(why.Found); ago < 0 || ago > time.Minute {
		t.Errorf("found %v ago", ago)
	}
}

// P3 and P4 through a kill at any call of a recovery: the bytes are somewhere,
// no value is absent that was not, and once a recovery has gone through, a
// further one changes nothing.
func TestKilledRecovery(t *testing.T) {
	needColons(t)
	t.Parallel()
	lay := func(dir string) {
		write(t, dir, btcFile, `{"cut`)
		write(t, dir, "signal/strategy-a/BTC:USDT.json", ``)
		write(t, dir, "signal/strategy-a/BTC%{3A}USDT.json", ``)
		write(t, dir, "signal/strategy-a/dir.json/below", `x`)
		write(t, dir, "signal/strategy-a/ETHUSDT.json", `"good"`)
		write(t, dir, "signal/strategy-a/.tmp-0123456789abcdef-ETHUSDT.json", `"old"`)
	}
	for n := 1; ; n++ {
		dir := ramDir(t)
		lay(dir)
		fsys := faultfs.New(osFS(t, dir), faultfs.Rule{Nth: n, Sticky: true})
		s, err := filestore.Open(t.Context(), dir, direct(&filestore.Options{FS: fsys}))
		if err == nil {
			s.Close()
			if n < 50 {
				t.Fatalf("a recovery of only %d calls", n)
			}
			return
		}
		if !strings.Contains(everything(t, dir), `{"cut`) {
			t.Fatalf("killed at call %d: the damaged bytes are gone:\n%s", n, tree(t, dir))
		}
		for range 2 {
			s = open(t, dir, nil)
			wantValue(t, s, eth, `"good"`)
			for _, id := range []string{btc.ID, "BTC:USDT", "dir"} {
				wantDamaged(t, s, driver.Key{Entity: btc.Entity, ID: id})
			}
			closeStore(t, s)
		}
		before := tree(t, dir)
		closeStore(t, open(t, dir, nil))
		if after := tree(t, dir); after != before {
			t.Fatalf("killed at call %d: a further recovery changed the tree; before:\n%s\nafter:\n%s", n, before, after)
		}
		if why := kept(t, dir, "why.json"); len(why) != 4 {
			t.Fatalf("killed at call %d: %d cases for 4 damaged files:\n%s", n, len(why), before)
		}
		wantNoTemps(t, dir)
	}
}

// everything is the content of all files below dir.
func everything(t *testing.T, dir string) string {
	t.Helper()
	var all bytes.Buffer
	for line := range strings.SplitSeq(tree(t, dir), "\n") {
		name, _, _ := strings.Cut(line, " ")
		if data, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
			all.Write(data)
		}
	}
	return all.String()
}

// A mark that is open on the disk is open in memory, or a value that is put and
// deleted later is damaged after a restart.
func TestMarkOfFailedRemovalIsResolved(t *testing.T) {
	dir := t.TempDir()
	s, fsys := faulty(t, dir, filestore.Options{})
	put(t, s, btc, `1`)
	write(t, dir, btcFile, ``)
	fsys.Add(faultfs.Rule{Op: faultfs.OpRemove, Path: btcFile})
	if err := s.Put(t.Context(), btc, []byte(`2`)); err == nil {
		t.Fatal("Put is nil")
	}
	put(t, s, btc, `3`)
	must(t, s.Delete(t.Context(), btc))
	closeStore(t, s)
	s = open(t, dir, nil)
	wantAbsent(t, s, btc)
	if why := kept(t, dir, "why.json"); len(why) != 1 {
		t.Errorf("cases for one damaged file: %q", why)
	}
}

// Two files of one id, damaged in the same way: that one of them is set aside
// as the second must not make the first's damage forgotten.
func TestTwinsWithTheSameDamage(t *testing.T) {
	needColons(t)
	dir := t.TempDir()
	k := driver.Key{Entity: "signal", ID: "BTC/USDT:USDT"}
	write(t, dir, "signal/BTC%{2F}USDT:USDT.json", ``)
	write(t, dir, "signal/BTC%{2F}USDT%{3A}USDT.json", ``)
	for range 2 {
		s := open(t, dir, nil)
		wantDamaged(t, s, k)
		closeStore(t, s)
	}
	s := open(t, dir, nil)
	put(t, s, k, `1`)
	must(t, s.Delete(t.Context(), k))
	closeStore(t, s)
	wantAbsent(t, open(t, dir, nil), k)
}

// What lies in quarantine already is trusted only if the bytes are there.
func TestKeptBytesTakenOut(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, btcFile, `{"cut`)
	closeStore(t, open(t, dir, nil))
	must(t, os.Remove(kept(t, dir, "bytes")[0]))
	write(t, dir, btcFile, `{"cut`)
	wantDamaged(t, open(t, dir, nil), btc)
	wantEvidence(t, dir, `{"cut`)
}

// A folder of the same time, from before the clock was set back, is not
// written into. Time stands still in here.
func TestClockSetBack(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, btcFile, `{"cut`)
	earlier := ".holdfast/quarantine/20000101T000000.000000000Z/"
	write(t, dir, earlier+"bytes", `earlier`)
	write(t, dir, earlier+"why.json", `{"version":1,"entity":"signal/strategy-a","id":"other"}`)
	synctest.Test(t, func(t *testing.T) {
		wantDamaged(t, open(t, dir, nil), btc)
	})
	if got, err := os.ReadFile(filepath.Join(dir, earlier, "bytes")); err != nil || string(got) != `earlier` {
		t.Errorf("the earlier case holds %q, %v", got, err)
	}
	if files := kept(t, dir, "bytes"); len(files) != 2 {
		t.Errorf("in quarantine: %q", files)
	}
}

// People look into quarantine, and their tools leave files there; they may also
// take a folder out while the store is open.
func TestPeopleInQuarantine(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, btcFile, `{"cut`)
	write(t, dir, "signal/strategy-a/ETHUSDT.json", `{"cut`)
	write(t, dir, ".holdfast/quarantine/.DS_Store", "\x00")
	closeStore(t, open(t, dir, nil))
	write(t, dir, ".holdfast/quarantine/notes.txt", "looked at")
	s := open(t, dir, nil)
	wantDamaged(t, s, btc)
	must(t, os.RemoveAll(filepath.Dir(kept(t, dir, "why.json")[0])))
	must(t, os.RemoveAll(filepath.Dir(kept(t, dir, "why.json")[0])))
	put(t, s, btc, `1`)
	wantValue(t, s, btc, `1`)
	must(t, s.Delete(t.Context(), eth))
	closeStore(t, s)
	s = open(t, dir, nil)
	wantValue(t, s, btc, `1`)
	wantAbsent(t, s, eth)
}

// A record that cannot be read may be about any value, so no value may be said
// to be absent.
func TestUnreadableRecord(t *testing.T) {
	for _, why := range []string{``, `{`, `null`, `[]`, `{}`, `{"version":2,"entity":"a","id":"b"}`, `{"version":1,"entity":"a"}`,
		`{"version":1,"entity":"../a","id":"b"}`, `{"version":1,"entity":"a","id":"\u0000"}`, `{"version":1,"entity":"a","id":7}`} {
		dir := t.TempDir()
		write(t, dir, ".holdfast/quarantine/x/why.json", why)
		for _, readOnly := range []bool{false, true} {
			_, err := filestore.Open(t.Context(), dir, direct(&filestore.Options{ReadOnly: readOnly}))
			if !errors.Is(err, driver.ErrDamaged) || !strings.Contains(fmt.Sprint(err), "why.json") {
				t.Errorf("%s: Open gives %v", why, err)
			}
		}
		must(t, os.Remove(filepath.Join(dir, ".holdfast/quarantine/x/why.json")))
		closeStore(t, open(t, dir, nil)) // the way out that the error names
	}
}

// A good file beside an open mark closes it: somebody put it there by hand.
func TestMarkHealedByHand(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, btcFile, `{"cut`)
	closeStore(t, open(t, dir, nil))
	write(t, dir, btcFile, `{"by":"hand"}`)
	s := open(t, dir, nil)
	wantValue(t, s, btc, `{"by":"hand"}`)
	findings := s.Report().Findings
	if len(findings) != 1 || findings[0].Action != driver.ActionResolve || findings[0].Kept == "" || s.Report().Damaged() != 0 {
		t.Errorf("the report says %+v", findings)
	}
	must(t, s.Delete(t.Context(), btc))
	closeStore(t, s)
	s = open(t, dir, nil)
	wantAbsent(t, s, btc)
	if report := s.Report(); len(report.Findings) != 0 || report.Findings == nil {
		t.Errorf("the report after that says %+v", report.Findings)
	}
}
