package journal

import (
	"bytes"
	"errors"
	"io"
	"runtime"

	"github.com/holdfast-go/holdfast/vfs"
)

// cursor is a place in one segment of a journal that somebody else may be
// writing to: behind the last record that was delivered.
type cursor struct {
	seg  *segment
	w    *walker
	file vfs.File

	off    int64
	next   uint64
	resume bool // the next record follows damage

	busy  int64  // where an unfinished record stood at the end of the last call
	quiet string // what stood behind the last record when the rest of the segment was searched in vain
}

func newCursor(fsys vfs.FS, dir string, s *segment, known uint64) (*cursor, error) {
	w, f, err := s.walk(fsys, dir, known)
	if err != nil {
		return nil, err
	}
	return &cursor{seg: s, w: w, file: f, off: w.off, next: w.next}, nil
}

// state says why a cursor stands where it stands.
type state int

const (
	atMark    state = iota // all that was written is acknowledged, and delivered
	atSeal                 // the same, and another segment follows
	atWrite                // a record is there, and not whole: it is being written, or damaged
	atNothing              // nothing tells
)

// tries is how often a place is read again that makes no sense. The owner
// overwrites a mark of 32 bytes with the next record's header; who reads at that
// moment may see half of both.
const tries = 200

// look reads what stands behind the last record, and only that, again and again
// if it makes no sense.
func (c *cursor) look(tries int) (state, string, error) {
	var b [recordHeader]byte
	for i := 0; ; i++ {
		got, err := c.file.ReadAt(b[:], c.w.off)
		if got < recordHeader {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return atNothing, "", err
		}
		it, ok := parseHeader(b[:], c.w.head.salt)
		switch {
		case !ok:
		case c.w.expects(&it):
			c.w.proved = max(c.w.proved, it.proves())
			return atWrite, "", nil
		case it.kind == kindSeal && it.seq+1 >= c.w.next:
			c.w.proved = max(c.w.proved, it.seq+1)
			return atSeal, "", nil
		case it.kind == kindMark && it.seq+1 == c.w.next:
			c.w.proved = c.w.next
			return atMark, "", nil
		}
		if i+1 >= tries {
			return atNothing, string(b[:]), nil
		}
		runtime.Gosched()
	}
}

// acknowledged reports whether the record at the walker's place, which is not
// whole, is seen to be acknowledged all the same, and so is damaged: by the
// headers behind it, each found from the one before.
func (c *cursor) acknowledged() (bool, error) {
	off := c.w.off
	for {
		it, ok, err := c.w.itemAt(off)
		if err != nil || !ok {
			return false, err
		}
		if it.proves() > c.w.next || !it.isData() {
			return it.proves() > c.w.next, nil
		}
		off = it.end()
	}
}

// isQuiet reports whether what stands behind the last record makes as little
// sense as when the rest of the segment was searched in vain.
func (c *cursor) isQuiet(st state, seen string) bool {
	return st == atNothing && seen != "" && seen == c.quiet
}

// sink takes records in order.
type sink func(event) error

// live delivers what is proved to be acknowledged, up to where the owner writes.
func (c *cursor) live(deliver sink) (state, string, error) {
	c.rewind()
	var held []event // of one flush, until its acknowledgement is seen
	pass := func() error {
		for len(held) > 0 && held[0].item.seq < c.w.proved {
			if err := deliver(held[0]); err != nil {
				return err
			}
			c.off, c.next, c.resume = held[0].item.end(), held[0].item.seq+1, false
			held = held[1:]
		}
		return nil
	}
	for {
		e, err := c.w.try()
		if err != nil {
			return 0, "", err
		}
		if e.item == nil {
			break
		}
		it := *e.item // the walker and its window move on
		e.item, e.payload = &it, bytes.Clone(e.payload)
		held = append(held, e)
		if err := pass(); err != nil {
			return 0, "", err
		}
	}
	st, seen, err := c.look(tries)
	if err == nil {
		err = pass()
	}
	return st, seen, err
}

// rewind goes back to behind the last record that was delivered, and has it all
// read afresh.
func (c *cursor) rewind() {
	w := c.w
	w.off, w.next, w.resume, w.done, w.behind = c.off, c.next, c.resume, false, nil
	w.win.forget()
}

// stay notes the walker's place as the one to go on from.
func (c *cursor) stay() { c.off, c.next, c.resume = c.w.off, c.w.next, c.w.resume }

// rest delivers everything that is whole, acknowledged or not, and nothing is
// held back. Damage to records up to after does not matter.
func (c *cursor) rest(deliver sink, after uint64) error {
	c.rewind()
	for {
		e, err := c.w.step()
		switch {
		case err != nil:
			return err
		case e.damage != nil:
			if !e.damage.upTo(after) {
				return &DamageError{Damage: *e.damage}
			}
		case e.item == nil:
			return nil
		default:
			if err := deliver(e); err != nil {
				return err
			}
		}
		c.stay()
	}
}

// search looks at all that lies behind the place where live stopped, and
// reports whether there is reason to try live again: something more is proved
// to be acknowledged, or one damaged record has been passed.
//
// The owner may have written meanwhile. A record counts as damaged only if it
// was seen to be acknowledged first, and read again after that.
func (c *cursor) search(deliver sink, after uint64) (again bool, err error) {
	w := c.w
	stop := w.next
	r, err := w.scan()
	if err != nil {
		return false, err
	}
	again, w.proved = r.proved > w.proved, max(w.proved, r.proved)
	if r.proved <= stop {
		if d := w.cutOff().damage; d != nil && !again {
			return false, &DamageError{Damage: *d}
		}
		return again, nil
	}
	if _, _, err := c.live(deliver); err != nil || w.next > stop {
		return true, err
	}
	w.behind = nil
	e, err := w.broken()
	switch {
	case err != nil:
		return false, err
	case e.damage != nil && !e.damage.upTo(after):
		return false, &DamageError{Damage: *e.damage}
	case e.item != nil:
		if err := deliver(e); err != nil {
			return false, err
		}
	case e.damage == nil:
		return false, nil
	}
	c.stay()
	return true, nil
}
