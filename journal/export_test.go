package journal

import "io"

// Decoded is a record as it stands on disk.
type Decoded struct {
	Kind     byte
	Index    uint32
	Seq      uint64
	Time     int64
	Payload  []byte
	Repaired bool
}

// Encode returns the record's bytes.
func (d *Decoded) Encode(salt uint32) []byte {
	b := make([]byte, recordSize(len(d.Payload)))
	it := item{size: uint32(len(d.Payload)), sum: checksum(d.Payload), kind: d.Kind, index: d.Index, seq: d.Seq, time: d.Time}
	putHeader(b, &it, salt)
	copy(b[recordHeader:], d.Payload)
	return b
}

// Decode reads the record at the beginning of b, and puts one bit right if it
// has to; nil if there is none.
func Decode(b []byte, salt uint32) *Decoded {
	win := window{file: bytesAt(b), size: int64(len(b))}
	w := newWalker("fuzz", win, header{salt: salt}, 1<<62)
	w.off, w.resume = 0, true
	e, err := w.try()
	if err == nil && e.item == nil {
		e, err = w.repair()
	}
	if err != nil || e.item == nil {
		return nil
	}
	return &Decoded{e.item.kind, e.item.index, e.item.seq, e.item.time, e.payload, e.repaired}
}

type bytesAt []byte

func (b bytesAt) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(b)) {
		return 0, io.EOF
	}
	if n := copy(p, b[off:]); n < len(p) {
		return n, io.EOF
	}
	return len(p), nil
}
