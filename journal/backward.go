package journal

import (
	"iter"
	"slices"

	"github.com/holdfast-go/holdfast/vfs"
)

// Backward goes through the durable records that match, the newest first, as far
// back as they are kept. match gets a payload that is valid during the call; nil
// matches everything.
//
// It sees the records of the moment in which the iteration begins. A damaged
// stretch yields a *[DamageError] in its place, and the iteration goes on behind
// it if the consumer does. Where space is reused meanwhile it simply ends. Any
// other error is the file system's, and the last thing it yields.
//
// Memory: a few words for every match in one segment, and one payload.
func (j *Journal) Backward(match func(payload []byte) bool) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		chain, _, last := j.snapshot()
		b := backward{fsys: j.fsys, dir: j.dir, match: match, yield: yield}
		b.run(chain, last+1)
	}
}

// snapshot returns copies of the segments, oldest first, and the number of the
// last durable record.
func (j *Journal) snapshot() (chain []*segment, broken []bad, last uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, s := range j.chain {
		c := *s
		c.file = nil
		chain = append(chain, &c)
	}
	return chain, slices.Clone(j.bad), j.last
}

// backward is one iteration.
type backward struct {
	fsys  vfs.FS
	dir   string
	match func([]byte) bool
	yield func(Record, error) bool
}

// find is a match, or damage in its place.
type find struct {
	off    int64
	rec    *Record // only of a repaired one, whose bytes on disk are wrong
	damage *Damage
}

// run goes through chain. known is the number after the last record of all; 0 if
// nobody knows.
func (b *backward) run(chain []*segment, known uint64) {
	for i := len(chain) - 1; i >= 0; i-- {
		if i+1 < len(chain) {
			next := chain[i+1].head
			known = next.prev + 1
			if next.number != chain[i].head.number+1 {
				known = 0
			}
		}
		if !b.segment(chain[i], known, chain[i+1:]) {
			return
		}
	}
}

// segment yields what one segment holds; false if that is the end.
func (b *backward) segment(s *segment, known uint64, later []*segment) bool {
	w, f, err := s.walk(b.fsys, b.dir, known)
	if err != nil {
		b.end(s, err)
		return false
	}
	defer f.Close()
	finds, err := b.search(w)
	if err != nil {
		b.end(s, err)
		return false
	}
	if len(later) > 0 && known == 0 && w.next <= later[0].head.prev {
		d := &Damage{From: w.next, To: later[0].head.prev, Detail: "a segment is missing"}
		finds = append(finds, find{damage: d})
	}
	w.off = dataStart
	for _, m := range slices.Backward(finds) {
		if !b.tell(s, w, m) {
			return false
		}
	}
	return true
}

// search walks the segment once and notes the matches.
func (b *backward) search(w *walker) ([]find, error) {
	var finds []find
	for {
		e, err := w.step()
		switch {
		case err != nil:
			return nil, err
		case e.damage != nil:
			finds = append(finds, find{damage: e.damage})
		case e.item == nil:
			return finds, nil
		case b.match != nil && !b.match(e.payload):
		case e.repaired:
			r := e.record()
			finds = append(finds, find{rec: &r})
		default:
			finds = append(finds, find{off: e.item.off})
		}
	}
}

// tell reads a match again and yields it; false if the iteration ends here.
func (b *backward) tell(s *segment, w *walker, m find) bool {
	switch {
	case m.rec != nil:
		return b.yield(*m.rec, nil)
	case m.damage != nil:
		if ok, err := s.stands(b.fsys, b.dir); err != nil || !ok {
			b.end(s, err)
			return false
		}
		return b.yield(Record{}, &DamageError{Damage: *m.damage})
	}
	it, ok, err := w.itemAt(m.off)
	var payload []byte
	if err == nil && ok {
		payload, err = w.payload(&it)
	}
	if err != nil || payload == nil || !it.matches(payload) {
		b.end(s, err)
		return false
	}
	e := event{item: &it, payload: payload}
	return b.yield(e.record(), nil)
}

// end yields err, unless the segment has been given up meanwhile.
func (b *backward) end(s *segment, err error) {
	ok, serr := s.stands(b.fsys, b.dir)
	switch {
	case serr != nil:
		b.yield(Record{}, serr)
	case !ok:
	case err != nil:
		b.yield(Record{}, err)
	default:
		b.yield(Record{}, &DamageError{Damage: Damage{File: s.name, Detail: "it changed while it was read"}})
	}
}
