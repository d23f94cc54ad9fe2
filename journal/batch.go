package journal

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
)

// batch is the records that share a flush.
type batch struct {
	buf      []byte // records as on disk, their headers not yet complete
	items    []any
	flush    *Flush
	first    uint64 // sequence number of the first record
	newest   int64
	reserved int // bytes of payload, to be given back to the queue
}

func (b *batch) last() uint64 { return b.first + uint64(len(b.items)) - 1 }

// add appends a record. sum is the payload's checksum.
func (b *batch) add(payload []byte, sum uint32, seq uint64, t int64, item any) {
	n, off := int(recordSize(len(payload))), len(b.buf)
	b.buf = slices.Grow(b.buf, n)[:off+n]
	rec := b.buf[off:]
	binary.LittleEndian.PutUint32(rec[4:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(rec[8:], sum^fold(seq))
	binary.LittleEndian.PutUint64(rec[16:], seq)
	binary.LittleEndian.PutUint64(rec[24:], uint64(t))
	clear(rec[recordHeader+copy(rec[recordHeader:], payload):])
	b.items = append(b.items, item)
	b.newest = max(b.newest, t)
	b.reserved += len(payload)
}

// stamp completes the headers for a segment in which the numbers from base up to
// the first record's are burned.
func (b *batch) stamp(salt uint32, base uint64) {
	index := uint32(b.first - base)
	kind := byte(kindData)
	if index > 0 {
		kind = kindJump
	}
	for off := int64(0); off < int64(len(b.buf)); index++ {
		rec := b.buf[off:]
		stamp(rec, kind, index, salt)
		off += recordSize(int(binary.LittleEndian.Uint32(rec[4:])))
		kind = kindData
	}
}

// Flush is one write to the disk and the records that share it.
type Flush struct {
	in   *intake // nil if it has failed before it began
	done chan struct{}
	err  error
}

func newFlush(in *intake) *Flush { return &Flush{in: in, done: make(chan struct{})} }

// failedFlush returns a flush that has failed before it began.
func failedFlush(err error) *Flush {
	f := newFlush(nil)
	f.resolve(err)
	return f
}

func (f *Flush) resolve(err error) {
	f.err = err
	close(f.done)
}

// Wait blocks until the records are durable, and returns nil, or until they are
// known to have failed, and returns why: a [*FlushError], which is final for the
// journal; or an error of this flush alone, such as ENOSPC or [ErrFull]. It may
// carry out the flush itself, so the functions of [Options] are called with
// whatever locks its caller holds.
func (f *Flush) Wait() error {
	if f.in != nil && f.in.vacant.Load() && !f.Resolved() && f.in.lead() {
		f.in.led()
	}
	<-f.done
	return f.err
}

// Resolved reports whether Wait would return at once.
func (f *Flush) Resolved() bool {
	select {
	case <-f.done:
		return true
	default:
		return false
	}
}

func checksum(payload []byte) uint32 { return crc32.Checksum(payload, castagnoli) }
