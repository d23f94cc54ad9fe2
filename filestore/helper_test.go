package filestore_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
	"github.com/holdfast-go/holdfast/vfs"
	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

// btc and eth are ordinary keys.
var (
	btc = driver.Key{Entity: "signal/strategy-a", ID: "BTCUSDT"}
	eth = driver.Key{Entity: "signal/strategy-a", ID: "ETHUSDT"}
)

const btcFile = "signal/strategy-a/BTCUSDT.json"

// open opens a store that the test closes. It writes directly, unless o says
// otherwise.
func open(t testing.TB, dir string, o *filestore.Options) *filestore.Store {
	t.Helper()
	s, err := filestore.Open(t.Context(), dir, direct(o))
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// direct returns options that write directly, unless o says otherwise.
func direct(o *filestore.Options) *filestore.Options {
	var own filestore.Options
	if o != nil {
		own = *o
	}
	if own.Journal == "" {
		own.Journal = filestore.Off
	}
	return &own
}

// journal opens a store with a journal, which the test closes.
func journal(t testing.TB, dir string, o *filestore.Options) *filestore.Store {
	t.Helper()
	var own filestore.Options
	if o != nil {
		own = *o
	}
	own.Journal = filestore.On
	return open(t, dir, &own)
}

func closeStore(t testing.TB, s *filestore.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
}

// osFS is the operating system's file system for wrappers.
func osFS(t testing.TB, dir string) vfs.FS {
	t.Helper()
	fsys, err := vfs.OpenOS(dir, &vfs.OSOptions{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	return fsys
}

// faulty opens a store over a file system with faults.
func faulty(t testing.TB, dir string, o filestore.Options) (*filestore.Store, *faultfs.FS) {
	t.Helper()
	fsys := faultfs.New(osFS(t, dir))
	o.FS = fsys
	return open(t, dir, &o), fsys
}

func put(t testing.TB, s driver.Store, k driver.Key, data string) {
	t.Helper()
	if err := s.Put(t.Context(), k, []byte(data)); err != nil {
		t.Fatalf("Put %s: %v", k, err)
	}
}

func wantValue(t testing.TB, s driver.Store, k driver.Key, data string) {
	t.Helper()
	rec, err := s.Get(t.Context(), k)
	if err != nil || string(rec.Data) != data {
		t.Fatalf("Get %s: %q, %v; want %q", k, rec.Data, err, data)
	}
	if has, err := s.Has(t.Context(), k); !has || err != nil {
		t.Fatalf("Has %s: %v, %v", k, has, err)
	}
}

// wantErr checks that Get and Has agree on an error.
func wantErr(t testing.TB, s driver.Store, k driver.Key, want error) {
	t.Helper()
	if rec, err := s.Get(t.Context(), k); !errors.Is(err, want) {
		t.Fatalf("Get %s: %q, %v; want error %v", k, rec.Data, err, want)
	}
	has, err := s.Has(t.Context(), k)
	if want == driver.ErrNotFound {
		want = nil
	}
	if has || !errors.Is(err, want) {
		t.Fatalf("Has %s: %v, %v; want error %v", k, has, err, want)
	}
}

func wantDamaged(t testing.TB, s driver.Store, k driver.Key) {
	t.Helper()
	wantErr(t, s, k, driver.ErrDamaged)
}

func wantAbsent(t testing.TB, s driver.Store, k driver.Key) {
	t.Helper()
	wantErr(t, s, k, driver.ErrNotFound)
}

func ids(t testing.TB, s *filestore.Store, entity string) []string {
	t.Helper()
	var all []string
	for id, err := range s.IDs(t.Context(), entity) {
		if err != nil {
			t.Fatalf("IDs %s: %v", entity, err)
		}
		all = append(all, id)
	}
	return all
}

func entities(t testing.TB, s *filestore.Store) []string {
	t.Helper()
	var all []string
	for e, err := range s.Entities(t.Context()) {
		if err != nil {
			t.Fatalf("Entities: %v", err)
		}
		all = append(all, e)
	}
	return all
}

// write makes a file, and the directories above it, behind the back of a store.
func write(t testing.TB, dir, name, data string) {
	t.Helper()
	file := filepath.Join(dir, filepath.FromSlash(name))
	must(t, os.MkdirAll(filepath.Dir(file), 0o700))
	must(t, os.WriteFile(file, []byte(data), 0o600))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tree describes every file below dir: name, kind and content. LOCK, whose
// content changes with every open, is left out.
func tree(t testing.TB, dir string) string {
	t.Helper()
	var lines []string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() == "LOCK" || p == dir {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		line := rel + " " + d.Type().String()
		if d.Type().IsRegular() {
			data, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			sum := sha256.Sum256(data)
			line += fmt.Sprintf(" %d %s", len(data), hex.EncodeToString(sum[:8]))
		}
		lines = append(lines, line)
		return nil
	})
	must(t, err)
	return strings.Join(lines, "\n")
}

// kept returns the files below the quarantine with a name, sorted.
func kept(t testing.TB, dir, name string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, ".holdfast", "quarantine", "*", name))
	must(t, err)
	slices.Sort(files)
	return files
}

// wantNoTemps checks that no temporary file lies about, quarantine included.
func wantNoTemps(t testing.TB, dir string) {
	t.Helper()
	for line := range strings.SplitSeq(tree(t, dir), "\n") {
		if strings.Contains(line, ".tmp-") {
			t.Fatalf("a temporary file is left: %s", line)
		}
	}
}

// needColons skips where a file name may not have one, so that a name has but
// one form.
func needColons(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("a file name has no colon here")
	}
}

// logBook is a log as lines of text.
type logBook struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logBook) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }
