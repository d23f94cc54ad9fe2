package filestore

import (
	"errors"
	"fmt"
	"io"
	"slices"
)

// snapReader reads a snapshot from end to end.
type snapReader struct {
	n     *snapshot
	each  func(e *snapEntry, whole bool) error
	limit int64 // where to stop; 0: at the end of the file

	end     int64 // of the last commit
	before  int64 // the end of the one before it; 0 if there is none
	applied int64 // of the last entry that each got
	seq     uint64
	closed  bool
	damage  error

	detached bool

	entry snapEntry // the one that each has: one for all of them
}

// chunk is how much is read at once. A small snapshot takes less: the first read
// is of firstChunk, each further one of twice as much.
const (
	chunk      = 1 << 20
	firstChunk = 16 << 10
)

func (r *snapReader) read() error {
	var buf []byte
	off, at, step := int64(snapHead), 0, firstChunk
	for {
		if r.limit > 0 && off >= r.limit {
			return nil
		}
		var need int
		r.entry, need = r.n.parseEntry(buf[at:])
		if need == 0 && len(buf)-at >= entryHead {
			again, err := r.broken(off)
			if !again || err != nil {
				return err
			}
			buf, at = buf[:0], 0
			continue
		}
		if need == 0 || need > len(buf)-at {
			rest := copy(buf, buf[at:])
			want := max(step, need)
			step = min(2*step, chunk)
			buf = slices.Grow(buf[:rest], want)[:rest+want]
			got, err := r.n.file.ReadAt(buf[rest:], off+int64(rest))
			if err != nil && err != io.EOF {
				return err
			}
			if buf, at = buf[:rest+got], 0; got == 0 {
				again, err := r.broken(off)
				if !again || err != nil {
					return err
				}
				buf = buf[:0]
			}
			continue
		}
		r.entry.off, r.entry.snap = off, r.n
		if err := r.take(&r.entry, off+int64(need)); err != nil {
			return err
		}
		at, off = at+need, off+int64(need)
	}
}

func (r *snapReader) take(e *snapEntry, end int64) error {
	if e.kind == entryCommit {
		r.before = r.end
		r.end, r.applied, r.seq, r.closed = end, end, e.seq, e.flags&flagClosed != 0
		r.detached = e.flags&flagDetached != 0
		return nil
	}
	r.applied = end
	whole := e.kind != entryValue || checksum(e.data) == e.crc
	if !whole { // or it was being written while it was read
		if now, err := r.n.entry(e.off, int(end-e.off)); err == nil && checksum(now.data) == e.crc {
			e.data, whole = now.data, true
		}
	}
	return r.each(e, whole)
}

// broken judges what lies at off and is no entry: the end, or what was cut off
// while it was written, or damage. It is damage if a commit follows; unless the
// owner has written both since off was read: then again is true.
func (r *snapReader) broken(off int64) (again bool, err error) {
	const step = 64 << 10
	buf := make([]byte, step+entryHead)
	for at := off; ; at += step {
		got, err := r.n.file.ReadAt(buf, at)
		if err != nil && err != io.EOF {
			return false, err
		}
		for i := 0; i+entryHead <= got && i < step; i += 8 {
			if entryKind(buf[i+16]) != entryCommit {
				continue
			}
			if e, need := r.n.parseEntry(buf[i:got]); need == entryHead && e.kind == entryCommit && at+int64(i) >= off {
				if _, err := r.n.entry(off, entryHead); !errors.Is(err, errSnapshotDamaged) {
					return err == nil, err
				}
				r.damage = fmt.Errorf("%w: %s at byte %d", errSnapshotDamaged, r.n.name, off)
				return false, nil
			}
		}
		if got < step {
			return false, nil
		}
	}
}
