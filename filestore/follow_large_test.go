package filestore_test

import (
	"io/fs"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/holdfast-go/holdfast/filestore"
	"github.com/holdfast-go/holdfast/vfs"
)

// listings counts how often directories are listed.
type listings struct {
	vfs.FS
	n atomic.Int64
}

func (l *listings) ReadDir(name string) ([]fs.DirEntry, error) {
	l.n.Add(1)
	return l.FS.ReadDir(name)
}

// A process that was killed before its first checkpoint leaves a journal of any
// size and no snapshot. Reading beside it replayed all of that for every value,
// since it took what the load had replayed for what had come since.
func TestFollowerOfALargeJournal(t *testing.T) {
	dir := t.TempDir()
	s := journal(t, dir, nil)
	filestore.Still(s)
	large := `"` + strings.Repeat("x", 4<<20) + `"`
	for range 20 { // 80 MiB
		must(t, s.Put(t.Context(), btc, []byte(large)))
	}
	filestore.Kill(s)
	fsys := &listings{FS: osFS(t, dir)}
	f := follower(t, dir, filestore.Options{FS: fsys})
	before := fsys.n.Load()
	for range 5 {
		rec, err := f.Get(t.Context(), btc)
		must(t, err)
		if string(rec.Data) != large {
			t.Fatalf("%d bytes were read", len(rec.Data))
		}
	}
	if n := fsys.n.Load() - before; n > 0 {
		t.Errorf("five looks at a value have listed %d directories: all was loaded again", n)
	}
}
