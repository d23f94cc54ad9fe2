package filestore_test

import (
	"errors"
	"strings"
	"syscall"
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

// The seal is the last that Close writes and flushes. What it says was durable
// before: a disk that is full is no reason to say that Close has failed. A flush
// that fails is, whatever it was for.
func TestSealThatFails(t *testing.T) {
	closing := func(rules ...faultfs.Rule) (*faultfs.FS, error) {
		dir := ramDir(t)
		s := journal(t, dir, nil)
		put(t, s, btc, `1`)
		closeStore(t, s)
		fsys := faultfs.New(osFS(t, dir), rules...)
		s = journal(t, dir, &filestore.Options{FS: fsys})
		filestore.Still(s)
		put(t, s, btc, sized(1, 100_000))
		err := s.Close()
		s = journal(t, dir, nil)
		wantValue(t, s, btc, sized(1, 100_000))
		if r := s.Report(); len(r.Findings) != 0 {
			t.Errorf("the next opening finds %+v", r.Findings)
		}
		closeStore(t, s)
		return fsys, err
	}
	whole, err := closing()
	must(t, err)
	for _, of := range []struct {
		rule faultfs.Rule
		want error
	}{
		{faultfs.Rule{Op: faultfs.OpWriteAt, Err: syscall.ENOSPC}, nil},
		{faultfs.Rule{Op: faultfs.OpWriteAt, Err: syscall.ENOSPC, Short: true}, nil},
		{faultfs.Rule{Op: faultfs.OpSync, Err: syscall.EIO}, syscall.EIO},
	} {
		of.rule.Nth = whole.Calls(of.rule.Op) // the last one
		fsys, err := closing(of.rule)
		if failed := fsys.Injected(); len(failed) != 1 || !strings.HasSuffix(failed[0].Path, ".pack") || !errors.Is(err, of.want) {
			t.Errorf("%v: Close gives %v, want %v", failed, err, of.want)
		}
	}
}
