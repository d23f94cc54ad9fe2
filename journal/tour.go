package journal

import (
	"slices"

	"github.com/holdfast-go/holdfast/vfs"
)

// tour goes through all segments, oldest first, and tells what it meets.
type tour struct {
	fsys  vfs.FS
	dir   string
	chain []*segment
	bad   []bad
	after uint64 // records up to here need not be told
	known uint64 // the number after the last segment's last record; 0 if unknown

	record func(event) error
	damage func(Damage) error
	done   func(*segment, *walker)
	gone   func(*segment) bool // the segment is no longer what it was: what seems damaged is not
}

func (t *tour) run() error {
	t.bad = slices.Clone(t.bad)
	if len(t.chain) > 0 && t.after > 0 && t.chain[0].head.prev > t.after {
		if err := t.missing(t.after+1, t.chain[0].head.prev); err != nil {
			return err
		}
	}
	for i, s := range t.chain {
		var next *segment
		if i+1 < len(t.chain) {
			next = t.chain[i+1]
		}
		if err := t.visit(s, next); err != nil {
			return err
		}
	}
	for _, b := range t.bad {
		if err := t.tell(b.damage); err != nil {
			return err
		}
	}
	return nil
}

// visit reads one segment, and tells if something is missing between it and the
// next one.
func (t *tour) visit(s, next *segment) error {
	known, neighbour := t.known, false
	if next != nil {
		known, neighbour = 0, next.head.number == s.head.number+1
		if next.head.prev <= t.after && t.after > 0 {
			s.next, s.end, s.newest = next.head.prev+1, s.head.size, next.head.newest
			return nil
		}
	}
	if neighbour {
		known = next.head.prev + 1
	}
	w, err := t.walk(s, known)
	if err != nil || w == nil {
		return err
	}
	switch {
	case next != nil && !neighbour && w.next <= next.head.prev:
		return t.missing(w.next, next.head.prev)
	case next == nil && known == 0 && w.sealed():
		return t.missing(w.next, 0)
	}
	return nil
}

func (t *tour) walk(s *segment, known uint64) (*walker, error) {
	w, f, err := s.walk(t.fsys, t.dir, known)
	if err != nil {
		if t.gone != nil && t.gone(s) {
			return nil, nil
		}
		return nil, err
	}
	defer f.Close()
	for {
		e, err := w.step()
		if err != nil {
			return nil, err
		}
		switch {
		case e.item != nil:
			if e.item.seq > t.after {
				err = t.record(e)
			}
		case e.damage != nil:
			if t.gone != nil && t.gone(s) {
				return nil, nil
			}
			err = t.tell(*e.damage)
		default:
			if t.done != nil {
				t.done(s, w)
			}
			return w, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// missing tells that records are in no segment of the chain. If there is one
// file that cannot be read, they were in there.
func (t *tour) missing(from, to uint64) error {
	d := Damage{From: from, To: to, Detail: "a segment is missing"}
	if len(t.bad) == 1 {
		b := t.bad[0].damage
		d.File, d.Offset, d.Detail = b.File, b.Offset, b.Detail
		if to != 0 || b.To >= from {
			d.To = max(to, b.To)
		}
		t.bad = nil
	}
	return t.tell(d)
}

func (t *tour) tell(d Damage) error {
	if d.upTo(t.after) && t.after > 0 {
		return nil
	}
	return t.damage(d)
}

// sealed reports whether the walk ended at a seal: another segment was begun.
func (w *walker) sealed() bool {
	m := w.endMark()
	return m != nil && m.kind == kindSeal
}

// endMark returns the mark or seal behind the last record, if one is there.
func (w *walker) endMark() *item {
	if w.behind == nil || w.behind.mark == nil || w.behind.mark.seq != w.next-1 {
		return nil
	}
	return w.behind.mark
}
