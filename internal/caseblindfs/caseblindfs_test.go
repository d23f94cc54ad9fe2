package caseblindfs_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/internal/caseblindfs"
	"github.com/holdfast-go/holdfast/vfs"
)

func open(t *testing.T) vfs.FS {
	t.Helper()
	inner, err := vfs.OpenOS(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	fsys := caseblindfs.New(inner)
	t.Cleanup(func() { fsys.Close() })
	return fsys
}

func put(t *testing.T, fsys vfs.FS, name, content string) {
	t.Helper()
	f, err := fsys.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.WriteString(f, content); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, fsys vfs.FS, name string) string {
	t.Helper()
	f, err := fsys.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func wantNames(t *testing.T, fsys vfs.FS, dir string, want ...string) {
	t.Helper()
	list, err := fsys.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range list {
		got = append(got, e.Name())
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s holds %q, want %q", dir, got, want)
	}
}

func TestOneFileInAnyCase(t *testing.T) {
	fsys := open(t)
	if err := fsys.Mkdir("Signal", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := fsys.Mkdir("SIGNAL", 0o700); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Mkdir: %v", err)
	}
	put(t, fsys, "signal/Ab.json", "1")
	put(t, fsys, "SIGNAL/aB.JSON", "2")
	wantNames(t, fsys, ".", "Signal")
	wantNames(t, fsys, "sIGNAL", "Ab.json")
	if got := get(t, fsys, "Signal/AB.json"); got != "2" {
		t.Errorf("got %q", got)
	}
	_, err := fsys.OpenFile("signal/AB.json", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if !errors.Is(err, fs.ErrExist) {
		t.Errorf("O_EXCL: %v", err)
	}
	when := time.Unix(1700000000, 0)
	if err := fsys.Chtimes("signal/ab.json", when); err != nil {
		t.Error(err)
	}
	if fi, err := fsys.Lstat("SIGNAL/AB.JSON"); err != nil || !fi.ModTime().Equal(when) {
		t.Errorf("Lstat: %v %v", fi, err)
	}
	if err := errors.Join(fsys.SyncDir("signal"), fsys.Remove("signal/AB.JSON"), fsys.Remove("SIGNAL")); err != nil {
		t.Error(err)
	}
	wantNames(t, fsys, ".")
}

func TestCapabilities(t *testing.T) {
	fsys := open(t)
	if err := fsys.Mkdir("Signal", 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, fsys, "signal/Ab.json", "12")
	list, err := vfs.StatDir(fsys, "SIGNAL")
	if err != nil || len(list) != 1 || list[0].Name != "Ab.json" || list[0].Size != 2 {
		t.Errorf("got %+v %v", list, err)
	}
	if _, err := vfs.StatDir(fsys, "absent"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	if got, err := vfs.Stat(fsys, "signal/AB.JSON"); err != nil || got != list[0] {
		t.Errorf("got %+v %v, want %+v", got, err, list[0])
	}

	in := &syncer{}
	if err := vfs.SyncAll(caseblindfs.New(in)); err != nil || in.synced != 1 {
		t.Errorf("synced %d times, %v", in.synced, err)
	}
	if err := vfs.SyncAll(caseblindfs.New(struct{ vfs.FS }{})); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("where the inner one cannot: %v", err)
	}
}

type syncer struct {
	vfs.FS
	synced int
}

func (s *syncer) SyncAll() error { s.synced++; return nil }

func TestFoldingIsUnicodes(t *testing.T) {
	fsys := open(t)
	put(t, fsys, "ÉΣ", "1")
	put(t, fsys, "éς", "2") // final sigma folds like the other two
	put(t, fsys, "e", "3")
	put(t, fsys, "k", "4")
	put(t, fsys, "\u212a", "5") // the Kelvin sign
	wantNames(t, fsys, ".", "e", "k", "ÉΣ")
}

func TestRename(t *testing.T) {
	fsys := open(t)
	put(t, fsys, "Old", "1")
	put(t, fsys, "Target", "2")
	if err := fsys.Rename("OLD", "TARGET"); err != nil {
		t.Fatal(err)
	}
	wantNames(t, fsys, ".", "Target")
	if got := get(t, fsys, "target"); got != "1" {
		t.Errorf("got %q", got)
	}
	if err := fsys.Rename("target", "TARGET"); err != nil {
		t.Fatal(err)
	}
	wantNames(t, fsys, ".", "TARGET")
	if err := fsys.Rename("absent", "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
}

func TestAbsentAndInvalidNames(t *testing.T) {
	fsys := open(t)
	put(t, fsys, "file", "")
	for _, name := range []string{"absent", "absent/deeper/x"} {
		if _, err := fsys.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"../x", "/x", "FILE/x", ""} {
		if _, err := fsys.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o600); err == nil {
			t.Errorf("%s was opened", name)
		}
		if err := fsys.Rename("file", name); err == nil {
			t.Errorf("renamed to %s", name)
		}
	}
	wantNames(t, fsys, ".", "file")
}

func TestConcurrentCreation(t *testing.T) {
	for range 100 { // in one round the six may happen to come one after the other
		fsys := open(t)
		var created atomic.Int32
		var wg sync.WaitGroup
		start := make(chan struct{})
		for _, name := range []string{"abc", "ABC", "aBc", "Abc", "abC", "ABc"} {
			wg.Go(func() {
				<-start
				f, err := fsys.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
				if err == nil {
					created.Add(1)
					f.Close()
				}
			})
		}
		close(start)
		wg.Wait()
		if created.Load() != 1 {
			t.Fatalf("created %d times", created.Load())
		}
	}
}
