package filestore_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
)

// wantLocked opens a directory that somebody has, and returns what is known of
// him.
func wantLocked(t *testing.T, dir string) *driver.LockedError {
	t.Helper()
	s, err := filestore.Open(t.Context(), dir, direct(nil))
	if err == nil {
		s.Close()
	}
	var locked *driver.LockedError
	if !errors.Is(err, driver.ErrLocked) || !errors.As(err, &locked) {
		t.Fatalf("Open of a store in use: %v", err)
	}
	return locked
}

// P7: the other process is named, and its death frees the lock.
func TestLockOfAnotherProcess(t *testing.T) {
	dir := t.TempDir()
	for _, end := range []string{"kill -9", "Close"} {
		before := time.Now().Add(-time.Second)
		c := start(t, "hold", dir)
		if got := c.line(t); got != "open" {
			t.Fatal(got)
		}
		locked := wantLocked(t, dir)
		host, _ := os.Hostname()
		if locked.PID != c.Process.Pid || locked.Host != host || locked.Since.Before(before.Add(-time.Second)) || locked.Since.After(time.Now()) {
			t.Errorf("the error names %+v; it is process %d on %s", locked, c.Process.Pid, host)
		}
		if text := locked.Error(); !strings.Contains(text, strconv.Itoa(c.Process.Pid)) || !strings.Contains(text, dir) {
			t.Errorf("it reads %q", text)
		}
		ro := open(t, dir, &filestore.Options{ReadOnly: true})
		wantValue(t, ro, btc, `"by the child"`)
		if end == "kill -9" {
			c.kill(t)
		} else {
			must(t, c.in.Close())
			must(t, c.Wait())
		}
		s := open(t, dir, nil)
		wantValue(t, s, btc, `"by the child"`)
		closeStore(t, s)
	}
}

func TestLockWithinOneProcess(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, nil)
	if locked := wantLocked(t, dir); locked.PID != os.Getpid() {
		t.Errorf("the error names %+v", locked)
	}
	put(t, s, btc, `1`) // the attempt took nothing away
	closeStore(t, s)
	wantValue(t, open(t, dir, nil), btc, `1`)
}

// An Open that fails leaves the lock free.
func TestFailedOpenFreesTheLock(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, btcFile, `{`)
	for range 2 {
		if _, err := filestore.Open(t.Context(), dir, direct(&filestore.Options{Invalid: filestore.Refuse})); !errors.Is(err, driver.ErrDamaged) {
			t.Fatalf("Open: %v", err)
		}
	}
	open(t, dir, nil)
}

// What a crash or a person left in LOCK holds nobody up, and is not believed
// further than it goes.
func TestLockContent(t *testing.T) {
	for _, content := range []string{"", "garbage", "{", "null", `{"pid":"x"}`, `{"pid":-1,"host":"h"}`, `{"pid":1,"host":"\u001b[2J"}`,
		`{"pid":1,"host":"` + strings.Repeat("h", 5000) + `"}`, strings.Repeat("\x00", 1<<20)} {
		dir := t.TempDir()
		write(t, dir, ".holdfast/LOCK", content)
		s := open(t, dir, nil)
		put(t, s, btc, `1`)
		write(t, dir, ".holdfast/LOCK", content) // while it is held
		if locked := wantLocked(t, dir); locked.PID != 0 || locked.Host != "" {
			t.Errorf("%.40q: the error names %+v", content, locked)
		}
		closeStore(t, s)
		open(t, dir, nil)
		raw, err := os.ReadFile(filepath.Join(dir, ".holdfast", "LOCK"))
		must(t, err)
		var holder struct{ PID int }
		if err := json.Unmarshal(raw, &holder); err != nil || holder.PID != os.Getpid() {
			t.Errorf("%.40q: LOCK reads %.100q afterwards", content, raw)
		}
	}
}

// What cannot be a lock is refused, with the path.
func TestLockInTheWay(t *testing.T) {
	for name, lay := range map[string]func(dir string){
		"LOCK is a directory":    func(dir string) { write(t, dir, ".holdfast/LOCK/x", "") },
		".holdfast is a file":    func(dir string) { write(t, dir, ".holdfast", "") },
		"LOCK is a link":         func(dir string) { write(t, dir, ".holdfast/x", ""); link(t, dir, "x", ".holdfast/LOCK") },
		".holdfast is a link":    func(dir string) { write(t, dir, "elsewhere/x", ""); link(t, dir, "elsewhere", ".holdfast") },
		"quarantine is a link":   func(dir string) { write(t, dir, "x/y", ""); link(t, dir, "../x", ".holdfast/quarantine") },
		"a folder in it is one":  func(dir string) { write(t, dir, "x/y", ""); link(t, dir, "../../x", ".holdfast/quarantine/x") },
		"the base is a file":     nil,
		"the base's parent is":   nil,
		"quarantine is a file":   func(dir string) { write(t, dir, ".holdfast/quarantine", "") },
		"an entity is a link":    func(dir string) { write(t, dir, "real/x.json", "1"); link(t, dir, "real", "signal") },
		"a link to nowhere":      func(dir string) { link(t, dir, "nowhere", "signal") },
		"a link that leads out":  func(dir string) { link(t, dir, t.TempDir(), "signal") },
		"deeper down":            func(dir string) { write(t, dir, "real/x.json", "1"); link(t, dir, "../real", "signal/strategy-a") },
		"no name of an entity":   func(dir string) { write(t, dir, "a%{41}/x.json", "1") },
		"no name of an id":       func(dir string) { write(t, dir, "signal/a%{41}.json", "1") },
		"an id of no characters": func(dir string) { write(t, dir, "signal/.json", "1") },
		"values in x.json":       func(dir string) { write(t, dir, "signal/x.json/y.json", "1") },
		"two for one entity":     func(dir string) { write(t, dir, "a:b/x.json", "1"); write(t, dir, "a%{3A}b/y.json", "1") },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			switch name {
			case "the base is a file":
				dir = filepath.Join(dir, "file")
				must(t, os.WriteFile(dir, nil, 0o600))
			case "the base's parent is":
				write(t, dir, "file", "")
				dir = filepath.Join(dir, "file", "data")
			default:
				lay(dir)
			}
			s, err := filestore.Open(t.Context(), dir, direct(nil))
			if err == nil {
				s.Close()
				t.Fatalf("Open is nil; now:\n%s", tree(t, dir))
			}
			if !strings.Contains(err.Error(), filepath.Base(dir)) {
				t.Errorf("the error does not say where: %v", err)
			}
			if files := kept(t, dir, "*"); len(files) > 1 {
				t.Errorf("in quarantine: %q", files)
			}
		})
	}
}

func link(t testing.TB, dir, to, name string) {
	t.Helper()
	file := filepath.Join(dir, filepath.FromSlash(name))
	must(t, os.MkdirAll(filepath.Dir(file), 0o700))
	if err := os.Symlink(to, file); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
}

// P1 for one process at a time: what it acknowledged before it was killed is
// there, whole.
func TestKilledWriter(t *testing.T) {
	dir := t.TempDir()
	for round := range 8 {
		c := start(t, "stress", dir)
		last, gone := "", false
		for range 5 + round*7 {
			last = c.line(t)
		}
		c.kill(t)
		for c.out.Scan() { // it may have said more before it died
			last = c.out.Text()
		}
		last, gone = strings.CutPrefix(last, "deleted ")
		n, err := strconv.Atoi(last)
		must(t, err)
		s := open(t, dir, nil)
		var v struct{ N int }
		rec, err := s.Get(t.Context(), btc)
		must(t, err)
		if err := json.Unmarshal(rec.Data, &v); err != nil || v.N != n && v.N != n+1 {
			t.Fatalf("acknowledged %d, found %.20s: %v", n, rec.Data, err)
		}
		switch rec, err := s.Get(t.Context(), eth); {
		case err == nil && (string(rec.Data) == strconv.Itoa(n) && !gone || string(rec.Data) == strconv.Itoa(n+1)):
		case errors.Is(err, driver.ErrNotFound) && (gone || n%3 == 0):
		default:
			t.Fatalf("acknowledged %d (deleted: %v), found %s, %v", n, gone, rec.Data, err)
		}
		wantNoTemps(t, dir)
		closeStore(t, s)
	}
}
