package filestore

import (
	"encoding/binary"
	"errors"
	"hash/crc32"

	"github.com/holdfast-go/holdfast/driver"
)

// A record of the journal holds what one call changed, one op after the other,
// to its end:
//
//	 0  head checksum  u32  CRC-32C over bytes 4 to the end of the id
//	 4  data checksum  u32  CRC-32C over the data
//	 8  data length    u32  at most driver.MaxData
//	12  entity length  u16
//	14  id length      u16
//	16  kind           u8   see opKind
//	17  version        u8   1
//	18  reserved       u16  0
//	20  entity, id, data
//
// Numbers are little-endian. The checksums are there beside the journal's own
// so that of a damaged record it can be told which values it changed, and which
// of them are still whole.
const (
	opHead    = 20
	opVersion = 1
	maxName   = 1<<16 - 1
)

// opKind is what an op does.
type opKind uint8

const (
	opPut    opKind = 1 // id has data
	opDelete opKind = 2 // id is removed
	opClear  opKind = 3 // all ids of entity are removed
	opAdopt  opKind = 4 // id has data, which another hand wrote
	opDetach opKind = 5 // from here on the files are changed directly
	opAttach opKind = 6 // what the files had then has been taken over
)

// op is one change within a record.
type op struct {
	kind       opKind
	entity, id []byte
	data       []byte
	crc        uint32 // of data
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(data []byte) uint32 { return crc32.Checksum(data, castagnoli) }

// opSize is the length of an op in a record.
func opSize(k driver.Key, data []byte) int { return opHead + len(k.Entity) + len(k.ID) + len(data) }

// appendOp adds an op to a record, and returns the data's checksum.
func appendOp(b []byte, kind opKind, k driver.Key, data []byte) ([]byte, uint32) {
	at := len(b)
	crc := checksum(data)
	b = append(b, make([]byte, opHead)...)
	b = append(b, k.Entity...)
	b = append(b, k.ID...)
	h := b[at:]
	binary.LittleEndian.PutUint32(h[4:], crc)
	binary.LittleEndian.PutUint32(h[8:], uint32(len(data)))
	binary.LittleEndian.PutUint16(h[12:], uint16(len(k.Entity)))
	binary.LittleEndian.PutUint16(h[14:], uint16(len(k.ID)))
	h[16], h[17] = byte(kind), opVersion
	binary.LittleEndian.PutUint32(h, checksum(h[4:]))
	return append(b, data...), crc
}

// errOp says that a record holds what this version does not write.
var errOp = errors.New("a change that cannot be read")

// nextOp reads the first op of a record and returns what follows it. whole is
// false where the head is sound and the data is not.
func nextOp(b []byte) (o op, rest []byte, whole bool, err error) {
	if len(b) < opHead {
		return op{}, nil, false, errOp
	}
	entity, id := int(binary.LittleEndian.Uint16(b[12:])), int(binary.LittleEndian.Uint16(b[14:]))
	head, size := opHead+entity+id, int64(binary.LittleEndian.Uint32(b[8:]))
	if head > len(b) || size > driver.MaxData || checksum(b[4:head]) != binary.LittleEndian.Uint32(b) || b[17] != opVersion {
		return op{}, nil, false, errOp
	}
	o = op{kind: opKind(b[16]), crc: binary.LittleEndian.Uint32(b[4:]),
		entity: b[opHead : opHead+entity], id: b[opHead+entity : head]}
	end := int64(head) + size
	if end > int64(len(b)) {
		return o, nil, false, nil
	}
	o.data, rest = b[head:end], b[end:]
	return o, rest, checksum(o.data) == o.crc, nil
}

// concerns tells whether the op changes the value of k.
func (o *op) concerns(k driver.Key) bool {
	if string(o.entity) != k.Entity {
		return false
	}
	return o.kind == opClear || (o.kind == opPut || o.kind == opDelete || o.kind == opAdopt) && string(o.id) == k.ID
}

func crcUpdate(crc uint32, b []byte) uint32 { return crc32.Update(crc, castagnoli, b) }
