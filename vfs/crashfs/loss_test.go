package crashfs_test

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/vfs"
	"github.com/holdfast-go/holdfast/vfs/crashfs"
)

// over writes data over what a file holds, at off.
func over(t testing.TB, fsys vfs.FS, name string, off int64, data string) vfs.File {
	t.Helper()
	f, err := fsys.OpenFile(name, os.O_RDWR, 0)
	must(t, err)
	_, err = f.WriteAt([]byte(data), off)
	must(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

func eachModel(t *testing.T, f func(t *testing.T, m crashfs.Model)) {
	for _, m := range crashfs.Models() {
		t.Run(m.String(), func(t *testing.T) { f(t, m) })
	}
}

// The changes of names, each kept and lost on its own; with ext4 in their order.
func TestNames(t *testing.T) {
	files := map[string]string{"a": "1", "b": "2", "d/c": "3"}
	for _, tt := range []struct {
		what   string
		do     func(fsys *crashfs.FS) error
		names  []string
		strict []string
		ext4   []string // nil: the same
	}{
		{"a removal", func(fsys *crashfs.FS) error { return fsys.Remove("a") },
			[]string{"a"}, []string{"1", absent}, nil},
		{"two removals", func(fsys *crashfs.FS) error { return first(fsys.Remove("a"), fsys.Remove("b")) },
			[]string{"a", "b"}, []string{"1 2", absent + " 2", "1 " + absent, absent + " " + absent},
			[]string{"1 2", absent + " 2", absent + " " + absent}},
		{"a rename within a directory", func(fsys *crashfs.FS) error { return fsys.Rename("a", "b") },
			[]string{"a", "b"}, []string{"1 2", absent + " 1"}, nil},
		{"an exchange within a directory", func(fsys *crashfs.FS) error { return fsys.Exchange("a", "b") },
			[]string{"a", "b"}, []string{"1 2", "2 1"}, nil},
		{"a rename between directories", func(fsys *crashfs.FS) error { return fsys.Rename("a", "d/a") },
			[]string{"a", "d/a"}, []string{"1 " + absent, absent + " 1", "1 1", absent + " " + absent},
			[]string{"1 " + absent, absent + " 1"}},
		{"with the new directory synced", func(fsys *crashfs.FS) error { return first(fsys.Rename("a", "d/a"), fsys.SyncDir("d")) },
			[]string{"a", "d/a"}, []string{"1 1", absent + " 1"}, []string{absent + " 1"}},
		{"with the old directory synced", func(fsys *crashfs.FS) error { return first(fsys.Rename("a", "d/a"), fsys.SyncDir(".")) },
			[]string{"a", "d/a"}, []string{absent + " 1", absent + " " + absent}, []string{absent + " 1"}},
		{"an exchange between directories", func(fsys *crashfs.FS) error { return fsys.Exchange("a", "d/c") },
			[]string{"a", "d/c"}, []string{"1 3", "3 1", "1 1", "3 3"}, []string{"1 3", "3 1"}},
		{"a new directory, and what was synced in it", func(fsys *crashfs.FS) error {
			return first(fsys.Mkdir("new", 0o700), fsys.Rename("a", "new/a"), fsys.SyncDir("new"))
		}, []string{"a", "new/a"}, []string{"1 " + absent, absent + " " + absent, "1 1", absent + " 1"}, []string{absent + " 1"}},
		{"everything synced", func(fsys *crashfs.FS) error { return first(fsys.Rename("a", "d/a"), fsys.Remove("b"), fsys.SyncAll()) },
			[]string{"a", "b", "d/a"}, []string{absent + " " + absent + " 1"}, nil},
	} {
		eachModel(t, func(t *testing.T, m crashfs.Model) {
			d, fsys := durable(t, nil, files)
			must(t, tt.do(fsys))
			want := tt.strict
			if m == crashfs.Ext4 && tt.ext4 != nil {
				want = tt.ext4
			}
			t.Log(tt.what)
			wantOutcomes(t, d, m, tt.names, slices.Clone(want)...)
		})
	}
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// A directory that a crash leaves under two names has but one of them.
func TestMovedDirectory(t *testing.T) {
	d, fsys := durable(t, nil, map[string]string{"a/b/x": "1", "c/y": "2"})
	must(t, fsys.Rename("a/b", "c/b"))
	wantOutcomes(t, d, crashfs.Strict, []string{"a/b/x", "c/b/x"},
		"1 "+absent, absent+" 1", absent+" "+absent)
}

// Bytes over durable ones are old or new, never anything else.
func TestWriteInPlace(t *testing.T) {
	d, fsys := durable(t, nil, map[string]string{"a": "abcdefgh"})
	over(t, fsys, "a", 2, "WXYZ")
	got := outcomes(t, d, crashfs.Strict, "a")
	for _, want := range []string{"abcdefgh", "abWXYZgh", "abWdefgh", "abWXefgh", "abWXYfgh", "abcXYZgh", "abcdYZgh"} {
		if !slices.Contains(got, want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
	for _, s := range got {
		for i, c := range []byte(s) {
			if c != "abcdefgh"[i] && c != "abWXYZgh"[i] {
				t.Errorf("%q has %q at %d", s, c, i)
			}
		}
	}
	wantOutcomes(t, d, crashfs.Ext4, []string{"a"}, "abcdefgh", "abWXYZgh") // within one sector
	must(t, over(t, fsys, "a", 0, "").Sync())
	eachModel(t, func(t *testing.T, m crashfs.Model) { wantOutcomes(t, d, m, []string{"a"}, "abWXYZgh") })
}

// A write of several pages is torn at each of them; and what was zeros stays
// zeros, or becomes data.
func TestTornAtEachPage(t *testing.T) {
	const pages = 5
	d, fsys := durable(t, nil, map[string]string{"seg": strings.Repeat("\x00", pages*4096)})
	over(t, fsys, "seg", 100, strings.Repeat("x", pages*4096-100))
	eachModel(t, func(t *testing.T, m crashfs.Model) {
		got := outcomes(t, d, m, "seg")
		for i := 1; i < pages; i++ {
			head := strings.Repeat("\x00", 100) + strings.Repeat("x", i*4096-100) + strings.Repeat("\x00", (pages-i)*4096)
			tail := strings.Repeat("\x00", i*4096) + strings.Repeat("x", (pages-i)*4096)
			if !slices.Contains(got, head) || !slices.Contains(got, tail) {
				t.Errorf("not torn at page %d", i)
			}
		}
	})
}

// What a file grew by reads as zeros, or as what the disk held before, but with
// ext4 as zeros only.
func TestGrownFile(t *testing.T) {
	d, fsys := durable(t, nil, map[string]string{"a": "old", "b": "0123456789"})
	over(t, fsys, "a", 3, "new")
	strict, ext4 := outcomes(t, d, crashfs.Strict, "a"), outcomes(t, d, crashfs.Ext4, "a")
	for _, want := range []string{"old", "oldnew", "old\x00\x00\x00", "old345", "oldn", "oldn\x00\x00", "old\x00ew"} {
		if !slices.Contains(strict, want) {
			t.Errorf("strict: no %q in %q", want, strict)
		}
	}
	slices.Sort(ext4)
	if want := []string{"old", "old\x00\x00\x00", "oldnew"}; !slices.Equal(ext4, want) {
		t.Errorf("ext4: %q, want %q", ext4, want)
	}
}

// A later write to the same page takes the earlier one with it in a page cache,
// and by POSIX need not.
func TestWritesToOnePage(t *testing.T) {
	d, fsys := durable(t, nil, map[string]string{"a": "abcd"})
	over(t, fsys, "a", 0, "1")
	over(t, fsys, "a", 3, "2")
	wantOutcomes(t, d, crashfs.Strict, []string{"a"}, "abcd", "1bcd", "abc2", "1bc2")
	wantOutcomes(t, d, crashfs.Ext4, []string{"a"}, "abcd", "1bcd", "1bc2")
}

func TestTruncate(t *testing.T) {
	d, fsys := durable(t, nil, map[string]string{"a": "abcdef"})
	f := over(t, fsys, "a", 0, "")
	must(t, f.Truncate(2))
	eachModel(t, func(t *testing.T, m crashfs.Model) { wantOutcomes(t, d, m, []string{"a"}, "abcdef", "ab") })
	must(t, f.Truncate(4)) // what was cut off does not come back
	wantOutcomes(t, d, crashfs.Ext4, []string{"a"}, "abcdef", "ab", "ab\x00\x00")
	must(t, vfs.Datasync(f))
	eachModel(t, func(t *testing.T, m crashfs.Model) { wantOutcomes(t, d, m, []string{"a"}, "ab\x00\x00") })
}

// The name of a new file is durable by its own fsync on ext4, and not by POSIX.
func TestSyncOfNewFile(t *testing.T) {
	d, fsys := durable(t, nil, nil)
	write(t, fsys, "a", "1", true)
	wantOutcomes(t, d, crashfs.Strict, []string{"a"}, "1", absent)
	wantOutcomes(t, d, crashfs.Ext4, []string{"a"}, "1")
}

// fdatasync leaves the times behind, fsync does not.
func TestTimes(t *testing.T) {
	d, fsys := durable(t, nil, map[string]string{"a": "1"})
	stamp := time.Unix(1000, 5)
	f := over(t, fsys, "a", 0, "2")
	must(t, fsys.Chtimes("a", stamp))
	times := func(m crashfs.Model) map[bool]bool {
		seen := map[bool]bool{}
		var last *crashfs.Point
		for p := range d.Trace().Points(m) {
			last = p
		}
		for s := range last.States(nil) {
			if !s.Killed() {
				seen[s.Disk(nil).Tree()[0].ModTime.Equal(stamp)] = true
			}
		}
		return seen
	}
	must(t, vfs.Datasync(f))
	eachModel(t, func(t *testing.T, m crashfs.Model) {
		if got := times(m); len(got) != 2 {
			t.Errorf("after fdatasync: %v", got)
		}
	})
	must(t, f.Sync())
	eachModel(t, func(t *testing.T, m crashfs.Model) {
		if got := times(m); !got[true] || got[false] {
			t.Errorf("after fsync: %v", got)
		}
	})
}

// SyncAll leaves bytes in the drive's cache that were written in place, unless
// the file has something to be logged.
func TestSyncAllInPlace(t *testing.T) {
	d, fsys := durable(t, nil, map[string]string{"a": "1", "b": "1"})
	over(t, fsys, "a", 0, "2")
	over(t, fsys, "b", 0, "2")
	must(t, fsys.Chtimes("b", time.Unix(1000, 0)))
	must(t, fsys.SyncAll())
	wantOutcomes(t, d, crashfs.Strict, []string{"a", "b"}, "1 2", "2 2")
	wantOutcomes(t, d, crashfs.Ext4, []string{"a", "b"}, "2 2")
}

// A failed fsync leaves its data neither durable nor dirty.
func TestFailedSync(t *testing.T) {
	for name, fail := range map[string]func(d *crashfs.Disk, f vfs.File) error{
		"inside":  func(_ *crashfs.Disk, f vfs.File) error { return f.Sync() },
		"outside": func(d *crashfs.Disk, _ vfs.File) error { d.SyncFailed("a"); return errBad },
		"all":     func(d *crashfs.Disk, _ vfs.File) error { d.SyncFailed(""); return errBad },
	} {
		t.Run(name, func(t *testing.T) {
			failing := false
			o := &crashfs.Options{Fault: func(c crashfs.Call) error {
				if failing && c.Op == crashfs.OpSync {
					return errBad
				}
				return nil
			}}
			d, fsys := durable(t, o, map[string]string{"a": "old"})
			f := over(t, fsys, "a", 0, "new")
			failing = name == "inside"
			if err := fail(d, f); err == nil || !strings.Contains(err.Error(), errBad.Error()) {
				t.Fatal(err)
			}
			failing = false
			must(t, f.Sync())
			must(t, fsys.SyncDir("."))
			got := outcomes(t, d, crashfs.Strict, "a")
			if name != "all" { // whose data nobody has synced in place anyway
				if !slices.Contains(got, "old") || !slices.Contains(got, "new") {
					t.Errorf("a second sync covers what the first has lost: %q", got)
				}
			}
			over(t, fsys, "a", 0, "NEW") // written anew, and synced
			must(t, f.Sync())
			wantOutcomes(t, d, crashfs.Strict, []string{"a"}, "NEW")
			wantOutcomes(t, d, crashfs.Ext4, []string{"a"}, "NEW")
		})
	}
}

var errBad = fmt.Errorf("bad disk")

// After a kill everything is there, and a power cut may still take it.
func TestKilled(t *testing.T) {
	eachModel(t, func(t *testing.T, m crashfs.Model) {
		d, fsys := durable(t, nil, map[string]string{"a": "old"})
		write(t, fsys, "tmp", "new", true)
		must(t, fsys.Rename("tmp", "a"))
		var killed *crashfs.Disk
		for p := range d.Trace().Points(m) {
			for s := range p.States(nil) {
				if s.Killed() {
					killed = s.Disk(nil)
				}
			}
		}
		if got := content(killed, "a"); got != "new" {
			t.Fatalf("after the kill: %q", got)
		}
		if got := killed.Trace().Models(); !slices.Equal(got, []crashfs.Model{m}) {
			t.Fatalf("models %v", got)
		}
		wantOutcomes(t, killed, m, []string{"a"}, "old", "new")
		must(t, killed.Mount().SyncDir("."))
		wantOutcomes(t, killed, m, []string{"a"}, "new")
	})
}

// Up to 8 changes: every subset. Beyond: the regular ones, and a sample that the
// seed makes.
func TestSubsets(t *testing.T) {
	for _, n := range []int{3, 8, 12} {
		d, fsys := durable(t, nil, nil)
		for i := range n {
			must(t, fsys.Mkdir(fmt.Sprint(i), 0o700))
		}
		count := func(o *crashfs.Sampling) (list []string) {
			var last *crashfs.Point
			for p := range d.Trace().Points(crashfs.Strict) {
				last = p
			}
			if last.Pending() != n {
				t.Fatalf("%d changes are pending", last.Pending())
			}
			for s := range last.States(o) {
				list = append(list, s.Key())
			}
			return list
		}
		got := count(&crashfs.Sampling{Seed: 1})
		switch {
		case n <= 8:
			if len(got) != 1<<n+1 {
				t.Errorf("%d states of %d changes", len(got), n)
			}
		case !slices.Equal(got, count(&crashfs.Sampling{Seed: 1})):
			t.Error("the same seed has other states")
		case slices.Equal(got, count(&crashfs.Sampling{Seed: 2})):
			t.Error("another seed has the same states")
		case len(got) < 3*n || len(count(&crashfs.Sampling{Subsets: 500})) <= len(got):
			t.Errorf("%d states of %d changes", len(got), n)
		}
	}
}

// Every state is found again by its key, and is the same disk.
func TestKeys(t *testing.T) {
	d, fsys := durable(t, nil, map[string]string{"a": "old", "d/x": strings.Repeat("y", 5000)})
	write(t, fsys, "tmp", strings.Repeat("z", 9000), false)
	must(t, fsys.Rename("tmp", "d/x"))
	over(t, fsys, "a", 1, "LDER")
	trace, n := d.Trace(), 0
	for _, m := range crashfs.Models() {
		for p := range trace.Points(m) {
			for s := range p.States(nil) {
				again, err := trace.State(s.Key())
				must(t, err)
				if again.Hash() != s.Hash() || again.String() != s.String() || again.Key() != s.Key() {
					t.Fatalf("%s is %s, and by its key %s", s.Key(), s, again)
				}
				n++
			}
		}
	}
	for _, key := range []string{"", "strict", "strict/1", "strict/99/killed", "weird/1/killed", "strict/1/+++++", "strict/1/x", "ext4/1/<"} {
		if _, err := trace.State(key); err == nil {
			t.Errorf("%q is a state", key)
		}
	}
	t.Logf("%d states", n)
}

// Skipped files stay as they are, and tell no states apart.
func TestSkip(t *testing.T) {
	d, fsys := durable(t, nil, map[string]string{"LOCK": "me"})
	over(t, fsys, "LOCK", 0, "you")
	skip := &crashfs.Sampling{Skip: func(name string) bool { return name == "LOCK" }}
	hashes := map[uint64]bool{}
	for p := range d.Trace().Points(crashfs.Strict) {
		for s := range p.States(skip) {
			hashes[s.Hash()] = true
		}
	}
	if len(hashes) != 1 {
		t.Errorf("%d states", len(hashes))
	}
}

func TestMarks(t *testing.T) {
	d, fsys := durable(t, nil, nil)
	d.Mark("begun")
	must(t, fsys.Mkdir("a", 0o700))
	must(t, fsys.SyncDir("."))
	d.Mark("told")
	var seen []string
	for p := range d.Trace().Points(crashfs.Strict) {
		n, c := p.Call()
		seen = append(seen, fmt.Sprint(n, c.Op, p.Marks()))
	}
	want := []string{"0 [begun]", "1 Mkdir [begun]", "2 SyncDir [begun told]"}
	if fmt.Sprintf("%q", seen) != fmt.Sprintf("%q", want) && !slices.Equal(seen, []string{"0[begun]", "1Mkdir[begun]", "2SyncDir[begun told]"}) {
		t.Errorf("%q", seen)
	}
	if !bytes.Contains([]byte(d.Trace().String()), []byte("(told)")) || d.Calls() != 2 || len(d.Trace().Calls()) != 2 {
		t.Errorf("%s", d.Trace())
	}
}
