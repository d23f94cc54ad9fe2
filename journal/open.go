package journal

import (
	"os"
	"path"

	"github.com/holdfast-go/holdfast/vfs"
)

// Replay is what [Open] tells while it reads the journal. An error of either
// function ends Open with it.
type Replay struct {
	// After is the number of the last record that the caller has stored
	// elsewhere: it and those before need not be told. Segments that end there
	// are not read beyond their header. 0 asks for everything that is kept.
	After uint64

	// Record is called for every record, in order. Nil: records are only
	// checked. A record that was never acknowledged may be among the last: its
	// writer died between the write and the flush. It is durable by the time
	// Open returns, or Open fails.
	Record func(Record) error

	// Damage is called, between the records, where some are lost. Nil: damage is
	// logged.
	Damage func(Damage) error
}

// Open reads the journal in dir, which must exist, tells r what is in it, and
// makes it ready to be written to. The caller makes sure that no other process
// has it open for writing.
//
// Durability: nothing is written where the journal was closed, or its process
// killed, with no flush under way. Otherwise the last flush is carried out again.
// Open needs no free space on the disk.
//
// Errors are the file system's: one that may pass (EIO, EMFILE) is not damage,
// and nothing has been changed.
func Open(fsys vfs.FS, dir string, o *Options, r Replay) (*Journal, error) {
	sv, err := surveyDir(fsys, dir)
	if err != nil {
		return nil, err
	}
	j := newJournal(fsys, dir, o.withDefaults(), sv)
	if err := j.replay(sv, r); err != nil {
		j.closeFiles()
		return nil, err
	}
	for _, name := range sv.temps {
		// Not flushed: one that comes back is removed by the next Open.
		if err := fsys.Remove(path.Join(dir, name)); err != nil {
			j.opt.Logger.Warn("cannot remove an unfinished segment", "file", name, "error", err)
		}
	}
	j.start()
	return j, nil
}

// replay reads all segments, and settles where the next record goes.
func (j *Journal) replay(sv *survey, r Replay) error {
	var last *walker
	t := tour{
		fsys: j.fsys, dir: j.dir, chain: sv.chain, bad: sv.bad, after: r.After,
		record: func(e event) error {
			if r.Record == nil {
				return nil
			}
			return r.Record(e.record())
		},
		damage: func(d Damage) error {
			if r.Damage == nil {
				j.opt.Logger.Error("journal is damaged", "error", &DamageError{Damage: d})
				return nil
			}
			return r.Damage(d)
		},
		done: func(s *segment, w *walker) {
			s.next, s.end, s.newest = w.next, w.off, w.newest
			last = w
		},
	}
	if err := t.run(); err != nil {
		return err
	}
	j.recount(sv, last)
	if n := len(sv.chain); n > 0 {
		return j.settle(sv.chain[n-1], last)
	}
	return nil
}

// recount notes the last record's number and the next one's, which is beyond all
// that were ever seen on disk. w has walked the last segment.
func (j *Journal) recount(sv *survey, w *walker) {
	next := uint64(1)
	for _, b := range sv.bad {
		next = max(next, b.damage.To+1)
	}
	if w != nil {
		next = max(next, w.next)
		if w.behind != nil {
			next = max(next, w.behind.seen+1)
		}
		j.last, j.newest = w.next-1, w.newest
		if w.next == w.head.first {
			j.last = w.head.prev // none of the segment's records is there
		}
	}
	for i := range sv.bad {
		sv.bad[i].seg.next = next // whatever it held was before that
	}
	j.in.next = next
}

// settle makes the last segment ready to be written to, and its last flush durable
// if nothing proves that it is.
func (j *Journal) settle(s *segment, w *walker) error {
	f, err := j.fsys.OpenFile(path.Join(j.dir, s.name), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	s.file = f
	mark := w.endMark()
	s.frozen = w.damaged || w.sealed() || w.win.size < s.head.size
	if s.frozen && mark != nil {
		s.sealAt = mark.off
	}
	if w.proved < w.next || w.next == s.head.first && !s.frozen {
		if err := s.redo(w); err != nil {
			return err
		}
	}
	if mark != nil || s.frozen || w.next == s.head.first {
		return nil
	}
	if err := s.putMark(kindMark, s.end); err != nil {
		return err
	}
	if w.behind != nil && w.behind.seen >= w.next {
		// A record lies here of which only a part came to the disk. The next
		// one is written over it, and if a power cut takes that one's first
		// sector and leaves the rest, equal bytes could make the old one
		// whole: a value that this Open says was never stored. So its header
		// goes first.
		return flushError(vfs.Datasync(s.file))
	}
	return nil
}

// redo carries out the last flush again. Its writer was killed, or the power
// went, before the mark: the records are here, perhaps in memory alone, and
// whoever reads them is going to rely on them. They are written again, not
// only flushed: had the flush failed before, the pages would count as clean.
func (s *segment) redo(w *walker) error {
	if w.flushAt == dataStart { // the header belonged to that flush
		if _, err := s.file.WriteAt(s.head.bytes(), int64(s.place)*headerPlace); err != nil {
			return err
		}
	}
	rest := make([]byte, max(min(w.off, w.win.size)-w.flushAt, 0)) // the last record's filler may be cut off
	if len(rest) == 0 {                                            // nothing but the header was left: it waits for the next flush
		return nil
	}
	if _, err := s.file.ReadAt(rest, w.flushAt); err != nil {
		return err
	}
	if _, err := s.file.WriteAt(rest, w.flushAt); err != nil {
		return err
	}
	return vfs.Datasync(s.file)
}
