package filestore_test

import (
	"context"
	"errors"
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

// P11: what people change by hand while the process is stopped is adopted as it
// is, and what they break is said in the report and in backtest-kit's words.
func TestHandEdits(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, nil)
	put(t, s, btc, `{"a":1}`)
	put(t, s, eth, `{"b":1}`)
	before, err := s.Get(t.Context(), btc)
	must(t, err)
	closeStore(t, s)
	edited := "{\n\t\"a\": 2.50\n}\n"
	write(t, dir, btcFile, edited)
	write(t, dir, "signal/strategy-a/SOLUSDT.json", `"by hand"`)
	write(t, dir, "signal/strategy-a/ETHUSDT.json", `{"b":`)
	write(t, dir, "signal/strategy-a/notes.txt", "not a value")
	write(t, dir, "signal/strategy-a/.DS_Store", "\x00")
	write(t, dir, "signal/.BTCUSDT.json.swp", "\x00")
	write(t, dir, "README.json", "not in an entity")
	must(t, os.MkdirAll(filepath.Join(dir, "new", "empty"), 0o700))

	book := &logBook{}
	s = open(t, dir, &filestore.Options{Logger: book.logger()})
	wantValue(t, s, btc, edited)
	wantValue(t, s, driver.Key{Entity: btc.Entity, ID: "SOLUSDT"}, `"by hand"`)
	wantDamaged(t, s, eth)
	if rec, err := s.Get(t.Context(), btc); err != nil || rec.Rev == before.Rev {
		t.Errorf("the revision is the old one: %v", err)
	}
	if got := strings.Join(ids(t, s, btc.Entity), " "); got != "BTCUSDT ETHUSDT SOLUSDT" {
		t.Errorf("ids: %s", got)
	}
	if got := strings.Join(entities(t, s), " "); got != btc.Entity {
		t.Errorf("entities: %s", got)
	}
	report := s.Report()
	if len(report.Findings) != 1 || report.Damaged() != 1 || report.Values != 3 || report.Entities != 1 {
		t.Fatalf("the report says %+v", report)
	}
	f := report.Findings[0]
	file := filepath.ToSlash(filepath.Join(dir, "signal", "strategy-a", "ETHUSDT.json"))
	if f.Entity != eth.Entity || f.ID != eth.ID || f.Path != file || f.Problem != driver.ProblemInvalid ||
		f.Action != driver.ActionQuarantine || f.Kept == "" || f.Time.IsZero() {
		t.Errorf("the report says %+v", f)
	}
	for _, want := range []string{`msg="found invalid document"`, "filePath=" + file, "entityName=" + eth.Entity} {
		if !strings.Contains(book.String(), want) {
			t.Errorf("the log has no %s: %s", want, book)
		}
	}
	if strings.Contains(book.String(), `{"b":`) {
		t.Error("the log has the payload")
	}
	for _, name := range []string{"signal/strategy-a/notes.txt", "signal/strategy-a/.DS_Store", "README.json"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

// backtest-kit's way with invalid files: five tries, a second apart.
func TestPolicyDelete(t *testing.T) {
	for _, c := range []struct {
		fails, tries int
		delay        time.Duration
		wantTries    int
		wantTime     time.Duration
	}{
		{fails: 0, wantTries: 1},
		{fails: 2, wantTries: 3, wantTime: 2 * time.Second},
		{fails: 4, wantTries: 5, wantTime: 4 * time.Second},
		{fails: 5, wantTries: 5, wantTime: 4 * time.Second},
		{fails: 9, tries: 2, delay: 50 * time.Millisecond, wantTries: 2, wantTime: 50 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, btcFile, `{`)
			write(t, dir, "signal/strategy-a/ETHUSDT.json", `1`)
			fsys := faultfs.New(osFS(t, dir))
			for n := range c.fails {
				fsys.Add(faultfs.Rule{Op: faultfs.OpRemove, Path: btcFile, Nth: n + 1})
			}
			book := &logBook{}
			begin := time.Now()
			s := open(t, dir, &filestore.Options{FS: fsys, Logger: book.logger(), Invalid: filestore.Delete, RemoveTries: c.tries, RemoveDelay: c.delay})
			if took := time.Since(begin); took != c.wantTime || fsys.Calls(faultfs.OpRemove) != c.wantTries {
				t.Errorf("%+v: %d tries in %v", c, fsys.Calls(faultfs.OpRemove), took)
			}
			gone := c.fails < c.wantTries
			if gone {
				wantAbsent(t, s, btc)
			} else {
				wantDamaged(t, s, btc)
			}
			f := s.Report().Findings
			if len(f) != 1 || (f[0].Action == driver.ActionDelete) != gone || f[0].Damage() == gone {
				t.Errorf("%+v: the report says %+v", c, f)
			}
			said := strings.Contains(book.String(), `msg="failed to remove invalid document" filePath=`) && strings.Contains(book.String(), "entityName="+btc.Entity)
			if said == gone || !strings.Contains(book.String(), "found invalid document") {
				t.Errorf("%+v: the log says %s", c, book)
			}
			wantValue(t, s, eth, `1`)
			if files := kept(t, dir, "*"); len(files) != 0 {
				t.Errorf("in quarantine: %q", files)
			}
		})
	}
}

// What another program has put right between two tries is not deleted.
func TestPolicyDeleteLooksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		write(t, dir, btcFile, `{`)
		fsys := faultfs.New(osFS(t, dir), faultfs.Rule{Op: faultfs.OpRemove})
		time.AfterFunc(500*time.Millisecond, func() { write(t, dir, btcFile, `"good"`) })
		s := open(t, dir, &filestore.Options{FS: fsys, Invalid: filestore.Delete})
		wantValue(t, s, btc, `"good"`)
		if report := s.Report(); len(report.Findings) != 1 || report.Damaged() != 0 {
			t.Errorf("the report says %+v", report)
		}
	})
}

// The pause between the tries ends with the context, and the file stays.
func TestPolicyDeleteContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		write(t, dir, btcFile, `{`)
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		fsys := faultfs.New(osFS(t, dir), faultfs.Rule{Op: faultfs.OpRemove, Sticky: true})
		_, err := filestore.Open(ctx, dir, direct(&filestore.Options{FS: fsys, Invalid: filestore.Delete}))
		if !errors.Is(err, context.DeadlineExceeded) || fsys.Calls(faultfs.OpRemove) != 2 {
			t.Errorf("after %d tries: %v", fsys.Calls(faultfs.OpRemove), err)
		}
		wantDamaged(t, open(t, dir, nil), btc)
	})
}

// Under Delete a damaged file that is found while the store is open is replaced
// or removed, and kept nowhere; a directory, which cannot be, is moved.
func TestPolicyDeleteWhileOpen(t *testing.T) {
	for name, damage := range damages {
		dir := t.TempDir()
		s := open(t, dir, &filestore.Options{Invalid: filestore.Delete})
		for _, k := range []driver.Key{btc, eth} {
			put(t, s, k, `1`)
			must(t, damage(filepath.Join(dir, filepath.FromSlash(k.Entity), k.ID+".json")))
			wantDamaged(t, s, k)
		}
		put(t, s, btc, `2`)
		wantValue(t, s, btc, `2`)
		must(t, s.Delete(t.Context(), eth))
		wantAbsent(t, s, eth)
		if files := kept(t, dir, "why.json"); len(files) > 0 != (name == "directory") {
			t.Errorf("%s: in quarantine: %q", name, files)
		}
	}
}

// Refuse leaves everything as it is, whatever is wrong: a file, a second one
// for one id, a value that is in quarantine already.
func TestPolicyRefuse(t *testing.T) {
	for name, lay := range map[string]func(dir string){
		"damage": func(dir string) { write(t, dir, btcFile, `{`) },
		"mark":   func(dir string) { write(t, dir, btcFile, `{`); closeStore(t, open(t, dir, nil)) },
		"twin": func(dir string) {
			write(t, dir, "signal/a:b.json", `1`)
			write(t, dir, "signal/a%{3A}b.json", `1`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			closeStore(t, open(t, dir, nil))
			write(t, dir, "signal/.tmp-0123456789abcdef-x.json", `1`)
			lay(dir)
			before := tree(t, dir)
			_, err := filestore.Open(t.Context(), dir, direct(&filestore.Options{Invalid: filestore.Refuse}))
			if !errors.Is(err, driver.ErrDamaged) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "1 damaged in all") {
				t.Errorf("Open: %v", err)
			}
			if after := tree(t, dir); after != before {
				t.Errorf("Open changed the tree; before:\n%s\nafter:\n%s", before, after)
			}
		})
	}
	dir := t.TempDir()
	write(t, dir, btcFile, `1`)
	wantValue(t, open(t, dir, &filestore.Options{Invalid: filestore.Refuse}), btc, `1`)
	if _, err := filestore.Open(t.Context(), dir, direct(&filestore.Options{Invalid: "shred"})); err == nil {
		t.Error("an unknown policy is accepted")
	}
}
