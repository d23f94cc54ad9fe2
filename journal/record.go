package journal

import (
	"encoding/binary"
	"hash/crc32"
	"math/bits"
	"time"
)

// MaxPayload is the length of the longest payload, in bytes.
const MaxPayload = 128 << 20

// Record is one record as it was read back.
type Record struct {
	Seq      uint64    // its sequence number, from 1
	Time     time.Time // what the writer gave
	Payload  []byte    // the receiver's to keep
	Repaired bool      // one flipped bit was put right: worth telling, the disk is getting old
}

// A record is a header and a payload, and zeros up to a multiple of 32 bytes:
//
//	 0  header checksum   u32  CRC-32C of bytes 4 to 31, begun with the segment's salt
//	 4  payload length    u32  0 to 128 MiB
//	 8  payload checksum  u32  CRC-32C of the payload, xor both halves of the sequence number
//	12  kind              u8   1 data, 2 jump, 3 mark, 4 seal
//	13  index             u24  see below
//	16  sequence number   u64
//	24  time              i64  unix nanoseconds, the writer's
//	32  payload
//
// All integers are little-endian. A record begins at a multiple of 32 bytes, so
// that its header never crosses a disk sector: a power cut leaves the whole
// header or nothing of it.
//
// The salt is another one each time a segment is used, so what an earlier use
// left in the file never passes for a record of this one. The checksums differ
// from zero for zeros, and kind 0 is none: filler is no record.
//
// Sequence numbers follow each other without a hole, jumps aside. The index
// tells what was durable when the record was written: everything below
// (sequence number - index) that was ever acknowledged. In a flush it grows by
// one with each record, from 0, or from the number of burned sequence numbers.
//
//	data  a record that follows the one before: one number higher.
//	jump  a record whose index numbers just below its own are burned: they
//	      belonged to writes that failed or were torn, and must never be valid.
//	mark  no payload. All up to this sequence number is durable. Written behind
//	      each flush without being flushed itself; the next flush overwrites it.
//	seal  a mark that also says that a segment follows and has been flushed.
const (
	recordHeader = 32
	recordAlign  = 32
	maxIndex     = 1<<24 - 1

	kindData = 1
	kindJump = 2
	kindMark = 3
	kindSeal = 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// item is a record header that passed its checksum, and where it stands.
type item struct {
	off   int64
	size  uint32 // of the payload
	sum   uint32 // of the payload, the sequence number taken out
	kind  byte
	index uint32
	seq   uint64
	time  int64
}

func (it *item) isData() bool { return it.kind == kindData || it.kind == kindJump }

// proves returns the sequence number below which everything was durable when
// the item was written.
func (it *item) proves() uint64 {
	if it.isData() {
		return it.seq - uint64(it.index)
	}
	return it.seq + 1
}

// follows reports whether a data item may come next, where next is the number
// after the last record's.
func (it *item) follows(next uint64) bool {
	if it.kind == kindJump {
		return it.index > 0 && it.proves() == next
	}
	return it.kind == kindData && it.seq == next
}

func (it *item) end() int64 { return it.off + recordSize(int(it.size)) }

// recordSize returns what a payload of n bytes takes in a segment.
func recordSize(n int) int64 {
	return (int64(n) + recordHeader + recordAlign - 1) &^ (recordAlign - 1)
}

// fold mixes the sequence number into the payload's checksum, so that an empty
// or equal payload does not give equal headers.
func fold(seq uint64) uint32 { return uint32(seq) ^ uint32(seq>>32) }

// putHeader writes it at the beginning of b, under salt.
func putHeader(b []byte, it *item, salt uint32) {
	binary.LittleEndian.PutUint32(b[4:], it.size)
	binary.LittleEndian.PutUint32(b[8:], it.sum^fold(it.seq))
	binary.LittleEndian.PutUint64(b[16:], it.seq)
	binary.LittleEndian.PutUint64(b[24:], uint64(it.time))
	stamp(b, it.kind, it.index, salt)
}

// stamp completes a header that has all but kind, index and checksum.
func stamp(b []byte, kind byte, index, salt uint32) {
	binary.LittleEndian.PutUint32(b[12:], uint32(kind)|index<<8)
	binary.LittleEndian.PutUint32(b, crc32.Update(salt, castagnoli, b[4:recordHeader]))
}

// parseHeader reads a header of 32 bytes; false where none with this salt
// stands. Nothing of it is believed before the checksum has passed, and the
// length not without its limit.
func parseHeader(b []byte, salt uint32) (item, bool) {
	kind := b[12]
	if kind < kindData || kind > kindSeal { // first, since most of what a scan meets is filler
		return item{}, false
	}
	if binary.LittleEndian.Uint32(b) != crc32.Update(salt, castagnoli, b[4:recordHeader]) {
		return item{}, false
	}
	it := item{
		size:  binary.LittleEndian.Uint32(b[4:]),
		kind:  kind,
		index: binary.LittleEndian.Uint32(b[12:]) >> 8,
		seq:   binary.LittleEndian.Uint64(b[16:]),
		time:  int64(binary.LittleEndian.Uint64(b[24:])),
	}
	it.sum = binary.LittleEndian.Uint32(b[8:]) ^ fold(it.seq)
	ok := it.size <= MaxPayload && it.seq > 0 && it.seq < 1<<63 && uint64(it.index) < it.seq
	return it, ok
}

func (it *item) matches(payload []byte) bool {
	return crc32.Checksum(payload, castagnoli) == it.sum
}

// repairHeader finds the one flipped bit that explains why b is no header.
func repairHeader(b []byte, salt uint32) (item, bool) {
	var c [recordHeader]byte
	copy(c[:], b)
	for bit := range recordHeader * 8 {
		c[bit/8] ^= 1 << (bit % 8)
		if it, ok := parseHeader(c[:], salt); ok {
			return it, true
		}
		c[bit/8] ^= 1 << (bit % 8)
	}
	return item{}, false
}

// maxRepair is the longest payload in which a flipped bit is looked for. Any
// damage at all looks like one flipped bit with a chance of (bits in the
// payload) in 2^32, and a wrong payload is worse than a lost one.
const maxRepair = 64 << 10

// repairPayload puts right the one flipped bit, in place, that explains why
// payload does not match; false, with payload as it was, if none does.
//
// A CRC is linear: a flipped bit changes it by an amount that depends on the
// bit's distance from the end alone. The amounts follow from each other by one
// shift, so one pass from the last bit to the first tries them all.
func repairPayload(it *item, payload []byte) bool {
	if len(payload) > maxRepair {
		return false
	}
	syndrome := crc32.Checksum(payload, castagnoli) ^ it.sum
	effect := uint32(crc32.Castagnoli) // of the very last bit: the polynomial itself
	for i := len(payload) - 1; i >= 0; i-- {
		for bit := 7; bit >= 0; bit-- { // the CRC takes the lowest bit first
			if effect == syndrome {
				payload[i] ^= 1 << bit
				return it.matches(payload)
			}
			effect = effect>>1 ^ crc32.Castagnoli&-(effect&1)
		}
	}
	return false
}

// solveSalt returns the one salt under which b is a header: the CRC is undone
// bit by bit, from its result to where it began.
func solveSalt(b []byte) uint32 {
	crc := ^binary.LittleEndian.Uint32(b)
	for i := recordHeader - 1; i >= 4; i-- {
		for range 8 {
			top := crc >> 31 // set if the polynomial was added in this step
			crc = (crc^crc32.Castagnoli&-top)<<1 | top
		}
		crc ^= uint32(b[i])
	}
	return ^crc
}

// burned returns how many of the numbers from base up to first are unused.
func burned(base, first uint64) (uint32, bool) {
	n, borrow := bits.Sub64(first, base, 0)
	return uint32(n), borrow == 0 && n <= maxIndex/2
}
