package journal

import (
	"os"
	"path"

	"github.com/holdfast-go/holdfast/vfs"
)

// commit carries one batch to its end, on the committer's goroutine.
func (j *Journal) commit(b *batch) {
	err := j.Failed()
	if err == nil {
		err = j.store(b)
	}
	if err == nil {
		j.opt.Committed(b.items)
	} else {
		j.opt.Failed(b.items, err)
	}
	flush, reserved := b.flush, b.reserved
	j.in.recycle(b)
	j.queue.give(reserved)
	flush.resolve(err)
}

// store makes a batch durable.
func (j *Journal) store(b *batch) error {
	if s := j.active(); s != nil && !s.frozen && s.fits(int64(len(b.buf))) {
		if _, ok := burned(s.next, b.first); ok {
			return j.extend(s, b)
		}
	}
	return j.rotate(b)
}

func (j *Journal) active() *segment {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.chain) == 0 {
		return nil
	}
	return j.chain[len(j.chain)-1]
}

// extend writes a batch behind the records of the active segment.
func (j *Journal) extend(s *segment, b *batch) error {
	b.stamp(s.head.salt, s.next)
	// Over the mark, which proved the flush before: from here on that is proved
	// by the index of this one's first record. A power cut until the flush
	// has returned leaves any sectors of the batch: its first records may be
	// whole, which is as if they had been flushed; the others are found to be
	// torn, since nothing says that they were acknowledged.
	n, err := s.file.WriteAt(b.buf, s.end)
	if err != nil {
		if n == 0 {
			return err
		}
		return j.undo(s, err)
	}
	if err := vfs.Datasync(s.file); err != nil {
		return j.fail(&FlushError{Err: err})
	}
	j.advance(s, b)
	// Before anybody is woken: another process must see what has been
	// acknowledged. Not flushed: a power cut may take the mark, and the records
	// are then as readable as with it.
	j.mark(s, kindMark)
	if s.end-dataStart > s.capacity()/2 {
		j.wantSpare(s)
	}
	return nil
}

// undo makes sure that nothing of a write that failed half way is ever taken for
// a record: its callers are told that it failed, and a restart must not say
// otherwise. The mark takes the place of the first record's header; the others'
// numbers are burned, so they follow nothing. This is flushed, because the kernel
// may have written the first record to the disk already.
func (j *Journal) undo(s *segment, cause error) error {
	err := s.putMark(kindMark, s.end)
	if err == nil {
		err = vfs.Datasync(s.file)
	}
	if err != nil {
		return j.fail(&FlushError{Err: err})
	}
	return cause
}

// advance takes note of a batch that is durable.
func (j *Journal) advance(s *segment, b *batch) {
	j.mu.Lock()
	defer j.mu.Unlock()
	s.end += int64(len(b.buf))
	s.next = b.last() + 1
	s.newest = max(s.newest, b.newest)
	j.last = b.last()
	j.newest = s.newest
}

// mark writes a mark or seal behind the segment's last record, as well as it can:
// without it no record is lost, only readers in other processes see them later.
func (j *Journal) mark(s *segment, kind byte) {
	at := s.end
	if s.frozen {
		at = s.sealAt
	}
	if at == 0 || s.file == nil {
		return
	}
	if err := s.putMark(kind, at); err != nil {
		j.opt.Logger.Warn("cannot mark the end of the journal", "file", s.name, "error", err)
	}
}

// putMark says, at off, that all of the segment's records are durable.
func (s *segment) putMark(kind byte, off int64) error {
	var b [recordHeader]byte
	putHeader(b[:], &item{kind: kind, seq: s.next - 1, time: s.newest}, s.head.salt)
	_, err := s.file.WriteAt(b[:], off)
	return err
}

// rotate puts another segment to use, with a batch as its first records.
func (j *Journal) rotate(b *batch) error {
	s, err := j.takeSpare(int64(len(b.buf)))
	if err != nil {
		return err
	}
	old := *s
	if err := j.activate(s, b); err != nil {
		j.mu.Lock() // Usage may be looking at it
		*s = old
		j.mu.Unlock()
		j.putBack(s)
		return err
	}
	if prev := j.active(); prev != nil {
		// After the new segment's flush: the seal says that it exists, and a
		// restart that finds the seal and no successor reports damage. And
		// while this one still is the last in the chain: after that it may be
		// given up at any moment.
		j.mark(prev, kindSeal)
		j.leave(prev)
	}
	j.mu.Lock()
	j.chain, j.taken = append(j.chain, s), nil
	j.number = s.head.number
	j.mu.Unlock()
	j.advance(s, b)
	j.mark(s, kindMark)
	// A copy in the other place, flushed with what comes next, so that one bad
	// sector does not take the header.
	if place, err := s.putHeader(s.file, &s.head); err != nil {
		j.opt.Logger.Warn("cannot copy a segment header", "file", s.name, "place", place, "error", err)
	}
	return nil
}

// leave closes a segment that will not be written to any more.
func (j *Journal) leave(s *segment) {
	if s.file == nil {
		return
	}
	if err := s.file.Close(); err != nil {
		j.opt.Logger.Warn("closing a segment", "file", s.name, "error", err)
	}
	j.mu.Lock() // History may be copying it
	defer j.mu.Unlock()
	s.file = nil
}

// activate writes the header and the first records of s and flushes both. A
// power cut before the flush has returned may leave the header without the
// records: an empty segment, which is gone on with. Or the records without
// the header: the segment is spare still.
func (j *Journal) activate(s *segment, b *batch) error {
	f, err := j.fsys.OpenFile(path.Join(j.dir, s.name), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	h := header{
		state: stateActive, number: j.nextNumber(), first: b.first, prev: j.Last(), newest: j.newest,
		size: s.head.size, time: j.opt.Now().UnixNano(), salt: newSalt(s.head.salt),
	}
	b.stamp(h.salt, h.first)
	// The records first: if that fails, nothing refers to them, and the next
	// attempt uses another salt.
	if _, err := f.WriteAt(b.buf, dataStart); err != nil {
		f.Close()
		return err
	}
	place, err := s.putHeader(f, &h)
	if err != nil {
		f.Close() // half a header is none, and the other place counts
		return err
	}
	if err := vfs.Datasync(f); err != nil {
		f.Close()
		return j.fail(&FlushError{Err: err})
	}
	s.head, s.place, s.file = h, place, f
	s.end, s.next, s.newest = dataStart, h.first, h.newest
	return nil
}

func (j *Journal) nextNumber() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.number + 1
}
