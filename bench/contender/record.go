package contender

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
)

// The limits write records like those of a journal, so that what they have
// acknowledged can be checked, too.
//
//	0  8  magic
//	8  4  CRC-32C of all that follows
//	12 4  length of the value
//	16 8  hash of the key
//	24 8  number of the write
//	32    the value
const (
	magic      = "hfbench1"
	headerSize = 32
	logSize    = 64 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func putRecord(dst []byte, key string, number uint64, value []byte) int {
	copy(dst, magic)
	binary.LittleEndian.PutUint32(dst[12:], uint32(len(value)))
	binary.LittleEndian.PutUint64(dst[16:], keyHash(key))
	binary.LittleEndian.PutUint64(dst[24:], number)
	n := headerSize + copy(dst[headerSize:], value)
	binary.LittleEndian.PutUint32(dst[8:], crc32.Checksum(dst[12:n], castagnoli))
	return n
}

func keyHash(key string) uint64 {
	h := fnv.New64a()
	io.WriteString(h, key)
	return h.Sum64()
}

// logFile is the file that the limits write: full of zeros, and reused from
// its start when its end is reached, so that a flush never has metadata of the
// file system to write.
type logFile struct {
	f     *os.File
	found map[uint64][]byte // by key hash: what was there when it was opened
}

func (l *logFile) open(dir string) error {
	name := filepath.Join(dir, "log")
	data, err := os.ReadFile(name)
	switch {
	case err == nil:
		l.found = scan(data)
	case errors.Is(err, os.ErrNotExist):
		err = createZeroed(name)
	}
	if err == nil {
		l.f, err = os.OpenFile(name, os.O_RDWR, 0)
	}
	return err
}

func createZeroed(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	zeros := make([]byte, 1<<20)
	for at := int64(0); at < logSize && err == nil; at += int64(len(zeros)) {
		_, err = f.WriteAt(zeros, at)
	}
	return errors.Join(err, f.Sync(), f.Close())
}

// scan finds the newest valid record of each key, wherever it stands.
func scan(data []byte) map[uint64][]byte {
	found, newest := map[uint64][]byte{}, map[uint64]uint64{}
	for at := 0; ; {
		i := bytes.Index(data[at:], []byte(magic))
		if i < 0 || len(data)-at-i < headerSize {
			return found
		}
		at += i
		end := at + headerSize + int(binary.LittleEndian.Uint32(data[at+12:]))
		if end > len(data) || crc32.Checksum(data[at+12:end], castagnoli) != binary.LittleEndian.Uint32(data[at+8:]) {
			at++ // overwritten by a later round in part
			continue
		}
		key, number := binary.LittleEndian.Uint64(data[at+16:]), binary.LittleEndian.Uint64(data[at+24:])
		if number >= newest[key] {
			newest[key], found[key] = number, data[at+headerSize:end]
		}
		at = end
	}
}

func (l *logFile) Get(key string) ([]byte, error) {
	if value, ok := l.found[keyHash(key)]; ok {
		return bytes.Clone(value), nil
	}
	return nil, fmt.Errorf("%w in the log", errAbsent)
}
