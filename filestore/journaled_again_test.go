package filestore_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
	"github.com/holdfast-go/holdfast/vfs"
	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

// What was wrong once. Each test has the name of what went wrong.

// After a clean restart the journal's space was nobody's to give back: a large
// value was refused for ever, and a large edit by hand kept the store closed.
func TestRoomAfterACleanRestart(t *testing.T) {
	dir := ramDir(t)
	o := &filestore.Options{HistorySize: 4 << 20}
	big := `"` + strings.Repeat("x", 3<<20) + `"`
	s := journal(t, dir, o)
	for i := range 80 {
		put(t, s, numbered(i%4), sized(i, 100_000))
	}
	closeStore(t, s)
	s = journal(t, dir, o)
	put(t, s, btc, big)
	closeStore(t, s)
	write(t, dir, btcFile, big[:len(big)-1]+` by hand"`)
	s = journal(t, dir, o)
	wantValue(t, s, btc, big[:len(big)-1]+` by hand"`)
}

// A checkpoint in the middle of an opening gave up the records of values that
// had not been looked at yet.
func TestAcknowledgedWhenOpeningIsCutOff(t *testing.T) {
	dir := ramDir(t)
	fsys := faultfs.New(osFS(t, dir))
	s := journal(t, dir, &filestore.Options{FS: fsys, HistorySize: 4 << 20})
	put(t, s, btc, `{"open":true}`)
	filestore.Kill(s)
	for i := range 100 { // more than the journal takes
		write(t, dir, fmt.Sprintf("old/f%03d.json", i), sized(i, 100_000))
	}
	if s, err := filestore.Open(t.Context(), dir, &filestore.Options{HistorySize: 4 << 20}); err == nil {
		closeStore(t, s)
	} else if !strings.Contains(err.Error(), "history=") {
		t.Fatalf("Open: %v; want the way out", err)
	}
	s = journal(t, dir, &filestore.Options{HistorySize: 64 << 20})
	wantValue(t, s, btc, `{"open":true}`)
	if n := len(ids(t, s, "old")); n != 100 {
		t.Errorf("%d of 100 files were adopted", n)
	}
}

// Close in the body of a loop over History waited for the loop.
func TestCloseWithinHistory(t *testing.T) {
	s := journal(t, ramDir(t), nil)
	put(t, s, btc, `1`)
	put(t, s, btc, `2`)
	n := 0
	for range s.History(t.Context(), btc) {
		n++
		closeStore(t, s)
	}
	if n < 1 || n > 2 { // the state, and that the store is closed
		t.Errorf("%d steps", n)
	}
}

// One directory without room kept the journal from being freed, and so all
// other writers out.
func TestQuotaOfOneDirectory(t *testing.T) {
	s, fsys := faulty(t, ramDir(t), filestore.Options{Journal: filestore.On, HistorySize: 4 << 20})
	fsys.Add(faultfs.Rule{Op: faultfs.OpOpenFile, Path: "signal/strategy-a/*", Sticky: true, Err: syscall.EDQUOT})
	put(t, s, btc, `1`)
	for i := range 200 {
		put(t, s, driver.Key{Entity: "other", ID: "x"}, sized(i, 100_000))
	}
	wantValue(t, s, btc, `1`)
	wantStuck(t, "Flush", s.Flush(t.Context()), syscall.EDQUOT)
	fsys.Clear()
	must(t, s.Flush(t.Context()))
}

// apart is a file system on which nothing can be renamed into the entities'
// directories, as where one of them is a mount of its own.
type apart struct{ vfs.FS }

func (a apart) SyncAll() error { return vfs.SyncAll(a.FS) }

func (a apart) Exchange(from, to string) error {
	return &os.LinkError{Op: "exchange", Old: from, New: to, Err: syscall.EXDEV}
}

func (a apart) Rename(from, to string) error {
	if filepath.Dir(from) != filepath.Dir(to) {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: syscall.EXDEV}
	}
	return a.FS.Rename(from, to)
}

// Files of a mounted directory, replaced many at a time, were stuck for good.
func TestManyFilesOfAMount(t *testing.T) {
	dir := ramDir(t)
	s := journal(t, dir, &filestore.Options{FS: apart{osFS(t, dir)}})
	for round := range 3 {
		for i := range 60 {
			put(t, s, numbered(i), fmt.Sprint(round))
		}
		must(t, s.Flush(t.Context()))
		for i := range 60 {
			wantFile(t, dir, numbered(i), fmt.Sprint(round))
		}
	}
	closeStore(t, s)
}

// A snapshot whose removal a power cut has undone lay about for ever.
func TestOldSnapshotGoes(t *testing.T) {
	dir := ramDir(t)
	s := journal(t, dir, nil)
	put(t, s, btc, `1`)
	closeStore(t, s)
	first := filepath.Join(dir, ".holdfast/snapshot/00000001.pack")
	old, err := os.ReadFile(first)
	must(t, err)
	s = journal(t, dir, nil)
	for i := range 200 {
		put(t, s, btc, sized(i, 100_000))
		must(t, s.Flush(t.Context()))
	}
	closeStore(t, s)
	if _, err := os.Stat(first); err == nil {
		t.Fatal("the snapshot was never written anew: this proves nothing")
	}
	must(t, os.WriteFile(first, old, fs.FileMode(0o600)))
	closeStore(t, journal(t, dir, nil))
	if _, err := os.Stat(first); err == nil {
		t.Error("it is still there")
	}
	wantValue(t, journal(t, dir, nil), btc, string(bytes.TrimSpace([]byte(sized(199, 100_000)))))
}
