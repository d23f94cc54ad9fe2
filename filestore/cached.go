package filestore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/driver"
)

// cache bounds the memory for values that are on the disk as well. Values that
// are not yet are held too, beside it: as many as the journal's backlog has.
// It gives up what was not used since it last came round (the clock algorithm).
type cache struct {
	limit int64

	mu   sync.Mutex
	used int64
	ring []*entry
	hand int
}

// add counts a value that is in memory and on the disk, and makes room.
func (c *cache) add(e *entry, size int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.slot == 0 {
		c.ring = append(c.ring, e)
		e.slot = int32(len(c.ring))
	}
	c.used += int64(size) - int64(e.held)
	e.held = int32(size)
	for looks := 2 * len(c.ring); c.used > c.limit && looks > 0; looks-- {
		c.step()
	}
}

// drop counts a value no more: it has been removed.
func (c *cache) drop(e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.slot != 0 {
		c.leave(e)
	}
}

// leave takes an entry out of the ring. The caller holds mu.
func (c *cache) leave(e *entry) {
	last := c.ring[len(c.ring)-1]
	c.ring[e.slot-1], last.slot = last, e.slot
	c.ring[len(c.ring)-1] = nil
	c.ring = c.ring[:len(c.ring)-1]
	c.used -= int64(e.held)
	e.slot, e.held = 0, 0
}

// room tells whether a value fits without driving out another.
func (c *cache) room(size int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.used+int64(size) <= c.limit
}

// step looks at one entry. What has a newer version than the disk leaves the
// ring; it comes back when the disk has that, too.
func (c *cache) step() {
	if c.hand >= len(c.ring) {
		c.hand = 0
	}
	e := c.ring[c.hand]
	v := e.cur.Load()
	if v != nil && v.data != nil && v.snap != nil {
		if e.used.Swap(false) {
			c.hand++
			return
		}
		bare := *v
		bare.data = nil
		if !e.cur.CompareAndSwap(v, &bare) { // changed this moment
			c.hand++
			return
		}
	}
	c.leave(e)
}

// get returns the latest acknowledged version, its data appended to dst: from
// memory, or from the snapshot, or whatever else still proves it.
func (j *journaled) get(ctx context.Context, k driver.Key, dst []byte) (driver.Record, error) {
	if err := ctx.Err(); err != nil {
		return driver.Record{}, err
	}
	if j.s.life.over() {
		return driver.Record{}, driver.ErrClosed
	}
	for {
		e := j.index.find(k)
		v := e.seen()
		if !v.live() {
			err := j.missing(k)
			if j.index.find(k).seen().live() {
				continue // a Put came between the look for a value and that for a mark
			}
			return driver.Record{}, err
		}
		again := e.used.Load()
		if !again {
			e.used.Store(true)
		}
		if v.data != nil {
			return e.record(k, v, again, dst), nil
		}
		if !j.s.life.enter() { // Close waits for what reads the disk
			return driver.Record{}, driver.ErrClosed
		}
		defer j.s.life.leave()
		return j.fetch(e, k, dst)
	}
}

// missing says what a key without a value means.
func (j *journaled) missing(k driver.Key) error {
	if err := j.s.admits(k); err != nil {
		return err
	}
	if err := j.s.marked(k); err != nil {
		return err
	}
	return driver.ErrNotFound
}

// record is what a reader gets of a version. again says that the value is read
// more than once, so that the text of its revision is worth keeping.
func (e *entry) record(k driver.Key, v *version, again bool, dst []byte) driver.Record {
	rec := driver.Record{Key: k, Data: append(dst, v.data...), ModTime: v.time()}
	if r := e.rev.Load(); r != nil && r.mod == v.mod && r.crc == v.crc {
		rec.Rev = r.text
		return rec
	}
	rec.Rev = v.rev()
	if again {
		e.rev.Store(&revision{v.mod, v.crc, rec.Rev})
	}
	return rec
}

// revision is the text of a version's revision: to make it takes as long as to
// copy the value.
type revision struct {
	mod  int64
	crc  uint32
	text string
}

func (v *version) time() time.Time { return time.Unix(0, v.mod) }

// rev is the revision: the time of the change, which is unlike that of any
// other, and a checksum, which tells changes by another hand within one tick of
// its clock.
func (v *version) rev() string { return formatRev(v.mod, v.crc) }

func formatRev(mod int64, crc uint32) string {
	var b [24]byte
	out := append(strconv.AppendInt(b[:0], mod, 36), '-')
	const digits = "0123456789abcdef"
	for shift := 28; shift >= 0; shift -= 4 {
		out = append(out, digits[crc>>shift&15])
	}
	return string(out)
}

// fetch reads a value that is not in memory.
func (j *journaled) fetch(e *entry, k driver.Key, dst []byte) (driver.Record, error) {
	for {
		v := e.seen()
		switch {
		case !v.live():
			return driver.Record{}, driver.ErrNotFound
		case v.data != nil:
			return e.record(k, v, true, dst), nil
		}
		data, err := j.data(k, v)
		if errors.Is(err, errSnapshotGone) && e.seen() != v { // written anew meanwhile, and v with it
			continue
		}
		if err != nil {
			return driver.Record{}, err
		}
		full := *v
		full.data = data
		if e.cur.CompareAndSwap(v, &full) {
			j.cache.add(e, len(data))
		}
		return e.record(k, &full, true, dst), nil
	}
}

// data reads the data of a version: from the snapshot, or, should that have
// been damaged, from whatever else still proves it: the file, the journal.
func (j *journaled) data(k driver.Key, v *version) ([]byte, error) {
	data, cause := v.snap.value(v)
	if !errors.Is(cause, errSnapshotDamaged) {
		return data, cause
	}
	file, _, err := j.s.locate(k)
	if err != nil {
		return nil, err
	}
	c, err := j.s.read(file)
	if ignoreNotExist(err) != nil {
		return nil, err
	}
	if err == nil && v.wrote(c.data) {
		return c.data, nil
	}
	for old, err := range versionsOf(k, j.past) {
		if err != nil {
			return nil, err
		}
		if v.wrote(old.Data) {
			return old.Data, nil
		}
	}
	return nil, &driver.DamagedError{Path: j.s.path(file),
		Reason: fmt.Sprintf("neither its file nor the journal has what was written: %v", cause)}
}

// wrote tells whether data is what the version holds.
func (v *version) wrote(data []byte) bool {
	return len(data) == int(v.size) && checksum(data) == v.crc
}

// holds tells whether a file's content is that of the version.
func (v *version) holds(c *content) bool { return v.live() && v.wrote(c.data) }
