package faultfs_test

import (
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
	"testing"

	"github.com/holdfast-go/holdfast/vfs"
	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

func wantWrite(t *testing.T, what string, n int, err error, wantN int, wantErr error) {
	t.Helper()
	if n != wantN || !errors.Is(err, wantErr) {
		t.Errorf("%s: %d %v, want %d %v", what, n, err, wantN, wantErr)
	}
}

func TestDisk(t *testing.T) {
	d := faultfs.NewDisk(inner(t), 10)
	f := create(t, d, "x")
	n, err := io.WriteString(f, "12345678")
	wantWrite(t, "fits", n, err, 8, nil)
	n, err = io.WriteString(f, "9abc")
	wantWrite(t, "half fits", n, err, 2, syscall.ENOSPC)
	n, err = io.WriteString(f, "b")
	wantWrite(t, "full", n, err, 0, syscall.ENOSPC)
	n, err = f.WriteAt([]byte("ABCDEFGHIJ"), 0)
	wantWrite(t, "over what is there", n, err, 10, nil)
	n, err = f.WriteAt([]byte("JK"), 9)
	wantWrite(t, "over the end", n, err, 1, syscall.ENOSPC)
	n, err = f.Write(nil)
	wantWrite(t, "nothing", n, err, 0, nil)

	g, err := d.OpenFile("x", os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	n, err = io.WriteString(g, "K")
	wantWrite(t, "append", n, err, 0, syscall.ENOSPC)
	d.Free(3)
	n, err = io.WriteString(g, "KL")
	wantWrite(t, "append with room", n, err, 2, nil)
	n, err = f.WriteAt([]byte("zz"), 100) // a hole costs nothing
	wantWrite(t, "behind a hole", n, err, 1, syscall.ENOSPC)
	if d.Room() != 0 {
		t.Errorf("room for %d", d.Room())
	}
	if err := errors.Join(f.Sync(), vfs.Datasync(f), d.SyncDir("."), d.Remove("x")); err != nil {
		t.Error(err)
	}
	if d.Room() != 0 {
		t.Errorf("a removal gave room for %d", d.Room())
	}
}

func TestDiskReadsMoveOn(t *testing.T) {
	d := faultfs.NewDisk(inner(t), 4)
	f := create(t, d, "x")
	if _, err := f.WriteAt([]byte("1234"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(f, make([]byte, 3)); err != nil {
		t.Fatal(err)
	}
	n, err := io.WriteString(f, "ab")
	wantWrite(t, "after a read", n, err, 1, syscall.ENOSPC)
}

func TestDiskWithConcurrentWriters(t *testing.T) {
	d := faultfs.NewDisk(inner(t), 100)
	var mu sync.Mutex
	var wg sync.WaitGroup
	total := 0
	for _, name := range []string{"a", "b", "c", "d"} {
		f := create(t, d, name)
		wg.Go(func() {
			for range 50 {
				n, _ := io.WriteString(f, "123")
				mu.Lock()
				total += n
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if total != 100 || d.Room() != 0 {
		t.Errorf("%d bytes on a disk of 100", total)
	}
}
