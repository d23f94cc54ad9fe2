package filestore

import (
	"io"

	"github.com/holdfast-go/holdfast/atomicfile"
)

// holdSnapshot makes durable what was read of the snapshot. Whoever wrote it may
// have been killed before its flush: then only the page cache knows the last
// commit, or the snapshot's name. From here on the journal gives up space on the
// strength of it, and older snapshots are removed; a power cut would leave
// neither.
//
// The last commit and the entries that it covers are written again, not only
// flushed: had that flush failed, the pages would count as clean, and this one
// would succeed over nothing. What came before was flushed, or no commit would
// follow it; and a snapshot with one commit was, or it would not have its name.
func (o *opening) holdSnapshot() error {
	n := o.l.snap
	if n == nil {
		return nil
	}
	if o.l.group > 0 {
		if err := n.rewrite(o.l.group, n.size); err != nil {
			return err
		}
		if err := n.flush(); err != nil {
			return err
		}
	}
	if err := o.j.s.fs.SyncDir(snapshotDir); err != nil {
		return &atomicfile.FlushError{Err: err}
	}
	return nil
}

// rewrite writes what is there, from one place to another, over itself.
func (n *snapshot) rewrite(from, to int64) error {
	buf := make([]byte, min(to-from, chunk))
	for from < to {
		b := buf[:min(to-from, int64(len(buf)))]
		if _, err := n.file.ReadAt(b, from); err != nil && err != io.EOF {
			return err
		}
		if _, err := n.file.WriteAt(b, from); err != nil {
			return err
		}
		from += int64(len(b))
	}
	return nil
}
