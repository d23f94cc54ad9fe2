package filestore_test

import (
	"errors"
	"syscall"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
)

// remount changes the size of a file system of mountTmpfs.
func remount(t *testing.T, dir, size string) {
	t.Helper()
	must(t, syscall.Mount("holdfast-test", dir, "tmpfs", syscall.MS_REMOUNT, "size="+size))
}

// A kernel's own full disk.
func TestJournalOnARealFullDisk(t *testing.T) {
	for _, size := range []string{"1m", "1200k", "3m", "5m"} {
		t.Run(size, func(t *testing.T) {
			dir := mountTmpfs(t, "size="+size)
			o := &filestore.Options{HistorySize: 4 << 20, Cache: 1 << 20}
			s := journal(t, dir, o)
			defer func() { s.Close() }() // before the unmount
			m := acked{}
			m.fillUp(t, s, 5_000)
			t.Logf("%d values fit", len(m))
			m.check(t, s)
			m.shrink(t, s)
			m.check(t, s)
			s.Close() // it may tell that files are not current
			s = journal(t, dir, o)
			m.check(t, s)
			remount(t, dir, "64m")
			for i := range 50 {
				m[numbered(i)] = sized(-i, 5_000)
				put(t, s, numbered(i), m[numbered(i)])
			}
			must(t, s.Flush(t.Context()))
			m.checkFiles(t, dir)
			closeStore(t, s)
			s = journal(t, dir, o)
			m.check(t, s)
			if r := s.Report(); len(r.Findings) != 0 {
				t.Errorf("found: %+v", r.Findings)
			}
		})
	}
}

// A disk that is too small for the smallest journal.
func TestJournalOnARealTinyDisk(t *testing.T) {
	dir := mountTmpfs(t, "size=64k")
	s := journal(t, dir, nil)
	defer s.Close()
	for range 3 {
		if err := s.Put(t.Context(), btc, []byte(`1`)); !errors.Is(err, syscall.ENOSPC) || errors.Is(err, driver.ErrStopped) {
			t.Fatalf("Put: %v", err)
		}
		wantAbsent(t, s, btc)
		wantNoTemps(t, dir)
	}
	if got := entities(t, s); len(got) != 0 {
		t.Errorf("listed: %q", got)
	}
	remount(t, dir, "4m")
	put(t, s, btc, `1`)
	closeStore(t, s)
	wantFile(t, dir, btc, `1`)
}
