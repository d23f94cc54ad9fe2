package filestore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
	records "github.com/holdfast-go/holdfast/journal"
	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

// What needs several things to come together.

// P1: a value that was removed, and put again while a checkpoint that has the
// removal fails, is not taken away by the next one.
func TestPutBesideACheckpointThatFails(t *testing.T) {
	t.Parallel()
	for name, rule := range map[string]faultfs.Rule{
		"no flush of a file system": {Op: faultfs.OpSyncAll, Err: errors.ErrUnsupported, Sticky: true},
		"full disk":                 {Op: faultfs.OpWriteAt, Path: ".holdfast/snapshot/*", Err: syscall.ENOSPC},
	} {
		t.Run(name, func(t *testing.T) {
			dir := ramDir(t)
			g := &gate{op: faultfs.OpSyncAll, name: "*"}
			s, fsys := watched(t, dir, filestore.Options{}, g.pass)
			filestore.Still(s)
			for i := range 30 {
				put(t, s, numbered(i), `1`)
			}
			put(t, s, btc, `"old"`)
			remove(t, s, btc)
			fsys.Add(rule)
			reached, goOn := g.arm(t)
			flushed := make(chan error, 1)
			go func() { flushed <- s.Flush(context.Background()) }()
			await(t, "a checkpoint", reached)
			// An entry that is found to be empty at this moment must not go.
			err := s.Apply(t.Context(), []driver.Cond{{Key: btc, Rev: "another"}}, []driver.Op{{Key: btc, Data: []byte(`"x"`)}})
			if !errors.Is(err, driver.ErrConflict) {
				t.Fatal(err)
			}
			put(t, s, btc, `"new"`)
			goOn()
			<-flushed
			flush(t, s)
			wantFile(t, dir, btc, `"new"`)
			filestore.Kill(s)
			s = journal(t, dir, nil)
			wantValue(t, s, btc, `"new"`)
			wantFindings(t, s)
			closeStore(t, s)
		})
	}
}

// P1: what was cleared does not come back, though the store had never heard of its
// files: the disk was too full for a first snapshot.
func TestClearWithoutASnapshot(t *testing.T) {
	t.Parallel()
	dir := ramDir(t)
	write(t, dir, btcFile, `1`)
	write(t, dir, "signal/strategy-a/ETHUSDT.json", `2`)
	full := faultfs.New(osFS(t, dir), faultfs.Rule{Op: faultfs.OpWriteAt, Path: ".holdfast/snapshot/*", Err: syscall.ENOSPC, Sticky: true})
	s := still(t, dir, &filestore.Options{FS: full})
	must(t, s.Clear(t.Context(), btc.Entity))
	put(t, s, eth, `"again"`)
	filestore.Kill(s)
	later := time.Now().Add(time.Hour) // written by hand since
	write(t, dir, "signal/strategy-a/NEW.json", `3`)
	must(t, os.Chtimes(filepath.Join(dir, "signal/strategy-a/NEW.json"), later, later))
	s = journal(t, dir, nil)
	wantAbsent(t, s, btc)
	wantValue(t, s, eth, `"again"`)
	wantValue(t, s, driver.Key{Entity: btc.Entity, ID: "NEW"}, `3`)
	closeStore(t, s)
	wantAbsent(t, journal(t, dir, nil), btc)
}

// P3: a value whose last record is damaged is damaged, though the clock of the
// machine is behind that of the record: it has none that goes on without power.
func TestDamageWithAClockThatIsBehind(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{-time.Hour, time.Hour} {
		dir := ramDir(t)
		must(t, os.MkdirAll(filepath.Join(dir, ".holdfast/journal"), 0o700))
		fsys := osFS(t, dir)
		j, err := records.Open(fsys, ".holdfast/journal", &records.Options{MinSegment: 256 << 10}, records.Replay{})
		must(t, err)
		for _, k := range []driver.Key{btc, eth} {
			_, err = j.Append(t.Context(), filestore.AppendOp(nil, filestore.OpPut, k, []byte(`{"price":64000}`)), time.Now().Add(ahead).UnixNano(), nil)
			must(t, err)
		}
		must(t, j.Close())
		must(t, fsys.Close())
		file := segment(t, dir)
		data, err := os.ReadFile(file)
		must(t, err)
		at := bytes.Index(data, []byte("price"))
		data[at] ^= 0x11
		data[at+1] ^= 0x22
		must(t, os.WriteFile(file, data, 0o600))
		for range 2 {
			s := journal(t, dir, nil)
			wantDamaged(t, s, btc)
			wantValue(t, s, eth, `{"price":64000}`)
			closeStore(t, s)
		}
	}
}

// P3: while a damaged value is replaced it is there, in one way or the other, for
// who reads it and for who lists it.
func TestReadBesideHealing(t *testing.T) {
	const n, rounds = 30, 40
	var notFound, notListed atomic.Int64
	for range rounds {
		dir := ramDir(t)
		for i := range n {
			write(t, dir, fmt.Sprintf("a/x%02d.json", i), `{`)
		}
		s := still(t, dir, nil)
		for i := range n {
			k := driver.Key{Entity: "a", ID: fmt.Sprintf("x%02d", i)}
			var stop atomic.Bool
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					for !stop.Load() {
						if _, err := s.Get(context.Background(), k); errors.Is(err, driver.ErrNotFound) {
							notFound.Add(1)
						}
					}
				})
			}
			for range 4 {
				wg.Go(func() {
					for !stop.Load() {
						if all := ids(t, s, "a"); len(all) != n {
							notListed.Add(1)
						}
					}
				})
			}
			put(t, s, k, `1`)
			stop.Store(true)
			wg.Wait()
		}
		filestore.Kill(s)
	}
	if notFound.Load()+notListed.Load() > 0 {
		t.Errorf("%d times not found, %d times not listed", notFound.Load(), notListed.Load())
	}
}

// Two readers at once take each other for no owner: what a power cut has left
// without proof is found by both.
func TestReaderBesideAReader(t *testing.T) {
	t.Parallel()
	dir := ramDir(t)
	s := still(t, dir, nil)
	put(t, s, btc, `1`)
	filestore.Kill(s)
	file := segment(t, dir)
	data, err := os.ReadFile(file)
	must(t, err)
	end := (bytes.Index(data, []byte("BTCUSDT1")) + 8 + 31) &^ 31
	clear(data[end : end+32]) // the mark, which is not flushed
	must(t, os.WriteFile(file, data, 0o600))

	other := osFS(t, dir)
	lock, err := other.OpenFile(".holdfast/LOCK", os.O_RDONLY, 0)
	must(t, err)
	must(t, lock.TryLock())
	looks := 0
	fsys := faultfs.New(osFS(t, dir))
	fsys.OnCall = func(op faultfs.Op, _ string) {
		if op != faultfs.OpTryLock {
			return
		}
		if looks++; looks == 2 {
			must(t, lock.Close()) // the other one is done
		}
	}
	reader := journal(t, dir, &filestore.Options{FS: fsys, ReadOnly: true})
	wantValue(t, reader, btc, `1`)
	closeStore(t, reader)
}

// A reader that cannot find out whether somebody writes does not go on as if
// nobody did.
func TestReaderThatCannotLook(t *testing.T) {
	t.Parallel()
	dir := ramDir(t)
	s := still(t, dir, nil)
	put(t, s, btc, `1`)
	fsys := faultfs.New(osFS(t, dir), faultfs.Rule{Op: faultfs.OpOpenFile, Path: ".holdfast/LOCK", Err: syscall.EMFILE, Sticky: true})
	if _, err := filestore.Open(t.Context(), dir, &filestore.Options{FS: fsys, ReadOnly: true}); !errors.Is(err, syscall.EMFILE) {
		t.Errorf("Open: %v", err)
	}
	closeStore(t, s)
}

// A snapshot for which there was no room leaves the room that there is.
func TestSnapshotThatDoesNotFit(t *testing.T) {
	t.Parallel()
	dir := ramDir(t)
	for i := range 100 {
		write(t, dir, fmt.Sprintf("a/x%d.json", i), sized(i, 100_000))
	}
	disk := faultfs.NewDisk(osFS(t, dir), 5<<20)
	s := still(t, dir, &filestore.Options{FS: disk})
	if left, _ := filepath.Glob(filepath.Join(dir, ".holdfast/snapshot/.*")); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	disk.Free(1 << 20) // some of what has been given back
	put(t, s, btc, `1`)
	filestore.Kill(s)
}

// Of a negative Cache nobody needs to know a limit.
func TestCacheWithoutALimit(t *testing.T) {
	t.Parallel()
	dir := ramDir(t)
	for range 2 {
		s := still(t, dir, &filestore.Options{Cache: -1})
		for i := range 60 {
			put(t, s, numbered(i), sized(i, 100_000))
		}
		flush(t, s)
		for i := range 60 {
			wantValue(t, s, numbered(i), sized(i, 100_000))
		}
		if n := s.Cached(); n != 60 {
			t.Errorf("%d values of 60 are in memory", n)
		}
		closeStore(t, s)
	}
}

// A removal does not wait for those who put the value again and again: there is one
// to remove, whatever becomes of what they are putting.
func TestDeleteBesidePuts(t *testing.T) {
	t.Parallel()
	dir := ramDir(t)
	g := &gate{op: faultfs.OpSync, name: ".holdfast/journal/*"}
	s, _ := watched(t, dir, filestore.Options{}, g.pass)
	filestore.Still(s)
	put(t, s, btc, `0`)
	var puts sync.WaitGroup
	one := func(i int) { puts.Go(func() { put(t, s, btc, fmt.Sprint(i)) }) }
	deleted := make(chan struct{})
	reached, open := g.arm(t)
	one(1)
	await(t, "a put", reached)
	go func() {
		defer close(deleted)
		if err := s.Delete(context.Background(), btc); err != nil {
			t.Errorf("Delete: %v", err)
		}
	}()
	for i := 2; i < 20; i++ { // another one is under way whenever one is done
		before := filestore.Waiting(s, btc)
		one(i)
		for filestore.Waiting(s, btc) == before {
			runtime.Gosched()
		}
		release := open
		reached, open = g.arm(t)
		release()
		await(t, "the next put", reached)
	}
	await(t, "the removal", deleted)
	open()
	puts.Wait()
	closeStore(t, s)
}

// Temporary files of long names, whose ends are cut off, are swept as others are.
func TestTemporaryFilesOfLongNames(t *testing.T) {
	t.Parallel()
	for _, way := range []filestore.Options{{Journal: filestore.On}, {Journal: filestore.Off}} {
		dir := ramDir(t)
		id := strings.Repeat("x", 245)
		temp := "a/.tmp-0123456789abcdef-" + (id + ".json")[:233]
		write(t, dir, temp, `1`)
		write(t, dir, "a/"+id+".json", `1`)
		s := open(t, dir, &way)
		if _, err := os.Lstat(filepath.Join(dir, temp)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("journal=%s: it stays: %v", way.Journal, err)
		}
		if all := ids(t, s, "a"); len(all) != 1 || all[0] != id {
			t.Errorf("journal=%s: the ids are %q", way.Journal, all)
		}
		closeStore(t, s)
	}
}

// Close says that all files are current, though a full disk has no room for the
// snapshot's last words. A disk that fails is told.
func TestCloseOnAFullDisk(t *testing.T) {
	t.Parallel()
	for cause, want := range map[error]error{syscall.ENOSPC: nil, syscall.EIO: syscall.EIO} {
		dir := ramDir(t)
		fsys := faultfs.New(osFS(t, dir))
		s := still(t, dir, &filestore.Options{FS: fsys})
		put(t, s, btc, `1`)
		flush(t, s)
		fsys.Add(faultfs.Rule{Op: faultfs.OpWriteAt, Path: ".holdfast/snapshot/*", Err: cause, Sticky: true})
		if err := s.Close(); !errors.Is(err, want) {
			t.Errorf("%v: Close: %v, want %v", cause, err, want)
		}
		wantFile(t, dir, btc, `1`)
		wantClean(t, dir, map[driver.Key]string{btc: `1`})
	}
}

// History may be read while segments come and go.
func TestHistoryBesideRotation(t *testing.T) {
	t.Parallel()
	o := filestore.Small(filestore.Options{HistorySize: 1 << 20}, 32<<10)
	s := journal(t, ramDir(t), &o)
	var stop atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		for !stop.Load() {
			for range s.History(context.Background(), btc) {
				break
			}
		}
	})
	for i := range 3000 {
		put(t, s, btc, sized(i, 4000))
	}
	stop.Store(true)
	wg.Wait()
	closeStore(t, s)
}

// After a failed flush nothing is written until the store is opened again, and
// nothing tries to.
func TestNothingBehindAFailedFlush(t *testing.T) {
	t.Parallel()
	fsys := faultfs.New(osFS(t, ramDir(t)), faultfs.Rule{Op: faultfs.OpSyncDir, Path: "signal/*", Err: syscall.EIO})
	s := journal(t, "", &filestore.Options{FS: fsys})
	put(t, s, btc, `1`)
	await(t, "the end of what writes behind", filestore.BehindEnds(s))
	if err := s.Close(); err == nil {
		t.Error("Close says that all is well")
	}
}
