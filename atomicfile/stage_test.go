package atomicfile_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/atomicfile"
	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

func stage(t *testing.T, r *recorder, name, content string, sync bool, o *atomicfile.Options) *atomicfile.Staged {
	t.Helper()
	s, err := atomicfile.Stage(r, name, []byte(content), sync, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The calls are those of Write, taken apart; without sync the flush is the
// caller's.
func TestStageOrder(t *testing.T) {
	for _, sync := range []bool{true, false} {
		fsys, _ := open(t)
		put(t, fsys, "x.json", "old")
		r := record(fsys)
		s := stage(t, r, "x.json", "new", sync, &atomicfile.Options{ModTime: time.Now()})
		want := []string{"OpenFile TEMP-x.json", "TryLock TEMP-x.json", "Write TEMP-x.json", "Chtimes TEMP-x.json"}
		if sync {
			want = append(want, "Sync TEMP-x.json")
		}
		wantCalls(t, r, append(want, "Close TEMP-x.json")...)
		wantContent(t, fsys, "x.json", "old")
		if err := s.Commit("x.json"); err != nil {
			t.Fatal(err)
		}
		wantCalls(t, r, "Rename x.json") // the directory is the caller's to sync
		wantContent(t, fsys, "x.json", "new")
		s.Discard()
		wantCalls(t, r)
		wantContent(t, fsys, "x.json", "new")
		wantNames(t, fsys, ".", "x.json")
	}
}

func TestStageOptions(t *testing.T) {
	fsys, dir := open(t)
	if err := fsys.Mkdir("d", 0o700); err != nil {
		t.Fatal(err)
	}
	r := record(fsys)
	then := time.Date(2024, 2, 29, 12, 0, 0, 123456700, time.UTC)
	s := stage(t, r, "d/x", "new", true, &atomicfile.Options{Perm: 0o640, TempPrefix: ".new-", ModTime: then})
	entries, err := os.ReadDir(filepath.Join(dir, "d"))
	if err != nil || len(entries) != 1 || !strings.HasPrefix(entries[0].Name(), ".new-") || !strings.HasSuffix(entries[0].Name(), "-x") {
		t.Fatalf("staged as %v, %v", entries, err)
	}
	if err := s.Commit("d/x"); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, "d", "x"))
	if err != nil || !info.ModTime().Equal(then) {
		t.Errorf("%v, %v", info, err)
	}
	if filepath.Separator == '/' && info.Mode().Perm() != 0o640 {
		t.Errorf("permissions %o", info.Mode().Perm())
	}
}

func TestStageDiscard(t *testing.T) {
	fsys, _ := open(t)
	put(t, fsys, "x", "old")
	s := stage(t, record(fsys), "x", "new", false, nil)
	s.Discard()
	wantContent(t, fsys, "x", "old")
	wantNames(t, fsys, ".", "x")
}

// Many staged files of one directory do not get into each other's way.
func TestStageMany(t *testing.T) {
	fsys, _ := open(t)
	r := record(fsys)
	var all []*atomicfile.Staged
	var want []string
	for i := range 50 {
		all = append(all, stage(t, r, fmt.Sprint(i%25), fmt.Sprint("content ", i), false, nil))
	}
	for i, s := range all {
		if err := s.Commit(fmt.Sprint(i % 25)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 25 {
		want = append(want, fmt.Sprint(i))
		wantContent(t, fsys, fmt.Sprint(i), fmt.Sprint("content ", i+25))
	}
	wantNames(t, fsys, ".", want...)
}

// Whatever fails, nothing stays and the old file stands.
func TestStageFaults(t *testing.T) {
	for _, op := range []faultfs.Op{faultfs.OpOpenFile, faultfs.OpWrite, faultfs.OpChtimes, faultfs.OpSync, faultfs.OpClose} {
		for _, cause := range []error{syscall.EIO, syscall.ENOSPC} {
			fsys, _ := open(t)
			put(t, fsys, "x", "old")
			r := record(fsys, faultfs.Rule{Op: op, Err: cause, Short: op == faultfs.OpWrite})
			s, err := atomicfile.Stage(r, "x", []byte("new"), true, &atomicfile.Options{ModTime: time.Now()})
			if s != nil || !errors.Is(err, cause) || isFlushError(err) != (op == faultfs.OpSync) {
				t.Errorf("%s fails: %v, %v", op, s, err)
			}
			wantContent(t, fsys, "x", "old")
			wantNames(t, fsys, ".", "x")
		}
	}
}

// A Commit that fails changes nothing; it may be tried again, or given up.
func TestStageCommitFails(t *testing.T) {
	fsys, _ := open(t)
	put(t, fsys, "x", "old")
	r := record(fsys, faultfs.Rule{Op: faultfs.OpRename, Path: "x", Err: syscall.EACCES},
		faultfs.Rule{Op: faultfs.OpRename, Path: "x", Err: syscall.EACCES, Nth: 3})
	s := stage(t, r, "x", "new", true, nil)
	wantErr(t, "Commit", s.Commit("x"), syscall.EACCES)
	wantContent(t, fsys, "x", "old")
	wantErr(t, "Commit again", s.Commit("x"), nil)
	wantContent(t, fsys, "x", "new")
	s = stage(t, r, "x", "newer", true, nil)
	wantErr(t, "Commit of another", s.Commit("x"), syscall.EACCES)
	s.Discard()
	wantContent(t, fsys, "x", "new")
	wantNames(t, fsys, ".", "x")
}

func TestStageWhereItCannotBe(t *testing.T) {
	fsys, _ := open(t)
	r := record(fsys)
	for name, want := range map[string]error{
		"": fs.ErrInvalid, ".": fs.ErrInvalid, "../x": fs.ErrInvalid, "/x": fs.ErrInvalid, "absent/x": fs.ErrNotExist,
	} {
		s, err := atomicfile.Stage(r, name, []byte("1"), true, nil)
		if s != nil {
			t.Errorf("%q is staged", name)
		}
		wantErr(t, name, err, want)
	}
	wantNames(t, fsys, ".")
}
