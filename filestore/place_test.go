//go:build unix

package filestore_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

// What stands in the place of a value and is no file is damage: never followed,
// never waited for, never absent.
func TestNotAFile(t *testing.T) {
	outside := t.TempDir()
	write(t, outside, "secret.json", `"secret"`)
	for name, lay := range map[string]func(t *testing.T, file string){
		"directory":      func(t *testing.T, file string) { must(t, os.Mkdir(file, 0o700)) },
		"full directory": func(t *testing.T, file string) { must(t, os.MkdirAll(filepath.Join(file, "a", "b"), 0o700)) },
		"relative link":  func(t *testing.T, file string) { must(t, os.Symlink("ETHUSDT.json", file)) },
		"link up": func(t *testing.T, file string) {
			must(t, os.Symlink("../../"+filepath.Base(outside)+"/secret.json", file))
		},
		"absolute link": func(t *testing.T, file string) { must(t, os.Symlink(filepath.Join(outside, "secret.json"), file)) },
		"dangling link": func(t *testing.T, file string) { must(t, os.Symlink("nowhere", file)) },
		"link to itself": func(t *testing.T, file string) {
			must(t, os.Symlink(filepath.Base(file), file))
		},
		"FIFO": func(t *testing.T, file string) { must(t, unix.Mkfifo(file, 0o600)) },
		"too large": func(t *testing.T, file string) {
			must(t, os.WriteFile(file, []byte(`1`), 0o600))
			must(t, os.Truncate(file, 1<<40))
		},
	} {
		for _, when := range []string{"Open", "Get", "Put", "Delete"} {
			t.Run(name+" "+when, func(t *testing.T) { notAFile(t, lay, when) })
		}
	}
}

func notAFile(t *testing.T, lay func(*testing.T, string), when string) {
	dir := t.TempDir()
	write(t, dir, "signal/strategy-a/ETHUSDT.json", `"neighbour"`)
	s := open(t, dir, nil)
	lay(t, filepath.Join(dir, btcFile))
	wantDamaged(t, s, btc)
	want := damagedNow
	switch when {
	case "Put":
		put(t, s, btc, `1`)
		want = outcome{data: `1`}
	case "Delete":
		must(t, s.Delete(t.Context(), btc))
		want = absentNow
	}
	for range 2 {
		if now := got(t, s); now != want {
			t.Fatalf("after %s: %v", when, now)
		}
		closeStore(t, s)
		s = open(t, dir, nil)
	}
	wantValue(t, s, eth, `"neighbour"`)
	if files := kept(t, dir, "original"); len(files) != 1 {
		t.Errorf("in quarantine: %q", files)
	}
	put(t, s, btc, `2`)
	wantValue(t, s, btc, `2`)
}

// A reader without the lock meets what nobody has recovered.
func TestLinkedEntityReadOnly(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	write(t, outside, "BTCUSDT.json", `"secret"`)
	write(t, dir, "real/BTCUSDT.json", `"real"`)
	link(t, dir, outside, "out")
	link(t, dir, "real", "in")
	ro := open(t, dir, &filestore.Options{ReadOnly: true})
	for _, entity := range []string{"out", "in"} {
		k := driver.Key{Entity: entity, ID: "BTCUSDT"}
		rec, err := ro.Get(t.Context(), k)
		wantLinkError(t, fmt.Sprintf("Get %q", rec.Data), entity, err)
		wantLinkError(t, "IDs", entity, firstError(ro.IDs(t.Context(), entity)))
	}
	if err := firstError(ro.Entities(t.Context())); !errors.Is(err, driver.ErrDamaged) {
		t.Errorf("Entities: %v", err)
	}
}

// wantLinkError demands an error that names the link and the way out.
func wantLinkError(t *testing.T, what, name string, err error) {
	t.Helper()
	if !errors.Is(err, driver.ErrDamaged) || !strings.Contains(err.Error(), "/"+name+": a symbolic link") ||
		!strings.Contains(err.Error(), "move the directory itself to this place") {
		t.Errorf("%s through a link: %v", what, err)
	}
}

// Check tells all that is wrong at once, also what Open refuses at sight.
func TestCheckOfMisplaced(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "real/good.json", `1`)
	write(t, dir, "real/empty.json", ``)
	write(t, dir, "real/%{41}.json", `1`)
	write(t, dir, "custom/x.json/value.json", `1`)
	write(t, dir, "a%{41}/value.json", `1`)
	link(t, dir, "real", "in")
	report, err := open(t, dir, &filestore.Options{ReadOnly: true}).Check(t.Context(), nil)
	must(t, err)
	got := map[string]driver.Action{}
	for _, f := range report.Findings {
		rel, err := filepath.Rel(dir, f.Path)
		must(t, err)
		got[filepath.ToSlash(rel)+" "+string(f.Problem)] = f.Action
	}
	want := map[string]driver.Action{
		"real/empty.json empty":     driver.ActionQuarantine,
		"real/%{41}.json misplaced": driver.ActionRefuse,
		"custom/x.json misplaced":   driver.ActionRefuse,
		"a%{41} misplaced":          driver.ActionRefuse,
		"in misplaced":              driver.ActionRefuse,
	}
	if !maps.Equal(got, want) || report.Damaged() != len(want) || report.Values != 2 {
		t.Errorf("got %v, %d values", got, report.Values)
	}
	if s, err := filestore.Open(t.Context(), dir, direct(nil)); !errors.Is(err, driver.ErrDamaged) {
		closeStore(t, s)
		t.Errorf("Open: %v", err)
	}
}

// The base directory itself may be a link: somebody chose it.
func TestLinkedBase(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "real"), 0o700))
	link(t, dir, "real", "link")
	s := open(t, filepath.Join(dir, "link"), nil)
	put(t, s, btc, `1`)
	wantLocked(t, filepath.Join(dir, "real"))
	closeStore(t, s)
	wantValue(t, open(t, filepath.Join(dir, "real"), nil), btc, `1`)
}

// P9 keeps others out: 0700 and 0600, and less where the umask says so.
func TestPermissions(t *testing.T) {
	for _, mask := range []int{0, 0o022, 0o277} {
		dir := filepath.Join(t.TempDir(), "logs", "data")
		old := unix.Umask(mask)
		s, err := filestore.Open(t.Context(), dir, direct(nil))
		if mask == 0o277 && os.Getuid() != 0 {
			unix.Umask(old)
			continue // such a mask locks its own user out
		}
		if err == nil {
			err = s.Put(t.Context(), btc, []byte(`{`+`}`))
		}
		unix.Umask(old)
		must(t, err)
		must(t, damages["garbage"](filepath.Join(dir, btcFile)))
		must(t, s.Delete(t.Context(), btc))
		put(t, s, eth, `1`)
		closeStore(t, s)
		must(t, filepath.Walk(filepath.Dir(dir), func(p string, info os.FileInfo, err error) error {
			if err != nil {
				return err
			}
			if open := info.Mode().Perm() &^ 0o600; open&^0o100 != 0 || open != 0 && !info.IsDir() {
				t.Errorf("umask %#o: %s has %v", mask, p, info.Mode())
			}
			return nil
		}))
		if info, err := os.Stat(filepath.Join(dir, "signal")); err != nil || mask == 0o277 && info.Mode().Perm() != 0o500 {
			t.Errorf("umask %#o: signal has %v, %v", mask, info.Mode(), err)
		}
	}
}

// An own directory of a file system, mounted as the base, has what only root
// may read.
func TestLostAndFound(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "lost+found"), 0))
	write(t, dir, btcFile, `1`)
	fsys := faultfs.New(osFS(t, dir), faultfs.Rule{Op: faultfs.OpReadDir, Path: "lost+found", Sticky: true, Err: syscall.EACCES})
	s := open(t, dir, &filestore.Options{FS: fsys})
	wantValue(t, s, btc, `1`)
	k := driver.Key{Entity: "lost+found", ID: "x"}
	put(t, s, k, `2`)
	wantValue(t, s, k, `2`)
	if got := strings.Join(entities(t, s), " "); got != "lost+found signal/strategy-a" {
		t.Errorf("Entities: %s", got)
	}
	closeStore(t, s)
	wantValue(t, open(t, dir, nil), k, `2`)
}

// The missing directories of the base are made, and nothing is by a reader.
func TestMissingBase(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b", "c")
	_, err := filestore.Open(t.Context(), dir, direct(&filestore.Options{ReadOnly: true}))
	if !errors.Is(err, syscall.ENOENT) || !strings.Contains(err.Error(), dir) {
		t.Errorf("reading what is not there: %v", err)
	}
	if _, err := os.Lstat(filepath.Dir(filepath.Dir(dir))); !os.IsNotExist(err) {
		t.Errorf("a reader made directories: %v", err)
	}
	s := open(t, dir, nil)
	put(t, s, btc, `1`)
	closeStore(t, s)
	wantValue(t, open(t, dir, &filestore.Options{ReadOnly: true}), btc, `1`)
}

// Links in the place of Holdfast's own directories and files are not followed,
// and the error says what to do.
func TestLinkedOwnPlaces(t *testing.T) {
	for name, lay := range map[string]func(dir, outside string){
		"/.holdfast":            func(dir, outside string) { link(t, dir, outside, ".holdfast") },
		"/.holdfast/LOCK":       func(dir, outside string) { link(t, dir, filepath.Join(outside, "f"), ".holdfast/LOCK") },
		"/.holdfast/quarantine": func(dir, outside string) { link(t, dir, outside, ".holdfast/quarantine") },
	} {
		dir, outside := t.TempDir(), t.TempDir()
		write(t, outside, "f", `1`)
		if name != "/.holdfast" {
			must(t, os.Mkdir(filepath.Join(dir, ".holdfast"), 0o700))
		}
		lay(dir, outside)
		s, err := filestore.Open(t.Context(), dir, direct(nil))
		if err == nil {
			closeStore(t, s)
		}
		if err == nil || !strings.Contains(err.Error(), "link") || !strings.Contains(err.Error(), "not followed") {
			t.Errorf("%s: %v", name, err)
		}
		left, err := os.ReadDir(outside)
		if err != nil || len(left) != 1 {
			t.Errorf("%s: written outside: %v, %v", name, left, err)
		}
	}
	file := filepath.Join(t.TempDir(), "f")
	must(t, os.WriteFile(file, nil, 0o600))
	if _, err := filestore.Open(t.Context(), file, direct(nil)); err == nil || !strings.Contains(err.Error(), "name a directory") {
		t.Errorf("a file as base: %v", err)
	}
}
