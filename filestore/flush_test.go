package filestore_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

// P8: whichever flush of a change fails, the change is not acknowledged, it is
// not flushed again, no further change is taken, reading goes on, and opening
// anew works.
func TestFailedFlushIsFinal(t *testing.T) {
	for _, c := range changes() {
		t.Run(c.name, func(t *testing.T) {
			counts := c.counts(t)
			for _, op := range []faultfs.Op{faultfs.OpSync, faultfs.OpSyncDir} {
				for n := 1; n <= counts[op]; n++ {
					t.Run(fmt.Sprintf("%s %d of %d", op, n, counts[op]), func(t *testing.T) {
						failedFlush(t, c, faultfs.Rule{Op: op, Nth: n})
					})
				}
			}
		})
	}
}

func failedFlush(t *testing.T, c change, rule faultfs.Rule) {
	dir := ramDir(t)
	book := &logBook{}
	s, fsys := faulty(t, dir, filestore.Options{Logger: book.logger()})
	c.prepare(t, s, dir)
	put(t, s, safe, `"safe"`)
	fsys.Add(rule)
	if err := c.do(t, s); !errors.Is(err, driver.ErrStopped) || !errors.Is(err, syscall.EIO) {
		t.Fatalf("the change gives %v, want ErrStopped because of EIO", err)
	}
	if !strings.Contains(book.String(), "flush failed") {
		t.Errorf("the log does not say so: %s", book)
	}
	fsys.Clear() // the disk would answer nil again, over what it has lost
	flushes := fsys.Calls(faultfs.OpSync) + fsys.Calls(faultfs.OpSyncDir)
	for name, err := range map[string]error{
		"the same change": c.do(t, s),
		"Put":             s.Put(t.Context(), btc, []byte(`3`)),
		"Put of another":  s.Put(t.Context(), safe, []byte(`3`)),
		"Delete":          s.Delete(t.Context(), safe),
		"Clear":           s.Clear(t.Context(), safe.Entity),
		"Apply":           s.Apply(t.Context(), nil, []driver.Op{{Key: safe, Delete: true}}),
	} {
		if !errors.Is(err, driver.ErrStopped) {
			t.Errorf("%s after a failed flush: %v, want ErrStopped", name, err)
		}
	}
	if again := fsys.Calls(faultfs.OpSync) + fsys.Calls(faultfs.OpSyncDir); again != flushes {
		t.Errorf("flushed %d times after a failed flush", again-flushes)
	}
	wantValue(t, s, safe, `"safe"`)
	c.wantOldOrNew(t, s)
	closeStore(t, s)
	s = open(t, dir, nil)
	wantValue(t, s, safe, `"safe"`)
	c.wantOldOrNew(t, s)
	put(t, s, btc, `4`)
	wantValue(t, s, btc, `4`)
	wantNoTemps(t, dir)
}

// A flush that fails while a store is opened fails the opening, under every
// policy, however many tries there are.
func TestFailedFlushAtOpen(t *testing.T) {
	for _, policy := range []filestore.Policy{filestore.Quarantine, filestore.Delete} {
		for _, op := range []faultfs.Op{faultfs.OpSync, faultfs.OpSyncDir} {
			for n := 1; ; n++ {
				dir := ramDir(t)
				write(t, dir, btcFile, `{`)
				write(t, dir, "signal/strategy-a/ETHUSDT.json", `1`)
				write(t, dir, "signal/strategy-a/.tmp-0123456789abcdef-x.json", `1`)
				fsys := faultfs.New(osFS(t, dir), faultfs.Rule{Op: op, Nth: n})
				s, err := filestore.Open(t.Context(), dir, direct(&filestore.Options{FS: fsys, Invalid: policy}))
				if len(fsys.Injected()) == 0 {
					must(t, err)
					closeStore(t, s)
					if policy == filestore.Quarantine && n < 3 || op == faultfs.OpSyncDir && n < 3 {
						t.Fatalf("%s: only %d calls of %s", policy, n-1, op)
					}
					break
				}
				if !errors.Is(err, syscall.EIO) {
					t.Fatalf("%s, %v: Open gives %v", policy, fsys.Injected(), err)
				}
				s = open(t, dir, &filestore.Options{Invalid: policy})
				wantValue(t, s, eth, `1`)
				if policy == filestore.Quarantine {
					wantDamaged(t, s, btc)
				}
			}
		}
	}
}

// A full disk fails the one write, and nothing else.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	disk := faultfs.NewDisk(osFS(t, dir), 4096)
	s := open(t, dir, &filestore.Options{FS: disk})
	put(t, s, btc, `"old"`)
	large := append(append([]byte(`"`), bytes.Repeat([]byte("x"), 8192)...), '"')
	for range 3 {
		if err := s.Put(t.Context(), btc, large); !errors.Is(err, syscall.ENOSPC) || errors.Is(err, driver.ErrStopped) {
			t.Fatalf("Put on a full disk: %v", err)
		}
		wantValue(t, s, btc, `"old"`)
		wantNoTemps(t, dir)
		disk.Free(64)
		put(t, s, eth, `1`) // this one fits
	}
	disk.Free(1 << 20)
	put(t, s, btc, string(large))
	wantValue(t, s, btc, string(large))
}

// Nobody is kept from opening, reading and deleting by a disk that is full to
// the last byte.
func TestFullDiskOpens(t *testing.T) {
	dir := t.TempDir()
	closeStore(t, open(t, dir, nil))
	write(t, dir, btcFile, `"old"`)
	s := open(t, dir, &filestore.Options{FS: faultfs.NewDisk(osFS(t, dir), 0)})
	wantValue(t, s, btc, `"old"`)
	must(t, s.Delete(t.Context(), btc))
	wantAbsent(t, s, btc)
}
