package filestore_test

import (
	"testing"

	"github.com/holdfast-go/holdfast/filestore"
	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

// What an opening writes again of a snapshot does not grow with what the last
// checkpoint before a clean stop had to write.
func TestOpeningAfterCloseWritesLittle(t *testing.T) {
	writes := func(values int) int {
		dir := ramDir(t)
		s := journal(t, dir, nil)
		put(t, s, btc, `1`)
		closeStore(t, s) // the snapshot has its name now
		s = journal(t, dir, nil)
		for i := range values {
			put(t, s, numbered(i), sized(i, 100_000))
		}
		closeStore(t, s)
		fsys := faultfs.New(osFS(t, dir))
		s = journal(t, dir, &filestore.Options{FS: fsys})
		n := fsys.Calls(faultfs.OpWriteAt)
		for i := range values {
			wantValue(t, s, numbered(i), sized(i, 100_000))
		}
		closeStore(t, s)
		return n
	}
	if few, many := writes(1), writes(50); few != many {
		t.Errorf("%d writes after a checkpoint of one value, %d after one of 50", few, many)
	}
}
