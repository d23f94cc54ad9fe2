package filestore_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

// passingErrors say that a file cannot be read now, not that it is damaged.
var passingErrors = []error{syscall.EIO, syscall.EACCES, syscall.EMFILE, syscall.ENFILE, syscall.ESTALE}

// readOps are the calls that look at the disk.
var readOps = []faultfs.Op{faultfs.OpOpenFile, faultfs.OpRead, faultfs.OpStat, faultfs.OpReadDir, faultfs.OpLstat}

// callsOf counts what run calls, by kind.
func callsOf(fsys *faultfs.FS, run func()) map[faultfs.Op]int {
	before := map[faultfs.Op]int{}
	for _, op := range faultfs.Ops() {
		before[op] = fsys.Calls(op)
	}
	run()
	for _, op := range faultfs.Ops() {
		before[op] = fsys.Calls(op) - before[op]
	}
	return before
}

// P6: Open fails with the error, and nothing on the disk has moved. There is
// damage in the tree, to be acted on only if all else could be read.
func TestPassingErrorAtOpen(t *testing.T) {
	dir := ramDir(t)
	first := open(t, dir, nil)
	put(t, first, btc, `1`)
	put(t, first, driver.Key{Entity: "risk/conservative", ID: "BTC/USDT:USDT"}, `2`)
	put(t, first, driver.Key{Entity: "risk/conservative", ID: "open"}, `3`)
	closeStore(t, first)
	write(t, dir, "risk/conservative/open.json", ``)
	closeStore(t, open(t, dir, nil)) // one case in quarantine
	write(t, dir, "signal/strategy-a/damaged.json", `{`)
	before := tree(t, dir)

	counts := readsBeforeActing(t, dir)
	for _, want := range passingErrors {
		for _, op := range readOps {
			for n := 1; n <= counts[op]; n++ {
				fsys := faultfs.New(osFS(t, dir), faultfs.Rule{Op: op, Nth: n, Err: want})
				s, err := filestore.Open(t.Context(), dir, direct(&filestore.Options{FS: fsys}))
				if err == nil {
					s.Close()
				}
				if !errors.Is(err, want) {
					t.Fatalf("%v: Open gives %v", fsys.Injected(), err)
				}
				if after := tree(t, dir); after != before {
					t.Fatalf("%v: Open failed and changed the tree; before:\n%s\nafter:\n%s", fsys.Injected(), before, after)
				}
			}
		}
	}
	s := open(t, dir, nil)
	wantValue(t, s, btc, `1`)
	wantDamaged(t, s, driver.Key{Entity: "signal/strategy-a", ID: "damaged"})
	wantDamaged(t, s, driver.Key{Entity: "risk/conservative", ID: "open"})
}

// readsBeforeActing counts what opening a copy of dir reads before it begins to
// act on damage.
func readsBeforeActing(t *testing.T, dir string) map[faultfs.Op]int {
	t.Helper()
	copied := ramDir(t)
	must(t, os.CopyFS(copied, os.DirFS(dir)))
	counts, acting := map[faultfs.Op]int{}, false
	fsys := faultfs.New(osFS(t, copied))
	var mu sync.Mutex
	fsys.OnCall = func(op faultfs.Op, name string) {
		mu.Lock()
		defer mu.Unlock()
		acting = acting || op == faultfs.OpMkdir || op == faultfs.OpWrite
		if !acting {
			counts[op]++
		}
	}
	s := open(t, copied, &filestore.Options{FS: fsys})
	// The one that is damaged is looked at once more before it is moved, and so
	// is the folder that it goes to.
	wantDamaged(t, s, driver.Key{Entity: "signal/strategy-a", ID: "damaged"})
	if !acting || counts[faultfs.OpRead] < 5 {
		t.Fatalf("nothing was read, or not acted on: %v", counts)
	}
	return counts
}

// P6 while the store is open. A fault in any read that a call makes is that
// call's error; the value is neither absent nor damaged, nothing moves, and all
// is well when the fault has passed.
func TestPassingErrorAtCall(t *testing.T) {
	slash := driver.Key{Entity: "risk/conservative", ID: "BTC/USDT:USDT"}
	for name, call := range map[string]func(s *filestore.Store, k driver.Key) error{
		"Get":      func(s *filestore.Store, k driver.Key) error { _, err := s.Get(t.Context(), k); return err },
		"Has":      func(s *filestore.Store, k driver.Key) error { _, err := s.Has(t.Context(), k); return err },
		"Put":      func(s *filestore.Store, k driver.Key) error { return s.Put(t.Context(), k, []byte(`{"new":1}`)) },
		"Delete":   func(s *filestore.Store, k driver.Key) error { return s.Delete(t.Context(), k) },
		"Clear":    func(s *filestore.Store, k driver.Key) error { return s.Clear(t.Context(), k.Entity) },
		"IDs":      func(s *filestore.Store, k driver.Key) error { return firstError(s.IDs(t.Context(), k.Entity)) },
		"Entities": func(s *filestore.Store, k driver.Key) error { return firstError(s.Entities(t.Context())) },
		"Check":    func(s *filestore.Store, k driver.Key) error { _, err := s.Check(t.Context(), nil); return err },
	} {
		for _, k := range []driver.Key{btc, slash} {
			t.Run(name+" "+strings.ReplaceAll(k.ID, "/", "-"), func(t *testing.T) {
				dir := ramDir(t)
				s, fsys := faulty(t, dir, filestore.Options{})
				put(t, s, k, `{"old":1}`)
				probe, probed := faulty(t, ramDir(t), filestore.Options{})
				put(t, probe, k, `{"old":1}`)
				counts := callsOf(probed, func() { must(t, call(probe, k)) })
				before := tree(t, dir)
				for _, want := range passingErrors {
					for _, op := range readOps {
						for n := 1; n <= counts[op]; n++ {
							fsys.Add(faultfs.Rule{Op: op, Nth: n, Err: want})
							err := call(s, k)
							fsys.Clear()
							at := fmt.Sprintf("%s %d of %d: %v", op, n, counts[op], want)
							if !errors.Is(err, want) {
								t.Fatalf("%s: the call gives %v", at, err)
							}
							if after := tree(t, dir); after != before {
								t.Fatalf("%s: the call failed and changed the tree; before:\n%s\nafter:\n%s", at, before, after)
							}
							wantValue(t, s, k, `{"old":1}`)
						}
					}
				}
				must(t, call(s, k))
			})
		}
	}
}

// The owner's quarantine is what a reader without the lock asks when a file is
// missing; an error there is no answer either.
func TestPassingErrorReadOnly(t *testing.T) {
	dir := ramDir(t)
	write(t, dir, btcFile, `{`)
	owner := open(t, dir, nil)
	ro, fsys := faulty(t, dir, filestore.Options{ReadOnly: true})
	wantDamaged(t, ro, btc)
	for _, op := range readOps {
		counts := callsOf(fsys, func() { wantErrOnly(t, ro, btc, driver.ErrDamaged) })
		for n := 1; n <= counts[op]; n++ {
			fsys.Add(faultfs.Rule{Op: op, Nth: n})
			wantErrOnly(t, ro, btc, syscall.EIO)
			fsys.Clear()
		}
	}
	wantDamaged(t, owner, btc)
}

func wantErrOnly(t *testing.T, s *filestore.Store, k driver.Key, want error) {
	t.Helper()
	if _, err := s.Get(t.Context(), k); !errors.Is(err, want) {
		t.Fatalf("Get: %v, want %v", err, want)
	}
}

func firstError(seq func(func(string, error) bool)) error {
	for _, err := range seq {
		if err != nil {
			return err
		}
	}
	return nil
}

// A file system that takes shorter names than most says so in its own words.
func TestNameTooLongForTheFileSystem(t *testing.T) {
	s, fsys := faulty(t, t.TempDir(), filestore.Options{})
	put(t, s, eth, `1`)
	fsys.Add(faultfs.Rule{Op: faultfs.OpOpenFile, Path: "*BTCUSDT*", Err: syscall.ENAMETOOLONG, Sticky: true})
	if err := s.Put(t.Context(), btc, []byte(`1`)); !errors.Is(err, driver.ErrInvalidName) {
		t.Fatalf("Put: %v", err)
	}
	if _, err := s.Get(t.Context(), btc); !errors.Is(err, driver.ErrInvalidName) {
		t.Fatalf("Get: %v", err)
	}
	wantValue(t, s, eth, `1`)
}
