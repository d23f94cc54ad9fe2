package crashfs_test

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"testing"

	"github.com/holdfast-go/holdfast/vfs"
	"github.com/holdfast-go/holdfast/vfs/crashfs"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// write puts data into a file, and syncs it if told.
func write(t testing.TB, fsys vfs.FS, name, data string, sync bool) {
	t.Helper()
	f, err := fsys.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	must(t, err)
	_, err = f.Write([]byte(data))
	must(t, err)
	if sync {
		must(t, f.Sync())
	}
	must(t, f.Close())
}

// durable returns a disk on which files are durable, and a file system on it.
func durable(t testing.TB, o *crashfs.Options, files map[string]string) (*crashfs.Disk, *crashfs.FS) {
	t.Helper()
	d := crashfs.New(o)
	fsys := d.Mount()
	for name, data := range files {
		for i, c := range name {
			if c != '/' {
				continue
			}
			if err := fsys.Mkdir(name[:i], 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
				t.Fatal(err)
			}
		}
		write(t, fsys, name, data, false)
	}
	d = d.Settled(o)
	return d, d.Mount()
}

const absent = "absent"

func content(d *crashfs.Disk, name string) string {
	b, err := d.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return absent
	}
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// outcomes returns what the files named may hold after a power cut at the end of
// the record, sorted.
func outcomes(t testing.TB, d *crashfs.Disk, m crashfs.Model, names ...string) []string {
	t.Helper()
	var last *crashfs.Point
	for p := range d.Trace().Points(m) {
		last = p
	}
	var all []string
	for s := range last.States(nil) {
		if s.Killed() {
			continue
		}
		line := ""
		for i, name := range names {
			if i > 0 {
				line += " "
			}
			line += content(s.Disk(nil), name)
		}
		all = append(all, line)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func wantOutcomes(t testing.TB, d *crashfs.Disk, m crashfs.Model, names []string, want ...string) {
	t.Helper()
	slices.Sort(want)
	if got := outcomes(t, d, m, names...); !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q\n%s", m, got, want, d.Trace())
	}
}

// renameio's and natefinch/atomic's way: no sync of the directory, so that the
// acknowledged value may be gone.
func TestRenameWithoutDirectorySync(t *testing.T) {
	d, fsys := durable(t, nil, map[string]string{"a": "old"})
	write(t, fsys, "tmp", "new", true)
	must(t, fsys.Rename("tmp", "a"))
	for _, m := range crashfs.Models() {
		wantOutcomes(t, d, m, []string{"a"}, "new", "old")
	}
	must(t, fsys.SyncDir("."))
	for _, m := range crashfs.Models() {
		wantOutcomes(t, d, m, []string{"a"}, "new")
	}
}

// No sync of the file before it is renamed: torn, empty, zeros.
func TestRenameWithoutFileSync(t *testing.T) {
	d, fsys := durable(t, nil, map[string]string{"a": "old", "b": "other"})
	write(t, fsys, "tmp", "new!", false)
	must(t, fsys.Rename("tmp", "a"))
	must(t, fsys.SyncDir("."))
	got := outcomes(t, d, crashfs.Strict, "a")
	for _, want := range []string{"", "n", "ne", "new", "new!", "\x00\x00\x00\x00", "ne\x00\x00", "\x00\x00w!", "othe"} {
		if !slices.Contains(got, want) {
			t.Errorf("strict: no %q in %q", want, got)
		}
	}
	wantOutcomes(t, d, crashfs.Ext4, []string{"a"}, "", "\x00\x00\x00\x00", "new!")
}
