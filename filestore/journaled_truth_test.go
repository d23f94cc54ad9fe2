package filestore_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
	"github.com/holdfast-go/holdfast/vfs"
	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

// still opens a journalled store whose files are written by Flush and Close
// alone, so that a test knows what they hold.
func still(t testing.TB, dir string, o *filestore.Options) *filestore.Store {
	t.Helper()
	s := journal(t, dir, o)
	filestore.Still(s)
	return s
}

func flush(t testing.TB, s *filestore.Store) {
	t.Helper()
	if err := s.Flush(t.Context()); err != nil {
		t.Fatalf("Flush: %v", err)
	}
}

func remove(t testing.TB, s *filestore.Store, k driver.Key) {
	t.Helper()
	if err := s.Delete(t.Context(), k); err != nil {
		t.Fatalf("Delete %s: %v", k, err)
	}
}

// findings tells a report in short lines: problem/action of what.
func findings(r driver.Report) []string {
	all := []string{}
	for _, f := range r.Findings {
		line := fmt.Sprintf("%s/%s %s %s", f.Problem, f.Action, f.Entity, f.ID)
		all = append(all, strings.TrimSpace(line))
	}
	slices.Sort(all)
	return all
}

func wantFindings(t testing.TB, s *filestore.Store, want ...string) {
	t.Helper()
	slices.Sort(want)
	if got := findings(s.Report()); !slices.Equal(got, want) {
		t.Fatalf("the report says\n  %q, want\n  %q\n%+v", got, want, s.Report().Findings)
	}
}

// story is the history of a value in short: what it held, newest first.
func story(t testing.TB, s *filestore.Store, k driver.Key) []string {
	t.Helper()
	var all []string
	for v, err := range s.History(t.Context(), k) {
		switch {
		case err != nil:
			t.Fatalf("History %s: %v", k, err)
		case v.Deleted:
			all = append(all, "removed")
		default:
			all = append(all, string(v.Data))
		}
	}
	return all
}

func wantStory(t testing.TB, s *filestore.Store, k driver.Key, want ...string) {
	t.Helper()
	if got := story(t, s, k); !slices.Equal(got, want) {
		t.Fatalf("the history of %s is %q, want %q", k, got, want)
	}
}

// edit is what another hand does to a file while no process has the store open.
type edit struct {
	name string
	do   func(t *testing.T, file string)
	data string // what the file holds then
}

// overwrite writes into a file as it is, and gives it its old time again.
func overwrite(t *testing.T, file, data string) {
	t.Helper()
	before, err := os.Lstat(file)
	must(t, err)
	if before.Size() != int64(len(data)) {
		t.Fatalf("%s has %d bytes", file, before.Size())
	}
	for looks := changed(t, file); ; {
		must(t, os.WriteFile(file, []byte(data), 0o600))
		must(t, os.Chtimes(file, time.Time{}, before.ModTime()))
		if changed(t, file) != looks { // the clock of a file system ticks slowly
			return
		}
	}
}

// changed tells when a file was last changed, which no tool can set; where the
// system does not keep that, something that always differs.
func changed(t *testing.T, file string) int64 {
	t.Helper()
	fsys := osFS(t, filepath.Dir(file))
	defer fsys.Close()
	info, err := vfs.Stat(fsys, filepath.Base(file))
	must(t, err)
	if info.ChangeTime == 0 {
		return time.Now().UnixNano()
	}
	return info.ChangeTime
}

// renew is how most editors save: a new file takes the place of the old one.
func renew(t *testing.T, file, data string) {
	t.Helper()
	must(t, os.WriteFile(file+"~", []byte(data), 0o600))
	must(t, os.Rename(file+"~", file))
}

// first and second are what btc was put before an edit; equally long.
const first, second = `{"n":1}`, `{"n":2}`

func edits() []edit {
	hand := func(name, data string, do func(t *testing.T, file, data string)) edit {
		return edit{name, func(t *testing.T, file string) { do(t, file, data) }, data}
	}
	return []edit{
		hand("saved by an editor", `{"by":"hand"}`, renew),
		hand("time and size as they were", `{"n":7}`, overwrite),
		hand("an old time", `{"by":"an old hand"}`, func(t *testing.T, file, data string) {
			renew(t, file, data)
			must(t, os.Chtimes(file, time.Time{}, time.Unix(1e9, 0)))
		}),
		hand("a large number", strings.Repeat(" ", 5000)+`12`, renew),
		hand("cleared", `null`, renew),
	}
}

// P11: an edit by hand counts, is reported once, and is history from then on.
func TestEditByHand(t *testing.T) {
	t.Parallel()
	all := append(edits(), edit{"older content", func(t *testing.T, file string) { renew(t, file, first) }, first})
	for _, e := range all {
		for _, end := range []string{"closed", "killed"} {
			t.Run(e.name+" "+end, func(t *testing.T) {
				dir := ramDir(t)
				s := still(t, dir, nil)
				put(t, s, btc, first)
				put(t, s, eth, `"kept"`)
				put(t, s, btc, second)
				if end == "killed" {
					flush(t, s)
					filestore.Kill(s)
				} else {
					closeStore(t, s)
				}
				e.do(t, filepath.Join(dir, btcFile))
				wantAdoptedOnce(t, dir, e.data, second, first)
			})
		}
	}
}

// wantAdoptedOnce opens twice: the first time the edit of btc is adopted.
func wantAdoptedOnce(t *testing.T, dir string, data string, former ...string) {
	t.Helper()
	s := still(t, dir, nil)
	wantFindings(t, s, "edited/adopted signal/strategy-a BTCUSDT")
	wantValue(t, s, btc, data)
	wantValue(t, s, eth, `"kept"`)
	wantStory(t, s, btc, append([]string{data}, former...)...)
	if got, err := os.ReadFile(filepath.Join(dir, btcFile)); err != nil || string(got) != data {
		t.Fatalf("the file holds %q, %v", got, err)
	}
	filestore.Kill(s)
	s = journal(t, dir, nil)
	wantFindings(t, s)
	wantValue(t, s, btc, data)
	wantStory(t, s, btc, append([]string{data}, former...)...)
	closeStore(t, s)
	wantClean(t, dir, map[driver.Key]string{btc: data, eth: `"kept"`})
}

// wantClean opens a store that has nothing to report.
func wantClean(t *testing.T, dir string, values map[driver.Key]string) {
	t.Helper()
	s := journal(t, dir, nil)
	wantFindings(t, s)
	for k, data := range values {
		wantValue(t, s, k, data)
	}
	closeStore(t, s)
}

// After a kill the files lag behind the journal. A file that holds what was left
// in it is no edit, whatever its time; any other content is one.
func TestEditOfFileThatLags(t *testing.T) {
	t.Parallel()
	for _, e := range edits() {
		t.Run(e.name, func(t *testing.T) {
			dir := lagging(t)
			e.do(t, filepath.Join(dir, btcFile))
			wantAdoptedOnce(t, dir, e.data, second, first)
		})
	}
	same := map[string]func(t *testing.T, file string){
		"untouched": func(t *testing.T, file string) {},
		"touched":   func(t *testing.T, file string) { must(t, os.Chtimes(file, time.Time{}, time.Now())) },
		"rewritten": func(t *testing.T, file string) { renew(t, file, first) },
		"copied":    func(t *testing.T, file string) { overwrite(t, file, first) },
	}
	for name, do := range same {
		t.Run(name, func(t *testing.T) {
			dir := lagging(t)
			do(t, filepath.Join(dir, btcFile))
			wantClean(t, dir, map[driver.Key]string{btc: second, eth: `"kept"`})
			if got, err := os.ReadFile(filepath.Join(dir, btcFile)); err != nil || string(got) != second {
				t.Fatalf("the file holds %q, %v", got, err)
			}
		})
	}
}

// lagging is the directory of a store that was killed when the file of btc still
// held the first value.
func lagging(t *testing.T) string {
	t.Helper()
	dir := ramDir(t)
	s := still(t, dir, nil)
	put(t, s, btc, first)
	put(t, s, eth, `"kept"`)
	flush(t, s)
	put(t, s, btc, second)
	filestore.Kill(s)
	return dir
}

// many are n values over three entities.
func many(n int) map[driver.Key]string {
	all := map[driver.Key]string{}
	for i := range n {
		k := driver.Key{Entity: fmt.Sprintf("signal/strategy-%d", i%3), ID: fmt.Sprintf("COIN%03d", i)}
		all[k] = fmt.Sprintf(`{"n":%d}`, i)
	}
	return all
}

func putAll(t *testing.T, s *filestore.Store, values map[driver.Key]string) {
	t.Helper()
	for k, data := range values {
		put(t, s, k, data)
	}
}

// Nobody has edited a file that was touched, or a directory that was copied.
func TestTouchAndCopyAreNoEdits(t *testing.T) {
	t.Parallel()
	copied := func(keepTimes bool) func(t *testing.T, dir string) string {
		return func(t *testing.T, dir string) string { return duplicate(t, dir, keepTimes) }
	}
	for name, do := range map[string]func(t *testing.T, dir string) string{
		"touch": func(t *testing.T, dir string) string {
			walkFiles(t, dir, func(file string) { must(t, os.Chtimes(file, time.Time{}, time.Now())) })
			return dir
		},
		"cp -a": copied(true),
		"cp":    copied(false),
	} {
		t.Run(name, func(t *testing.T) {
			dir, values := ramDir(t), many(30)
			s := still(t, dir, nil)
			putAll(t, s, values)
			put(t, s, btc, first)
			flush(t, s)
			put(t, s, btc, second)
			remove(t, s, driver.Key{Entity: "signal/strategy-0", ID: "COIN000"})
			delete(values, driver.Key{Entity: "signal/strategy-0", ID: "COIN000"})
			values[btc] = second
			filestore.Kill(s)
			dir = do(t, dir)
			wantClean(t, dir, values)
			dir = do(t, dir)
			wantClean(t, dir, values)
			wantAbsent(t, journal(t, dir, nil), driver.Key{Entity: "signal/strategy-0", ID: "COIN000"})
		})
	}
}

func walkFiles(t *testing.T, dir string, visit func(file string)) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			visit(p)
		}
		return err
	}))
}

// duplicate copies a directory, with the times of its files or without.
func duplicate(t *testing.T, dir string, keepTimes bool) string {
	t.Helper()
	to := ramDir(t)
	must(t, os.CopyFS(to, os.DirFS(dir)))
	if keepTimes {
		walkFiles(t, dir, func(file string) {
			info, err := os.Lstat(file)
			must(t, err)
			rel, err := filepath.Rel(dir, file)
			must(t, err)
			must(t, os.Chtimes(filepath.Join(to, rel), time.Time{}, info.ModTime()))
		})
	}
	return to
}

// A file that another hand has put there counts, whether its value was removed
// before or never known.
func TestFileByHand(t *testing.T) {
	t.Parallel()
	for name, removed := range map[string]func(t *testing.T, s *filestore.Store){
		"never known": func(t *testing.T, s *filestore.Store) {},
		"removed": func(t *testing.T, s *filestore.Store) {
			put(t, s, btc, first)
			flush(t, s)
			remove(t, s, btc)
			flush(t, s)
		},
		"removed, file still there": func(t *testing.T, s *filestore.Store) {
			put(t, s, btc, first)
			flush(t, s)
			remove(t, s, btc)
		},
	} {
		for end, do := range map[string]func(*filestore.Store){"closed": func(s *filestore.Store) { s.Close() }, "killed": filestore.Kill} {
			t.Run(name+" "+end, func(t *testing.T) {
				dir := ramDir(t)
				s := still(t, dir, nil)
				put(t, s, eth, `"kept"`)
				removed(t, s)
				do(s)
				wantClean(t, duplicate(t, dir, true), map[driver.Key]string{eth: `"kept"`})
				write(t, dir, btcFile, `{"by":"hand"}`)
				s = journal(t, dir, nil)
				wantFindings(t, s, "edited/adopted signal/strategy-a BTCUSDT")
				wantValue(t, s, btc, `{"by":"hand"}`)
				closeStore(t, s)
				wantClean(t, dir, map[driver.Key]string{btc: `{"by":"hand"}`, eth: `"kept"`})
			})
		}
	}
}

// A file that is deleted by hand is put back, and the report says so: only the
// store removes values.
func TestFileDeletedByHand(t *testing.T) {
	t.Parallel()
	values := map[driver.Key]string{btc: first, eth: second}
	one := []string{"missing/restored signal/strategy-a BTCUSDT"}
	both := append(one, "missing/restored signal/strategy-a ETHUSDT")
	for name, c := range map[string]struct {
		what string
		want []string
	}{"file": {btcFile, one}, "entity": {"signal/strategy-a", both}, "top directory": {"signal", both}} {
		t.Run(name, func(t *testing.T) {
			dir := ramDir(t)
			s := still(t, dir, nil)
			putAll(t, s, values)
			closeStore(t, s)
			must(t, os.RemoveAll(filepath.Join(dir, c.what)))
			s = still(t, dir, nil)
			wantFindings(t, s, c.want...)
			wantValue(t, s, btc, first)
			if got, err := os.ReadFile(filepath.Join(dir, btcFile)); err != nil || string(got) != first {
				t.Fatalf("the file holds %q, %v", got, err)
			}
			filestore.Kill(s)
			wantClean(t, dir, values)

			s = journal(t, dir, nil)
			remove(t, s, btc)
			closeStore(t, s)
			wantClean(t, dir, map[driver.Key]string{eth: second})
			wantAbsent(t, journal(t, dir, nil), btc)
		})
	}
}

// A file that is deleted while the store is open is put back by the next one, or
// is gone with its value.
func TestFileDeletedWhileOpen(t *testing.T) {
	t.Parallel()
	dir := ramDir(t)
	s := still(t, dir, nil)
	put(t, s, btc, first)
	put(t, s, eth, `"kept"`)
	flush(t, s)
	must(t, os.RemoveAll(filepath.Join(dir, "signal")))
	wantValue(t, s, btc, first)
	remove(t, s, eth)
	closeStore(t, s)
	s = journal(t, dir, nil)
	wantFindings(t, s, "missing/restored signal/strategy-a BTCUSDT")
	wantValue(t, s, btc, first)
	wantAbsent(t, s, eth)
}

// Start-up does not read what it can trust.
func TestOpeningReadsNoFiles(t *testing.T) {
	t.Parallel()
	dir, values := ramDir(t), many(50)
	s := journal(t, dir, nil)
	putAll(t, s, values)
	closeStore(t, s)
	fsys := faultfs.New(osFS(t, dir), faultfs.Rule{Op: faultfs.OpOpenFile, Path: "COIN*", Sticky: true})
	s = journal(t, dir, &filestore.Options{FS: fsys})
	wantFindings(t, s)
	for k, data := range values {
		wantValue(t, s, k, data)
	}
	if fsys.Calls(faultfs.OpOpenFile) == 0 || len(fsys.Injected()) > 0 {
		t.Fatalf("%d files opened, %v", fsys.Calls(faultfs.OpOpenFile), fsys.Injected())
	}
}
