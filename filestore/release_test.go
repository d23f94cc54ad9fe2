package filestore_test

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

// The journal gets its space back when a checkpoint is durable, not when it
// begins: one that fails leaves the journal as the only place of what it would
// have written.
func TestFailedCheckpointReleasesNothing(t *testing.T) {
	dir := ramDir(t)
	fsys := faultfs.New(osFS(t, dir))
	s := journal(t, dir, &filestore.Options{FS: fsys, HistorySize: 4 << 20})
	filestore.Still(s)
	fsys.Add(faultfs.Rule{Op: faultfs.OpOpenFile, Path: ".tmp-*.json", Sticky: true, Err: syscall.EACCES},
		faultfs.Rule{Op: faultfs.OpWriteAt, Path: ".holdfast/snapshot/*", Sticky: true})
	acked := map[driver.Key]string{}
	for i := range 150 {
		k := driver.Key{Entity: "e", ID: fmt.Sprint(i)}
		if s.Put(t.Context(), k, []byte(sized(i, 50_000))) == nil {
			acked[k] = sized(i, 50_000)
		}
		if err := s.Flush(t.Context()); err == nil {
			t.Fatal("the checkpoint did not fail: this proves nothing")
		}
	}
	if len(acked) < 5 || len(acked) == 150 {
		t.Fatalf("%d of 150 were acknowledged: this proves nothing", len(acked))
	}
	filestore.Kill(s)
	s = journal(t, dir, nil)
	for k, data := range acked {
		wantValue(t, s, k, data)
	}
}
