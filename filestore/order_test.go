package filestore_test

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

// ledger writes down the calls that reach the file system, and knows from them
// what a power cut could still take back.
type ledger struct {
	mu    sync.Mutex
	calls []string
	dirty map[string]string // file or directory → the call that nobody has flushed
	wrong []string          // renames of files whose bytes had not been flushed
}

func (l *ledger) note(op faultfs.Op, name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	call := fmt.Sprint(op, " ", plain(name))
	temp := strings.HasPrefix(path.Base(name), ".tmp-")
	switch op {
	case faultfs.OpWrite, faultfs.OpChtimes:
		l.dirty[name] = call
	case faultfs.OpSync:
		delete(l.dirty, name)
	case faultfs.OpRename:
		for file := range l.dirty {
			if plain(file) == path.Join(path.Dir(name), "TEMP-"+path.Base(name)) {
				l.wrong = append(l.wrong, call)
			}
		}
		l.dirty[path.Dir(name)] = call
	case faultfs.OpMkdir, faultfs.OpRemove:
		if !temp {
			l.dirty[path.Dir(name)] = call
		}
	case faultfs.OpSyncDir:
		delete(l.dirty, name)
	default:
		return
	}
	l.calls = append(l.calls, call)
}

// plain takes out of a name what is random.
func plain(name string) string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		if strings.HasPrefix(p, ".tmp-") && len(p) > 22 {
			parts[i] = "TEMP-" + p[22:]
		}
		if i > 0 && parts[i-1] == "quarantine" {
			parts[i] = "CASE"
		}
	}
	return strings.Join(parts, "/")
}

// take returns the calls since the last take, and ends the test if the last
// call was acknowledged before everything was flushed.
func (l *ledger) take(t *testing.T) []string {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	calls := l.calls
	l.calls = nil
	for _, call := range l.wrong {
		t.Fatalf("%s before the bytes were flushed; calls: %s", call, strings.Join(calls, ", "))
	}
	for name, call := range l.dirty {
		t.Fatalf("acknowledged, but nobody flushed %s after %q; calls: %s", name, call, strings.Join(calls, ", "))
	}
	return calls
}

func audited(t *testing.T, dir string, o filestore.Options) (*filestore.Store, *ledger) {
	t.Helper()
	l := &ledger{dirty: map[string]string{}}
	fsys := faultfs.New(osFS(t, dir))
	fsys.OnCall = l.note
	o.FS = fsys
	s := open(t, dir, &o)
	return s, l
}

// P1: the order of calls that makes an acknowledged change durable.
func TestDurableOrder(t *testing.T) {
	s, l := audited(t, t.TempDir(), filestore.Options{})
	l.take(t)
	replaced := []string{
		"Write signal/strategy-a/TEMP-BTCUSDT.json", "Chtimes signal/strategy-a/TEMP-BTCUSDT.json",
		"Sync signal/strategy-a/TEMP-BTCUSDT.json", "Rename signal/strategy-a/BTCUSDT.json", "SyncDir signal/strategy-a",
	}
	created := append([]string{
		"Mkdir signal", "SyncDir .", "Mkdir signal/strategy-a", "SyncDir signal",
	}, replaced...)
	removed := []string{"Remove signal/strategy-a/BTCUSDT.json", "SyncDir signal/strategy-a"}
	for _, step := range []struct {
		name string
		do   func() error
		want []string
	}{
		{"first Put", func() error { return s.Put(t.Context(), btc, []byte(`1`)) }, created},
		{"second Put", func() error { return s.Put(t.Context(), btc, []byte(`2`)) }, replaced},
		{"Delete", func() error { return s.Delete(t.Context(), btc) }, removed},
		{"Put after Delete", func() error { return s.Put(t.Context(), btc, []byte(`3`)) }, replaced},
		{"Clear", func() error { return s.Clear(t.Context(), btc.Entity) }, removed},
	} {
		must(t, step.do())
		if got := l.take(t); !slices.Equal(got, step.want) {
			t.Fatalf("%s:\n got %s\nwant %s", step.name, strings.Join(got, ", "), strings.Join(step.want, ", "))
		}
	}
}

// A process that was killed may have left names that only the page cache
// knows: of directories, of files that it renamed and did not acknowledge, of
// removals. What Open has seen must not be gone after a power cut.
func TestOpenFlushesWhatItFinds(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, btcFile, `1`)
	must(t, os.MkdirAll(filepath.Join(dir, "risk", "empty"), 0o700))
	_, l := audited(t, dir, filestore.Options{})
	calls := l.take(t)
	for _, want := range []string{"SyncDir .", "SyncDir signal", "SyncDir signal/strategy-a", "SyncDir risk", "SyncDir risk/empty"} {
		if !slices.Contains(calls, want) {
			t.Errorf("Open made no %s: %s", want, strings.Join(calls, ", "))
		}
	}
}

// Directories that somebody made after Open are no more durable.
func TestFirstPutFlushesFoundDirectories(t *testing.T) {
	dir := t.TempDir()
	s, l := audited(t, dir, filestore.Options{})
	must(t, os.MkdirAll(filepath.Join(dir, "signal", "strategy-a"), 0o700))
	l.take(t)
	put(t, s, btc, `1`)
	calls := l.take(t)
	for _, want := range []string{"SyncDir .", "SyncDir signal"} {
		if i := slices.Index(calls, want); i < 0 || i > slices.Index(calls, "Rename "+btcFile) {
			t.Errorf("Put made no %s in time: %s", want, strings.Join(calls, ", "))
		}
	}
}

// An absent value is an answer too: an earlier process may have unlinked it
// and been killed.
func TestDeleteOfAbsentFlushes(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "signal/strategy-a/other.json", `1`)
	s, l := audited(t, dir, filestore.Options{})
	l.take(t)
	if err := s.Delete(t.Context(), btc); err == nil {
		t.Fatal("Delete of an absent value is nil")
	}
	if calls := l.take(t); !slices.Contains(calls, "SyncDir signal/strategy-a") {
		t.Fatalf("no flush: %s", strings.Join(calls, ", "))
	}
}

// Whatever moves, all is flushed when the call returns; and nothing takes a
// damaged file away before its bytes and the reason are.
func TestQuarantineOrder(t *testing.T) {
	for name, damage := range damages {
		for _, when := range []string{"Open", "Put", "Delete"} {
			t.Run(name+" "+when, func(t *testing.T) {
				dir := t.TempDir()
				write(t, dir, btcFile, `{"a":1}`)
				if when == "Open" {
					must(t, damage(filepath.Join(dir, btcFile)))
				}
				s, l := audited(t, dir, filestore.Options{})
				calls := l.take(t)
				if when != "Open" {
					must(t, damage(filepath.Join(dir, btcFile)))
					must(t, map[string]func() error{
						"Put":    func() error { return s.Put(t.Context(), btc, []byte(`2`)) },
						"Delete": func() error { return s.Delete(t.Context(), btc) },
					}[when]())
					calls = l.take(t)
				}
				wantKeptFirst(t, calls, name == "directory")
				if name == "directory" && !slices.Contains(calls, "SyncDir signal/strategy-a") {
					t.Errorf("the directory that it was moved from was not flushed: %s", strings.Join(calls, ", "))
				}
			})
		}
	}
}

func wantKeptFirst(t *testing.T, calls []string, moved bool) {
	t.Helper()
	const folder = ".holdfast/quarantine/CASE"
	order := []string{"SyncDir .holdfast/quarantine", "Rename " + folder + "/bytes", "Rename " + folder + "/why.json", "Remove " + btcFile}
	if moved {
		order = []string{"SyncDir .holdfast/quarantine", "Rename " + folder + "/why.json", "Rename " + folder + "/original"}
	}
	last := -1
	for _, call := range order {
		i := slices.Index(calls, call)
		if i <= last {
			t.Fatalf("%s is missing or out of order: %s", call, strings.Join(calls, ", "))
		}
		last = i
		if strings.HasPrefix(call, "Rename "+folder) && !slices.Contains(calls[i:], "SyncDir "+folder) {
			t.Fatalf("no flush after %s: %s", call, strings.Join(calls, ", "))
		}
	}
	// Each step is flushed before the next one begins.
	if i := slices.Index(calls, order[len(order)-1]); calls[i-1] != "SyncDir "+folder {
		t.Fatalf("taken away before the folder was flushed: %s", strings.Join(calls, ", "))
	}
}

// The mark of a value is closed, durably, before the change that closes it is
// acknowledged.
func TestResolveOrder(t *testing.T) {
	for name, change := range map[string]func(s *filestore.Store) error{
		"Put":    func(s *filestore.Store) error { return s.Put(t.Context(), btc, []byte(`2`)) },
		"Delete": func(s *filestore.Store) error { return s.Delete(t.Context(), btc) },
		"Clear":  func(s *filestore.Store) error { return s.Clear(t.Context(), btc.Entity) },
		"Apply": func(s *filestore.Store) error {
			return s.Apply(t.Context(), nil, []driver.Op{{Key: btc, Delete: true}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, btcFile, ``)
			s, l := audited(t, dir, filestore.Options{})
			l.take(t)
			must(t, change(s))
			calls := l.take(t)
			i := slices.Index(calls, "Rename .holdfast/quarantine/CASE/resolved")
			if i < 0 || i+1 != slices.Index(calls[i:], "SyncDir .holdfast/quarantine/CASE")+i {
				t.Fatalf("the mark was not closed durably: %s", strings.Join(calls, ", "))
			}
			if place := slices.Index(calls, "SyncDir signal/strategy-a"); place < 0 || place > i {
				t.Fatalf("the mark was closed before the change was durable: %s", strings.Join(calls, ", "))
			}
		})
	}
}
