package journal

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/vfs"
)

// Reader reads a journal that another process may be writing, without a lock.
//
// Concurrency: a Reader is for one goroutine at a time, and any number of
// Readers may be open.
type Reader struct {
	fsys vfs.FS
	dir  string
	at   *cursor // where the last Read ended; nil if there was none
	last uint64  // what it returned
}

// OpenReader opens the journal in dir for reading. Errors: fs.ErrNotExist if dir
// is absent or has no segment.
func OpenReader(fsys vfs.FS, dir string) (*Reader, error) {
	sv, err := surveyDir(fsys, dir)
	if err != nil {
		return nil, err
	}
	if sv.empty() {
		return nil, &fs.PathError{Op: "open journal", Path: dir, Err: fs.ErrNotExist}
	}
	return &Reader{fsys: fsys, dir: dir}, nil
}

// Close lets go of the files.
func (r *Reader) Close() error { return r.leave() }

func (r *Reader) leave() error {
	if r.at == nil {
		return nil
	}
	err := r.at.file.Close()
	r.at = nil
	return err
}

// Read delivers every acknowledged record with a number above after, in order,
// and returns the number of the last one (after, if there was none). A record
// whose acknowledgement happened before the call is among them. Called again
// with what it returned it goes on there, by one read of 32 bytes if nothing is
// new.
//
// Errors: f's; [ErrGap] if records that were asked for have been given up; a
// *[DamageError] where acknowledged records are lost, after which the caller may
// go on with after = Damage.To; the file system's. Records delivered before the
// error count.
func (r *Reader) Read(after uint64, f func(Record) error) (last uint64, err error) {
	if err := r.locate(after); err != nil || r.at == nil {
		return after, err
	}
	deliver := r.sink(after, f)
	for more := true; more && err == nil; {
		more, err = r.follow(deliver, after)
	}
	return r.last, err
}

// ReadAll is Read for a journal whose owner is known to be dead: it also
// delivers the records at the end that are whole but not proved to have been
// acknowledged. The next owner will take them for valid.
func (r *Reader) ReadAll(after uint64, f func(Record) error) (last uint64, err error) {
	if err := r.locate(after); err != nil || r.at == nil {
		return after, err
	}
	deliver := r.sink(after, f)
	for err == nil && r.at != nil {
		var next *segment
		next, err = r.onward(false)
		switch {
		case err != nil:
		case r.at == nil: // its owner is not so dead
			err = r.locate(r.last)
		case next == nil:
			err = r.at.rest(deliver, after)
			return r.last, err
		default:
			err = r.move(next, deliver, after)
		}
	}
	return r.last, err
}

// sink passes records above after to f.
func (r *Reader) sink(after uint64, f func(Record) error) sink {
	return func(e event) error {
		if e.item.seq <= after {
			return nil
		}
		if err := f(e.record()); err != nil {
			return err
		}
		r.last = e.item.seq
		return nil
	}
}

// locate puts the cursor into the segment that holds the record behind after. It
// stays nil if there is none yet.
func (r *Reader) locate(after uint64) error {
	if r.at != nil && r.last == after {
		return nil
	}
	r.leave()
	r.last = after
	for range tries {
		sv, err := surveyDir(r.fsys, r.dir)
		if err != nil || len(sv.chain) == 0 {
			return err
		}
		i := len(sv.chain) - 1
		for i >= 0 && sv.chain[i].head.prev > after {
			i--
		}
		if i < 0 {
			return ErrGap
		}
		r.at, err = newCursor(r.fsys, r.dir, sv.chain[i], 0)
		if !errors.Is(err, fs.ErrNotExist) { // else its owner has just removed it
			return err
		}
	}
	return ErrGap
}

// follow delivers what is new in the present segment, and moves to the next one
// if there is one. It reports whether there may be more.
func (r *Reader) follow(deliver sink, after uint64) (more bool, err error) {
	c := r.at
	c.rewind()
	st, seen, err := c.look(1)
	if err != nil {
		return false, err
	}
	if st == atMark {
		return false, nil
	}
	if !c.isQuiet(st, seen) {
		if st, seen, err = c.live(deliver); err != nil || st == atMark {
			return false, err
		}
	}
	next, err := r.onward(st == atSeal)
	if err != nil {
		return false, err
	}
	if r.at == nil { // its space has been reused
		err := r.locate(r.last)
		return r.at != nil, err
	}
	if next != nil {
		return true, r.move(next, deliver, after)
	}
	return r.stuck(st, seen, deliver, after)
}

// stuck decides what it means that no mark stands behind the last record of the
// last segment.
func (r *Reader) stuck(st state, seen string, deliver sink, after uint64) (more bool, err error) {
	c := r.at
	switch {
	case st == atSeal:
		return false, &DamageError{Damage: Damage{From: c.w.next, Detail: "a segment is missing"}}
	case st == atWrite && c.busy != c.w.off: // the next call finds it whole, if its owner lives
		c.busy = c.w.off
		if sure, err := c.acknowledged(); err != nil || !sure {
			return false, err
		}
	case c.isQuiet(st, seen):
		return false, nil
	}
	if st == atNothing {
		c.quiet = seen
	}
	return c.search(deliver, after)
}

// onward returns the segment that follows the present one, nil if there is none.
// If the present one is no longer what it was, the cursor is nil afterwards.
//
// The headers are read one after another, while the owner puts segments to use
// and gives them up. What does not make sense is looked at again: that there is
// no successor where a seal says so, or that numbers are left out.
func (r *Reader) onward(sealed bool) (*segment, error) {
	var next *segment
	for range tries {
		sv, err := surveyDir(r.fsys, r.dir)
		if err != nil {
			return nil, err
		}
		at := r.at.seg
		i := slices.IndexFunc(sv.chain, func(s *segment) bool {
			return s.name == at.name && s.head.number == at.head.number && s.head.salt == at.head.salt
		})
		if i < 0 {
			r.leave()
			return nil, nil
		}
		if i+1 == len(sv.chain) {
			if sealed {
				continue
			}
			return nil, nil
		}
		next = sv.chain[i+1]
		if next.head.number == at.head.number+1 {
			break
		}
	}
	return next, nil
}

// move delivers the rest of the present segment and goes to the next one.
func (r *Reader) move(next *segment, deliver sink, after uint64) error {
	c := r.at
	hole := next.head.number != c.seg.head.number+1
	if !hole {
		c.w.known = next.head.prev + 1
	}
	if err := c.rest(deliver, after); err != nil {
		ok, serr := c.seg.stands(r.fsys, r.dir)
		if serr == nil && !ok { // reused while it was read
			r.leave()
			return r.locate(r.last)
		}
		return err
	}
	if hole && c.w.next <= next.head.prev && next.head.prev > after {
		return &DamageError{Damage: Damage{From: c.w.next, To: next.head.prev, Detail: "a segment is missing"}}
	}
	to, err := newCursor(r.fsys, r.dir, next, 0)
	if err != nil {
		return err
	}
	r.leave()
	r.at = to
	return nil
}

// Backward is [Journal.Backward], from the last acknowledged record on.
func (r *Reader) Backward(match func(payload []byte) bool) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		v, err := r.survey()
		if err != nil {
			yield(Record{}, err)
			return
		}
		b := backward{fsys: r.fsys, dir: r.dir, match: match, yield: yield}
		b.run(v.chain, v.known)
	}
}

// Verify is [Journal.Verify].
func (r *Reader) Verify(ctx context.Context, progress func(records int), damage func(Damage) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	v, err := r.survey()
	if err != nil {
		return err
	}
	n := 0
	t := tour{
		fsys: r.fsys, dir: r.dir, chain: v.chain, bad: v.bad, known: v.known,
		record: counter(ctx, &n, progress), damage: damage,
		gone: func(s *segment) bool {
			ok, err := s.stands(r.fsys, r.dir)
			return err == nil && !ok
		},
	}
	if err := t.run(); err != nil {
		return err
	}
	if progress != nil {
		progress(n)
	}
	return nil
}

// Usage is [Journal.Usage]; zero if the directory cannot be read.
func (r *Reader) Usage() Usage {
	v, err := r.survey()
	if err != nil {
		return Usage{}
	}
	u := Usage{Segments: len(v.chain) + len(v.spares) + len(v.bad)}
	for _, s := range slices.Concat(v.chain, v.spares) {
		u.Size += s.size
	}
	for _, b := range v.bad {
		u.Size += b.seg.size
	}
	if len(v.chain) > 0 {
		u.Oldest, u.First, u.Last = time.Unix(0, v.chain[0].head.time), v.chain[0].head.first, v.known-1
	}
	return u
}

// view is a survey together with how far the last segment's records go.
type view struct {
	*survey
	known uint64 // the number after the last acknowledged record
}

// survey looks at all segments afresh.
func (r *Reader) survey() (v view, err error) {
	for try := range tries {
		if v.survey, err = surveyDir(r.fsys, r.dir); err != nil || len(v.chain) == 0 {
			return v, err
		}
		if i := v.hole(); i > 0 && try < tries/10 {
			continue // most likely a segment was put to use while the headers were being read
		}
		last := v.chain[len(v.chain)-1]
		var stayed bool
		if v.known, stayed, err = r.end(last); err != nil || stayed {
			break
		}
	}
	if err != nil || len(v.bad) == 0 {
		return v, err
	}
	again, err := surveyDir(r.fsys, r.dir)
	if err != nil {
		return v, err
	}
	// A segment seen half way from spare to active is none of these.
	v.bad = slices.DeleteFunc(v.bad, func(b bad) bool {
		return !slices.ContainsFunc(again.bad, func(o bad) bool { return o.seg.name == b.seg.name })
	})
	return v, nil
}

// hole returns the place of the first segment that is not the successor of the
// one before; 0 if there is none.
func (sv *survey) hole() int {
	for i := 1; i < len(sv.chain); i++ {
		if sv.chain[i].head.number != sv.chain[i-1].head.number+1 {
			return i
		}
	}
	return 0
}

// end returns the number after the last acknowledged record of a segment, and
// whether it still was the last segment then.
func (r *Reader) end(s *segment) (known uint64, stayed bool, err error) {
	c, err := newCursor(r.fsys, r.dir, s, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	probe := &Reader{fsys: r.fsys, dir: r.dir, at: c, last: s.head.prev}
	defer probe.Close()
	after := s.head.prev
	for {
		last, err := probe.Read(after, func(Record) error { return nil })
		var de *DamageError
		after = max(after, last)
		if errors.As(err, &de) && de.Damage.To > after {
			after = de.Damage.To
			continue
		}
		if errors.Is(err, ErrGap) { // the owner has gone round once since: look again
			return 0, false, nil
		}
		if err != nil && de == nil {
			return 0, false, err
		}
		return after + 1, probe.at != nil && probe.at.seg.head.number == s.head.number, nil
	}
}
