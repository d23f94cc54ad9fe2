package journal

import (
	"bytes"
	"fmt"
	"time"
)

// walker goes through the records of one segment, from the first to the last,
// and tells damage from what a crash left behind.
type walker struct {
	name string // of the file, for reports
	win  window
	head header

	// known is the number after the last record of this segment, as its
	// successor tells; 0 if it has none. All below must be there.
	known uint64

	off     int64  // where the next record should begin
	next    uint64 // its sequence number, unless it is a jump
	proved  uint64 // all below was acknowledged
	flush   uint64 // the last record's [item.proves], the same for all of one flush
	flushAt int64  // where the first record of that flush stands
	newest  int64  // the highest time of a record

	now     item     // the record of the last event
	behind  *remains // what lies behind the first place that is no record; nil until looked at
	resume  bool     // the next record follows damage: its number is what it is
	damaged bool     // something is lost, or was put right
	done    bool
}

// event is what a walker meets next: a record, or damage, or neither, which is
// the end.
type event struct {
	item     *item // until the next step, like the payload
	payload  []byte
	repaired bool
	damage   *Damage
}

func (e *event) record() Record {
	return Record{
		Seq: e.item.seq, Time: time.Unix(0, e.item.time),
		Payload: bytes.Clone(e.payload), Repaired: e.repaired,
	}
}

func newWalker(name string, win window, head header, known uint64) *walker {
	return &walker{
		name: name, win: win, head: head, known: known,
		off: dataStart, next: head.first, proved: head.first, flushAt: dataStart, newest: head.newest,
	}
}

// step returns the next event. Errors are the file system's.
func (w *walker) step() (event, error) {
	if w.done || w.known != 0 && w.next >= w.known {
		return event{}, nil
	}
	e, err := w.try()
	if err != nil || e.item != nil {
		return e, err
	}
	return w.broken()
}

// try returns the record at the present place, or nothing if none is there.
func (w *walker) try() (event, error) {
	it, ok, err := w.itemAt(w.off)
	if err != nil || !ok || !w.expects(&it) {
		return event{}, err
	}
	payload, err := w.payload(&it)
	if err != nil || payload == nil || !it.matches(payload) {
		return event{}, err
	}
	return w.accept(&it, payload, false), nil
}

// expects reports whether a data item may stand at the present place.
func (w *walker) expects(it *item) bool {
	if !it.isData() || w.known != 0 && it.seq >= w.known {
		return false
	}
	return w.resume || it.follows(w.next)
}

func (w *walker) accept(it *item, payload []byte, repaired bool) event {
	if p := it.proves(); p != w.flush {
		w.flush, w.flushAt = p, it.off
		w.proved = max(w.proved, p)
	}
	w.damaged = w.damaged || repaired
	w.newest = max(w.newest, it.time)
	w.off, w.next, w.resume = it.end(), it.seq+1, false
	w.now = *it
	return event{item: &w.now, payload: payload, repaired: repaired}
}

// itemAt returns the header at off, if one is there.
func (w *walker) itemAt(off int64) (item, bool, error) {
	b, err := w.win.bytes(off, recordHeader)
	if err != nil || len(b) < recordHeader {
		return item{}, false, err
	}
	it, ok := parseHeader(b, w.head.salt)
	it.off = off
	return it, ok, nil
}

// payload returns what follows the item's header, not nil, or nil where the file
// is too short for it.
func (w *walker) payload(it *item) ([]byte, error) {
	n := recordHeader + int(it.size)
	b, err := w.win.bytes(it.off, n)
	if err != nil || len(b) < n {
		return nil, err
	}
	return b[recordHeader:n:n], nil
}

// broken decides what it means that no record stands at the present place.
func (w *walker) broken() (event, error) {
	if w.behind == nil {
		var err error
		if w.behind, err = w.scan(); err != nil {
			return event{}, err
		}
	}
	w.proved = max(w.proved, w.behind.proved)
	if max(w.proved, w.known) <= w.next {
		// A tail that nobody was told to be durable, or no tail at all.
		w.done = true
		return w.cutOff(), nil
	}
	e, err := w.repair()
	if err != nil || e.item != nil {
		return e, err
	}
	return w.lose(e.damage), nil
}

// repair returns the record at the present place with one bit put right, or
// else a damage that says as much of it as is known.
func (w *walker) repair() (event, error) {
	d := &Damage{File: w.name, Offset: w.off, Detail: "no readable record header"}
	b, err := w.win.bytes(w.off, recordHeader)
	if err != nil || len(b) < recordHeader {
		d.Detail = "the file ends here"
		return event{damage: d}, err
	}
	it, sound := parseHeader(b, w.head.salt)
	ok := sound
	if !sound {
		it, ok = repairHeader(b, w.head.salt)
	}
	it.off = w.off
	if !ok || !w.expects(&it) {
		return event{damage: d}, nil
	}
	payload, err := w.payload(&it)
	if err != nil || payload == nil {
		return event{damage: d}, err
	}
	if it.matches(payload) {
		return w.accept(&it, payload, true), nil
	}
	payload = bytes.Clone(payload)
	if sound && repairPayload(&it, payload) {
		return w.accept(&it, payload, true), nil
	}
	d.Payload, d.Time, d.Detail = payload, time.Unix(0, it.time), "the payload does not match its checksum"
	return event{damage: d}, nil
}

// lose completes d and goes on at the next record that is whole, if there is one.
func (w *walker) lose(d *Damage) event {
	w.damaged = true
	d.From = w.next
	if it := w.behind.after(w); it != nil {
		w.off, w.next, w.resume = it.off, it.seq, true
		d.To = it.seq - 1
		if p := it.proves(); it.kind == kindJump && p > d.From {
			d.To = p - 1 // the others were burned
		}
		return event{damage: d}
	}
	w.next = max(w.proved, w.known)
	d.To = w.next - 1
	w.done = true
	return event{damage: d}
}

// cutOff tells of a file that is shorter than its header says: any number of
// records may have stood in the part that is missing.
func (w *walker) cutOff() event {
	if w.known != 0 || w.win.size >= w.head.size {
		return event{}
	}
	w.damaged = true
	return event{damage: &Damage{
		File: w.name, Offset: w.win.size, From: w.next,
		Detail: fmt.Sprintf("the file ends after %d of %d bytes", w.win.size, w.head.size),
	}}
}
