package filestore_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

// sized is a JSON value of about n bytes that is unlike that of any other i.
func sized(i, n int) string {
	head := fmt.Sprintf(`"%d `, i)
	return head + strings.Repeat("x", max(n-len(head)-1, 0)) + `"`
}

// acked is what a store has acknowledged.
type acked map[driver.Key]string

// numbered is the key of a number, in a few entities.
func numbered(i int) driver.Key {
	return driver.Key{Entity: fmt.Sprintf("signal/strategy-%d", i%5), ID: fmt.Sprintf("S%05d", i)}
}

func (m acked) check(t testing.TB, s driver.Store) {
	t.Helper()
	for k, data := range m {
		rec, err := s.Get(t.Context(), k)
		if err != nil || string(rec.Data) != data {
			t.Fatalf("Get %s: %.60q, %v; want %.60q", k, rec.Data, err, data)
		}
	}
	entities := map[string]bool{}
	n := 0
	for e, err := range s.(driver.Lister).Entities(t.Context()) {
		must(t, err)
		entities[e] = true
		for id, err := range s.(driver.Lister).IDs(t.Context(), e) {
			must(t, err)
			if _, ok := m[driver.Key{Entity: e, ID: id}]; !ok {
				t.Fatalf("%s %s is listed", e, id)
			}
			n++
		}
	}
	if n != len(m) {
		t.Fatalf("%d values are listed, want %d", n, len(m))
	}
}

// checkFiles checks that the files are exactly those of the acked.
func (m acked) checkFiles(t testing.TB, dir string) {
	t.Helper()
	n := 0
	for line := range strings.SplitSeq(tree(t, dir), "\n") {
		name, _, _ := strings.Cut(line, " ")
		if strings.HasSuffix(name, ".json") && !strings.HasPrefix(name, ".holdfast") {
			n++
		}
	}
	if n != len(m) {
		t.Fatalf("%d files, want %d", n, len(m))
	}
	for k, data := range m {
		wantFile(t, dir, k, data)
	}
}

// wantFile checks the file of an ordinary key.
func wantFile(t testing.TB, dir string, k driver.Key, data string) {
	t.Helper()
	got, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(k.Entity), k.ID+".json"))
	if err != nil || string(got) != data {
		t.Fatalf("the file of %s: %.60q, %v; want %.60q", k, got, err, data)
	}
}

// stilled is a copy of the directory of a store over fsys, as kill -9 would
// leave it at a moment between two calls of the file system.
func stilled(t *testing.T, dir string, fsys *faultfs.FS) string {
	t.Helper()
	for range 100 {
		calls := fsys.Calls("")
		copied := ramDir(t)
		err := copyTimed(copied, dir)
		if calls == fsys.Calls("") {
			must(t, err)
			return copied
		}
	}
	t.Fatal("the store is never at rest")
	return ""
}

// copyTimed copies files with their times.
func copyTimed(to, from string) error {
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return err
	}
	return filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, p)
		if err != nil {
			return err
		}
		return os.Chtimes(filepath.Join(to, rel), time.Time{}, info.ModTime())
	})
}

// fillUp puts values until the disk is full, then goes on with fewer and fewer
// bytes until nothing more fits.
func (m acked) fillUp(t *testing.T, s *filestore.Store, size int) {
	t.Helper()
	for i, refused := 0, 0; refused < 20; i++ {
		k, data := numbered(i), sized(i, size)
		err := s.Put(t.Context(), k, []byte(data))
		switch {
		case err == nil:
			m[k] = data
		case !errors.Is(err, syscall.ENOSPC) || errors.Is(err, driver.ErrStopped):
			t.Fatalf("Put %d on a disk that fills up: %v", i, err)
		default:
			refused++
			size = max(size/2, 10)
		}
		if i == 20_000 {
			t.Fatal("the disk never fills up")
		}
	}
}

// shrink deletes and overwrites on a full disk: what succeeds counts, what does
// not changes nothing.
func (m acked) shrink(t *testing.T, s *filestore.Store) {
	t.Helper()
	for i := range 20 {
		k := numbered(i)
		if i%2 == 0 {
			if err := s.Delete(t.Context(), k); err == nil {
				delete(m, k)
			} else if !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, driver.ErrNotFound) {
				t.Fatalf("Delete on a full disk: %v", err)
			}
			continue
		}
		if err := s.Put(t.Context(), k, []byte(`0`)); err == nil {
			m[k] = `0`
		} else if !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("Put on a full disk: %v", err)
		}
	}
}

func TestJournalOnAFullDisk(t *testing.T) {
	t.Parallel()
	for _, room := range []int64{1 << 20, 1<<20 + 100_000, 2<<20 + 50_000, 5 << 20} {
		for _, size := range []int{1_000, 30_000} {
			if room/int64(size) > 1_500 {
				continue // many values say no more than some
			}
			t.Run(fmt.Sprintf("%d bytes, values of %d", room, size), func(t *testing.T) {
				t.Parallel()
				dir := ramDir(t)
				disk := faultfs.NewDisk(osFS(t, dir), room)
				s := journal(t, dir, &filestore.Options{FS: disk, HistorySize: 4 << 20, Cache: 1 << 20})
				m := acked{}
				m.fillUp(t, s, size)
				m.check(t, s)
				m.shrink(t, s)
				m.check(t, s)
				disk.Free(64 << 20)
				for i := range 50 {
					k := numbered(i)
					m[k] = sized(-i, size)
					put(t, s, k, m[k])
				}
				must(t, s.Flush(t.Context()))
				m.checkFiles(t, dir)
				closeStore(t, s)
				s = journal(t, dir, nil)
				m.check(t, s)
				if r := s.Report(); len(r.Findings) != 0 {
					t.Errorf("found: %+v", r.Findings)
				}
				wantNoTemps(t, dir)
			})
		}
	}
}

// A full disk keeps nobody from opening a store and reading what is in it,
// killed or closed.
func TestJournalOpensOnAFullDisk(t *testing.T) {
	t.Parallel()
	dir := ramDir(t)
	fsys := faultfs.New(faultfs.NewDisk(osFS(t, dir), 7<<20))
	s := journal(t, dir, &filestore.Options{FS: fsys, HistorySize: 4 << 20})
	m := acked{}
	m.fillUp(t, s, 30_000)
	dead := stilled(t, dir, fsys)
	s.Close() // an error: not all files are current
	for name, dir := range map[string]string{"killed": dead, "closed": dir} {
		disk := faultfs.NewDisk(osFS(t, dir), 0)
		s := journal(t, dir, &filestore.Options{FS: disk, HistorySize: 4 << 20})
		m.check(t, s)
		if r := s.Report(); len(r.Findings) != 0 {
			t.Errorf("%s: found: %+v", name, r.Findings)
		}
		disk.Free(32 << 20)
		put(t, s, btc, `1`)
		closeStore(t, s)
		m[btc] = `1`
		m.checkFiles(t, dir)
		delete(m, btc)
	}
}

// Even where opening has something to put right, and cannot.
func TestJournalRecoversOnAFullDisk(t *testing.T) {
	t.Parallel()
	dir := ramDir(t)
	s := journal(t, dir, nil)
	put(t, s, btc, `1`)
	put(t, s, eth, `2`)
	closeStore(t, s)
	must(t, os.Remove(filepath.Join(dir, btcFile)))
	disk := faultfs.NewDisk(osFS(t, dir), 0)
	s = journal(t, dir, &filestore.Options{FS: disk})
	m := acked{btc: `1`, eth: `2`}
	m.check(t, s)
	if r := s.Report(); len(r.Findings) != 1 || r.Findings[0].Problem != driver.ProblemMissing {
		t.Errorf("found %+v", r.Findings)
	}
	if err := s.Flush(t.Context()); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Flush: %v", err)
	}
	disk.Free(1 << 20)
	must(t, s.Flush(t.Context()))
	m.checkFiles(t, dir)
}

// flushFault is a flush that fails, and what makes the store do it.
type flushFault struct {
	name   string
	rule   faultfs.Rule
	values int  // to be put before; 24 and more are flushed together
	inPut  bool // the Put itself fails; else the Flush does
}

func flushFaults() []flushFault {
	const dir = "signal/strategy-1"
	journaled := faultfs.Rule{Op: faultfs.OpSync, Path: ".holdfast/journal/*"}
	staged := faultfs.Rule{Op: faultfs.OpSync, Path: ".tmp-*-S00001.json"}
	names := faultfs.Rule{Op: faultfs.OpSyncDir, Path: dir}
	all := faultfs.Rule{Op: faultfs.OpSyncAll}
	snapshot := faultfs.Rule{Op: faultfs.OpSync, Path: ".holdfast/snapshot/*"}
	published := faultfs.Rule{Op: faultfs.OpSyncDir, Path: ".holdfast/snapshot"}
	allNames := all
	allNames.Nth = 2
	commit := snapshot
	commit.Nth = 2
	return []flushFault{
		{"journal", journaled, 1, true},
		{"a staged file", staged, 1, false},
		{"names", names, 1, false},
		{"all files", all, 30, false},
		{"all names", allNames, 30, false},
		{"snapshot", snapshot, 1, false},
		{"commit", commit, 1, false},
		{"name of the snapshot", published, 1, false},
	}
}

// P8: a failed flush is final, whatever the disk says was the reason.
func TestJournalFailedFlush(t *testing.T) {
	t.Parallel()
	for _, c := range flushFaults() {
		for _, cause := range []error{syscall.EIO, syscall.ENOSPC} {
			t.Run(fmt.Sprintf("%s, %v", c.name, cause), func(t *testing.T) {
				t.Parallel()
				mine := c // the other cause's test runs beside this one
				mine.rule.Err, mine.rule.Sticky = cause, true
				failJournalFlush(t, mine)
			})
		}
	}
}

func failJournalFlush(t *testing.T, c flushFault) {
	dir := ramDir(t)
	s, fsys := faulty(t, dir, filestore.Options{Journal: filestore.On})
	m := acked{}
	if c.inPut {
		put(t, s, numbered(0), `"before"`)
		m[numbered(0)] = `"before"`
	}
	fsys.Add(c.rule)
	for i := 1; i <= c.values; i++ {
		k := numbered(i)
		err := s.Put(t.Context(), k, []byte(`1`))
		switch {
		case c.inPut && !(errors.Is(err, driver.ErrStopped) && errors.Is(err, c.rule.Err)):
			t.Fatalf("Put: %v", err)
		case !c.inPut && err != nil && !errors.Is(err, driver.ErrStopped):
			t.Fatalf("Put: %v", err)
		case err == nil:
			m[k] = `1`
		}
	}
	if err := s.Flush(t.Context()); !errors.Is(err, driver.ErrStopped) || !errors.Is(err, c.rule.Err) {
		t.Fatalf("Flush: %v", err)
	}
	wantStopped(t, s)
	m.check(t, s)
	if err := s.Close(); !errors.Is(err, driver.ErrStopped) {
		t.Errorf("Close: %v", err)
	}
	if events := fsys.Injected(); len(events) != 1 {
		t.Errorf("it was flushed again: %v", events)
	}
	s = journal(t, dir, nil)
	for k, data := range m {
		wantValue(t, s, k, data)
	}
	put(t, s, btc, `2`)
	closeStore(t, s)
}

// wantStopped checks that no change is taken any more.
func wantStopped(t *testing.T, s *filestore.Store) {
	t.Helper()
	k := numbered(1)
	for name, err := range map[string]error{
		"Put":        s.Put(t.Context(), k, []byte(`2`)),
		"another":    s.Put(t.Context(), eth, []byte(`2`)),
		"Delete":     s.Delete(t.Context(), k),
		"Clear":      s.Clear(t.Context(), k.Entity),
		"Apply":      s.Apply(t.Context(), nil, []driver.Op{{Key: k, Delete: true}}),
		"Apply many": s.Apply(t.Context(), nil, []driver.Op{{Key: k, Data: []byte(`3`)}, {Key: eth, Data: []byte(`3`)}}),
		"Flush":      s.Flush(t.Context()),
	} {
		if !errors.Is(err, driver.ErrStopped) {
			t.Errorf("%s after a failed flush: %v", name, err)
		}
	}
}

// A write that fails before the flush fails its batch and nothing else, and
// what was told to have failed has not happened.
func TestJournalFailedWrite(t *testing.T) {
	t.Parallel()
	for _, cause := range []error{syscall.EIO, syscall.ENOSPC} {
		for _, short := range []bool{false, true} {
			dir := ramDir(t)
			s, fsys := faulty(t, dir, filestore.Options{Journal: filestore.On})
			put(t, s, btc, `"old"`)
			fsys.Add(faultfs.Rule{Op: faultfs.OpWriteAt, Path: ".holdfast/journal/*", Err: cause, Short: short})
			if err := s.Put(t.Context(), btc, []byte(`"new"`)); !errors.Is(err, cause) || errors.Is(err, driver.ErrStopped) {
				t.Fatalf("Put: %v", err)
			}
			wantValue(t, s, btc, `"old"`)
			dead := journal(t, stilled(t, dir, fsys), nil)
			wantValue(t, dead, btc, `"old"`)
			put(t, s, eth, `1`)
			must(t, s.Flush(t.Context()))
			wantFile(t, dir, btc, `"old"`)
			closeStore(t, s)
			s = journal(t, dir, nil)
			wantValue(t, s, btc, `"old"`)
			wantValue(t, s, eth, `1`)
		}
	}
}

// Of many writers each knows, whatever fails around it, what it has written.
func TestJournalFailedWritesOfMany(t *testing.T) {
	t.Parallel()
	dir := ramDir(t)
	s, fsys := faulty(t, dir, filestore.Options{Journal: filestore.On})
	for n := 5; n < 400; n += 17 {
		fsys.Add(faultfs.Rule{Op: faultfs.OpWriteAt, Path: ".holdfast/journal/*", Nth: n, Err: syscall.EIO, Short: n%2 == 0})
	}
	var mu sync.Mutex
	m, failed := acked{}, 0
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			k := numbered(w)
			for i := range 60 {
				data := sized(i, 200)
				err := s.Put(t.Context(), k, []byte(data))
				mu.Lock()
				if err == nil {
					m[k] = data
				} else if failed++; !errors.Is(err, syscall.EIO) || errors.Is(err, driver.ErrStopped) {
					t.Errorf("Put: %v", err)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if failed == 0 {
		t.Error("nothing failed")
	}
	m.check(t, s)
	fsys.Clear()
	closeStore(t, s)
	m.checkFiles(t, dir)
	m.check(t, journal(t, dir, nil))
}
