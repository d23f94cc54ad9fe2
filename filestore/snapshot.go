package filestore

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/atomicfile"
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/vfs"
)

// A snapshot is what a checkpoint leaves: every value as of one record of the
// journal, and how its file looked, in one file that is read from end to end
// when the store is opened. Checkpoints append to it what has changed; when more
// than half of it is out of date it is written anew, under the next number.
//
//	.holdfast/snapshot/00000007.pack
//
//	head, 32 bytes
//	 0  "HFSN"
//	 4  version         u8   1
//	 5  reserved        3 bytes, 0
//	 8  number          u64  that of the file's name
//	16  salt            u64  random
//	24  reserved        u32  0
//	28  checksum        u32  CRC-32C over bytes 0 to 27
//
//	entries, each from a multiple of 8
//	 0  head checksum   u32  CRC-32C over bytes 4 to the end of the id, and the salt
//	 4  data checksum   u32  CRC-32C over the data
//	 8  data length     u32  at most driver.MaxData
//	12  entity length   u16
//	14  id length       u16
//	16  kind            u8   1 value, 2 removed, 3 commit
//	17  flags           u8   1 in a commit: the store was closed, and this is all
//	                         2 in a removal: its file could not be removed yet
//	                         4 in a commit: the files have been changed directly since
//	18  reserved        6 bytes, 0
//	24  sequence        u64  of the journal; of a commit, that up to which all is here
//	32  time            i64  of the change, unix ns; of a commit, when it was made
//	40  file time       i64  modification time of the file, unix ns; 0: we know of no file
//	48  file size       i64
//	56  change time     i64  of the file's inode, unix ns; 0: unknown
//	64  inode           u64  0: unknown
//	72  entity, id, data
//
// Numbers are little-endian. What follows the last commit counts for nothing:
// it was cut off while it was written, and the journal still has it.
const (
	snapHead    = 32
	entryHead   = 72
	snapVersion = 1
	snapSuffix  = ".pack"
)

// entryKind is what an entry of a snapshot is.
type entryKind uint8

const (
	entryValue   entryKind = 1
	entryRemoved entryKind = 2
	entryCommit  entryKind = 3
)

const (
	flagClosed   = 1
	flagLeft     = 2
	flagDetached = 4
)

var (
	errSnapshotDamaged = errors.New("damaged snapshot")
	errSnapshotGone    = errors.New("the snapshot has been written anew")
)

// snapshot is an open snapshot. Several goroutines may read values from it;
// only the checkpoint appends.
type snapshot struct {
	name   string
	number uint64
	salt   [8]byte
	size   int64 // where the next entry goes
	seq    uint64
	closed bool  // the last commit is that of Close
	live   int64 // bytes of entries that are up to date

	// Where the last commit ends, and where what it covers begins: only that may
	// be in the page cache alone, should this process be killed. 0 for group: the
	// whole snapshot was flushed before it got its name.
	committed, group int64

	detached bool // the files count, and not what is here; said by the next commit

	mu   sync.RWMutex // against closing while somebody reads
	file vfs.File     // nil once closed
}

// stamp is how a file looked when we knew what it held.
type stamp struct {
	mod, size, change int64
	inode             uint64
}

func stampOf(i vfs.Info) stamp { return stamp{i.ModTime, i.Size, i.ChangeTime, i.Inode} }

// snapEntry is an entry as it is read.
type snapEntry struct {
	kind       entryKind
	flags      uint8
	entity, id []byte
	data       []byte
	crc        uint32
	seq        uint64
	mod        int64
	file       stamp
	snap       *snapshot
	off        int64 // of the entry in snap
}

func snapName(number uint64) string {
	return path.Join(snapshotDir, fmt.Sprintf("%08d%s", number, snapSuffix))
}

// newSnapshot begins a snapshot under a temporary name; publish gives it its
// own.
func newSnapshot(fsys vfs.FS, number uint64) (*snapshot, error) {
	n := &snapshot{name: path.Join(snapshotDir, tempSnapshot), number: number, size: snapHead}
	rand.Read(n.salt[:])
	f, err := fsys.OpenFile(n.name, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	n.file = f
	head := make([]byte, snapHead)
	copy(head, "HFSN")
	head[4] = snapVersion
	binary.LittleEndian.PutUint64(head[8:], number)
	copy(head[16:], n.salt[:])
	binary.LittleEndian.PutUint32(head[28:], checksum(head[:28]))
	if _, err := f.WriteAt(head, 0); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return n, nil
}

// discard gives up a snapshot that could not be finished: on a full disk it may have
// taken the last room there is. One that has its name already stays.
func (n *snapshot) discard(fsys vfs.FS) error {
	err := n.close()
	if path.Base(n.name) == tempSnapshot {
		err = errors.Join(err, ignoreNotExist(fsys.Remove(n.name)))
	}
	return err
}

// errSnapshotHead says that a file is no snapshot of this version.
var errSnapshotHead = errors.New("its head cannot be read")

func (n *snapshot) parseHead(h []byte) error {
	if string(h[:4]) != "HFSN" || checksum(h[:28]) != binary.LittleEndian.Uint32(h[28:]) || binary.LittleEndian.Uint64(h[8:]) != n.number {
		return errSnapshotHead
	}
	if h[4] != snapVersion {
		return fmt.Errorf("snapshot %s has format %d, this version knows %d", n.name, h[4], snapVersion)
	}
	copy(n.salt[:], h[16:])
	return nil
}

// tempSnapshot is the name of a snapshot that is being written. Only the owner
// of the store writes one, and one at a time.
const tempSnapshot = ".tmp-0000000000000000-snapshot"

// publish gives a whole snapshot its name. A power cut before it returns leaves
// the former one, or both.
func (n *snapshot) publish(fsys vfs.FS) error {
	if err := n.file.Sync(); err != nil {
		return &atomicfile.FlushError{Err: err}
	}
	if err := fsys.Rename(n.name, snapName(n.number)); err != nil {
		return err
	}
	n.name = snapName(n.number)
	if err := fsys.SyncDir(snapshotDir); err != nil {
		return &atomicfile.FlushError{Err: err}
	}
	return nil
}

// appendEntry encodes an entry.
func (n *snapshot) appendEntry(b []byte, k driver.Key, e snapEntry) []byte {
	at := len(b)
	b = append(b, make([]byte, entryHead)...)
	b = append(b, k.Entity...)
	b = append(b, k.ID...)
	h := b[at:]
	binary.LittleEndian.PutUint32(h[4:], e.crc)
	binary.LittleEndian.PutUint32(h[8:], uint32(len(e.data)))
	binary.LittleEndian.PutUint16(h[12:], uint16(len(k.Entity)))
	binary.LittleEndian.PutUint16(h[14:], uint16(len(k.ID)))
	h[16], h[17] = byte(e.kind), e.flags
	for i, v := range []uint64{e.seq, uint64(e.mod), uint64(e.file.mod), uint64(e.file.size), uint64(e.file.change), e.file.inode} {
		binary.LittleEndian.PutUint64(h[24+8*i:], v)
	}
	binary.LittleEndian.PutUint32(h, n.headSum(h))
	b = append(b, e.data...)
	return append(b, make([]byte, padding(len(b)-at))...)
}

func (n *snapshot) headSum(h []byte) uint32 {
	return crcUpdate(checksum(h[4:]), n.salt[:])
}

func padding(n int) int { return -n & 7 }

// parseEntry reads the entry that b begins with. need is how many bytes it has
// with its padding, which may be more than b's; 0 if there is none.
func (n *snapshot) parseEntry(b []byte) (e snapEntry, need int) {
	if len(b) < entryHead {
		return e, 0
	}
	entity, id := int(binary.LittleEndian.Uint16(b[12:])), int(binary.LittleEndian.Uint16(b[14:]))
	size := binary.LittleEndian.Uint32(b[8:])
	head := entryHead + entity + id
	need = head + int(size)
	need += padding(need)
	if size > driver.MaxData {
		return e, 0
	}
	if head > len(b) {
		return e, need
	}
	if n.headSum(b[:head]) != binary.LittleEndian.Uint32(b) {
		return e, 0
	}
	u64 := func(i int) uint64 { return binary.LittleEndian.Uint64(b[24+8*i:]) }
	e = snapEntry{
		kind: entryKind(b[16]), flags: b[17], crc: binary.LittleEndian.Uint32(b[4:]),
		entity: b[entryHead : entryHead+entity], id: b[entryHead+entity : head],
		seq: u64(0), mod: int64(u64(1)), file: stamp{int64(u64(2)), int64(u64(3)), int64(u64(4)), u64(5)},
	}
	if need <= len(b) {
		e.data = b[head : head+int(size) : head+int(size)]
	}
	return e, need
}

// append writes entries behind those that are there. They count once a commit
// follows them.
func (n *snapshot) append(b []byte) error {
	if _, err := n.file.WriteAt(b, n.size); err != nil {
		return err
	}
	n.size += int64(len(b))
	return nil
}

// flush makes what was appended durable.
func (n *snapshot) flush() error {
	if err := vfs.Datasync(n.file); err != nil {
		return &atomicfile.FlushError{Err: err}
	}
	return nil
}

// value reads the data of a version.
func (n *snapshot) value(v *version) ([]byte, error) {
	e, err := n.entry(v.off, int(v.size)+entryHead+2*maxHint)
	if err != nil {
		return nil, err
	}
	if e.kind != entryValue || e.seq != v.seq || !v.wrote(e.data) {
		return nil, fmt.Errorf("%w: %s at byte %d", errSnapshotDamaged, n.name, v.off)
	}
	return append([]byte(nil), e.data...), nil
}

// rest reads what is left of a version that is damaged.
func (n *snapshot) rest(v *version) ([]byte, error) {
	e, err := n.entry(v.off, int(v.size)+entryHead+2*maxHint)
	if errors.Is(err, errSnapshotDamaged) {
		return nil, nil
	}
	return e.data, err
}

// maxHint is how long names usually are: one read then fetches an entry whole.
const maxHint = 64

// entry reads one entry.
func (n *snapshot) entry(off int64, hint int) (snapEntry, error) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if n.file == nil {
		return snapEntry{}, errSnapshotGone
	}
	b := make([]byte, max(hint, entryHead))
	for {
		got, err := n.file.ReadAt(b, off)
		if err != nil && err != io.EOF {
			return snapEntry{}, err
		}
		e, need := n.parseEntry(b[:got])
		switch {
		case need == 0, need > got && got < len(b):
			return snapEntry{}, fmt.Errorf("%w: %s at byte %d", errSnapshotDamaged, n.name, off)
		case need <= got:
			e.off = off
			return e, nil
		}
		b = make([]byte, need)
	}
}

// commit makes everything that was appended count, durably.
func (n *snapshot) commit(seq uint64, closed bool, now time.Time) error {
	e := snapEntry{kind: entryCommit, seq: seq, mod: now.UnixNano(), crc: checksum(nil)}
	if closed {
		e.flags = flagClosed
	}
	if n.detached {
		e.flags |= flagDetached
	}
	if err := n.append(n.appendEntry(nil, driver.Key{}, e)); err != nil {
		return err
	}
	if err := n.flush(); err != nil {
		return err
	}
	n.seq, n.closed = seq, closed
	n.group, n.committed = n.committed, n.size
	return nil
}

// maxGroup is how much the last commit of a store that was closed may cover. The
// next opening writes that again (see holdSnapshot), and somebody waits for it.
const maxGroup = 64 << 10

// seal makes the next opening write little again: a second commit proves that
// everything before the first was flushed. A power cut before it is durable
// leaves the first, which says the same.
func (n *snapshot) seal(now time.Time) error {
	if n.group == 0 || n.size-n.group <= maxGroup { // the first one came before the snapshot's name
		return nil
	}
	return n.commit(n.seq, n.closed, now)
}

// close lets go of the file, once nobody reads it.
func (n *snapshot) close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.file == nil {
		return nil
	}
	f := n.file
	n.file = nil
	return f.Close()
}
