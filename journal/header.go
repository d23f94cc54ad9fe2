package journal

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// A segment file is named by its slot, 00000001.seg, and keeps that name and its
// size for life:
//
//	   0  header place 0      64 bytes, zeros up to 4096
//	4096  header place 1      64 bytes, zeros up to 8192
//	8192  records, to the end of the file
//
// A header:
//
//	 0  "HOLDSJ"
//	 6  version   u8   1
//	 7  state     u8   1 spare, 2 active
//	 8  number    u64  active: how many times any segment had been put to use, this
//	                   time included; spare: the number it had last, 0 for a new file
//	16  first     u64  the first record's sequence number (more than prev+1 if
//	                   numbers between are burned)
//	24  prev      u64  the last sequence number that was durable before
//	32  newest    i64  unix nanoseconds: the newest record's time before
//	40  size      i64  of the file, at most 1 TiB
//	48  time      i64  unix nanoseconds: when it was put to use
//	56  salt      u32  random, see the record's header
//	60  checksum  u32  CRC-32C of bytes 0 to 59
//
// The valid header with the higher number counts; of equal numbers, the spare
// one. A new header goes to the place that does not count, so a power cut in
// the middle of it leaves the old one in force:
//
//	new file      spare, 0 | zeros        flushed before it gets its name
//	put to use    spare, 0 | active, 1    flushed together with the first records
//	a copy        active, 1 | active, 1   flushed with what comes next
//	given up      spare, 1 | active, 1    flushed by itself
//	used again    spare, 1 | active, 7    and so on
//
// Since a segment is flushed as spare before its old records are overwritten, a
// file that is neither spare nor complete is damaged, never a crash's leftover.
// So is one without a valid header, or shorter than its header says.
const (
	headerSize  = 64
	headerPlace = 4096 // from one header to the other
	dataStart   = 2 * headerPlace
	maxSize     = 1 << 40

	magic   = "HOLDSJ"
	version = 1

	stateSpare  = 1
	stateActive = 2
)

type header struct {
	state  byte
	number uint64
	first  uint64
	prev   uint64
	newest int64
	size   int64
	time   int64
	salt   uint32
}

func (h *header) bytes() []byte {
	b := make([]byte, headerSize)
	copy(b, magic)
	b[6], b[7] = version, h.state
	for i, v := range []uint64{h.number, h.first, h.prev, uint64(h.newest), uint64(h.size), uint64(h.time)} {
		binary.LittleEndian.PutUint64(b[8+8*i:], v)
	}
	binary.LittleEndian.PutUint32(b[56:], h.salt)
	binary.LittleEndian.PutUint32(b[60:], crc32.Checksum(b[:60], castagnoli))
	return b
}

// parseSegmentHeader reads one header place. ok is false where no valid header
// stands; the error is ErrVersion's.
func parseSegmentHeader(b []byte) (h header, ok bool, err error) {
	if len(b) < headerSize || string(b[:6]) != magic ||
		binary.LittleEndian.Uint32(b[60:]) != crc32.Checksum(b[:60], castagnoli) {
		return header{}, false, nil
	}
	if b[6] != version {
		return header{}, false, fmt.Errorf("%w (format %d)", ErrVersion, b[6])
	}
	u := func(i int) uint64 { return binary.LittleEndian.Uint64(b[8+8*i:]) }
	h = header{
		state: b[7], number: u(0), first: u(1), prev: u(2),
		newest: int64(u(3)), size: int64(u(4)), time: int64(u(5)),
		salt: binary.LittleEndian.Uint32(b[56:]),
	}
	ok = h.size >= dataStart && h.size <= maxSize &&
		(h.state == stateSpare || h.state == stateActive && h.number > 0 && h.first > h.prev && h.first < 1<<63)
	return h, ok, nil
}

// repairSegmentHeader is parseSegmentHeader for a place where one bit may have
// flipped.
func repairSegmentHeader(b []byte) (h header, ok bool, err error) {
	h, ok, err = parseSegmentHeader(b)
	if ok || err != nil || len(b) < headerSize {
		return h, ok, err
	}
	var c [headerSize]byte
	copy(c[:], b)
	for bit := range headerSize * 8 {
		c[bit/8] ^= 1 << (bit % 8)
		if h, ok, err := parseSegmentHeader(c[:]); ok || err != nil {
			return h, ok, err
		}
		c[bit/8] ^= 1 << (bit % 8)
	}
	return header{}, false, nil
}

// chooseHeader returns the header that counts, and its place; false if both are
// unreadable. b is the beginning of a file.
func chooseHeader(b []byte) (h header, place int, ok bool, err error) {
	for i := range 2 {
		at := min(i*headerPlace, len(b))
		g, valid, err := repairSegmentHeader(b[at:])
		if err != nil {
			return header{}, 0, false, err
		}
		if valid && (!ok || g.outranks(&h)) {
			h, place, ok = g, i, true
		}
	}
	return h, place, ok, nil
}

func (h *header) outranks(old *header) bool {
	if h.number != old.number {
		return h.number > old.number
	}
	return h.state == stateSpare && old.state == stateActive
}

// newSalt returns a random salt that differs from the one before it.
func newSalt(old uint32) uint32 {
	var b [4]byte
	for {
		rand.Read(b[:]) // never fails
		if salt := binary.LittleEndian.Uint32(b[:]); salt != old {
			return salt
		}
	}
}
