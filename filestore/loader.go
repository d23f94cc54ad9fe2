package filestore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/journal"
)

// loader fills an index from the snapshot and from what the journal has since.
// It changes nothing on the disk. One goroutine uses it.
type loader struct {
	s      *Store
	j      *journaled
	snap   *snapshot // nil if there is none
	broken *snapshot // in its place: one with damage, to be replaced
	seq    uint64    // up to which the snapshot tells
	clean  bool      // the snapshot's last commit is that of a Close
	group  int64     // where in the snapshot that commit and what it covers begins; 0: at its beginning

	// unsure says that the snapshot is damaged or missing though the journal
	// does not begin with its first record: what is not known of a file is
	// then no proof that another hand was at it.
	unsure   error
	forgot   bool            // nothing of the snapshot counts
	replayed bool            // the journal has told something
	suspects map[*entry]bool // whose entry in the snapshot is damaged

	last      *entity // the last that was asked for
	newest    int64   // time of the latest change, unix ns
	detached  bool    // the files have been changed directly since
	older     map[*entry][]image
	removed   map[*entry]bool     // by a record since the snapshot
	cleared   map[string]*version // entities, by a record since the snapshot: the last such removal
	lost      []loss
	unknown   []journal.Damage // nobody can tell which values they changed
	following bool             // what comes now comes after the files were compared
	repaired  int              // records with a flipped bit that was put right
}

// image is what tells the contents of a value's versions from each other.
type image struct {
	size int
	crc  uint32
}

func imageOf(data []byte) image { return image{len(data), checksum(data)} }

// loss is a change that the journal had and cannot be read any more.
type loss struct {
	e      *entry
	op     op // its data is not to be trusted
	damage journal.Damage
}

func newLoader(j *journaled) *loader {
	return &loader{s: j.s, j: j, suspects: map[*entry]bool{}, older: map[*entry][]image{},
		removed: map[*entry]bool{}, cleared: map[string]*version{}}
}

// entry returns the entry of a key that the disk knows.
func (l *loader) entry(entity, id []byte) (*entry, error) {
	if l.last == nil || l.last.name != string(entity) {
		if l.last = l.j.index.entities[string(entity)]; l.last == nil {
			return l.newEntry(driver.Key{Entity: string(entity), ID: string(id)})
		}
	}
	if e := l.j.index.table.findIn(l.last, id); e != nil {
		return e, nil
	}
	if plain(id) && !l.s.caseBlind {
		return l.j.index.load(l.last, id), nil
	}
	return l.newEntry(driver.Key{Entity: l.last.name, ID: string(id)})
}

func (l *loader) newEntry(k driver.Key) (*entry, error) {
	file, _, err := l.s.locate(k)
	if err != nil {
		return nil, err
	}
	if err := l.j.folds.claim(l.s, k); err != nil {
		return nil, err
	}
	return l.j.place(k, file), nil
}

// readSnapshot reads the latest snapshot.
func (l *loader) readSnapshot() error {
	n, err := l.openSnapshot()
	if n == nil || err != nil {
		return err
	}
	r, err := l.readEntries(n)
	if err != nil {
		return errors.Join(err, n.close())
	}
	if r.end == 0 { // it gets its name only after its first commit
		r.damage, l.forgot = fmt.Errorf("%w: %s has no commit", errSnapshotDamaged, n.name), true
	}
	l.seq, l.clean, l.unsure, l.group = r.seq, r.closed, r.damage, r.before
	n.size, n.seq, n.closed, n.detached = max(r.end, snapHead), r.seq, r.closed, r.detached
	n.committed, n.group = r.end, r.before
	l.detached = r.detached
	if l.unsure != nil || len(l.suspects) > 0 {
		l.broken = n
	} else {
		l.snap = n
	}
	return nil
}

// openSnapshot opens the latest snapshot; nil if there is none that can be read.
func (l *loader) openSnapshot() (*snapshot, error) {
	numbers, err := l.s.snapshots()
	if err != nil {
		return nil, err
	}
	l.j.nextNumber = 1
	if len(numbers) == 0 {
		return nil, nil
	}
	newest := numbers[len(numbers)-1]
	l.j.nextNumber = newest + 1
	n, err := l.s.openSnapshotFile(newest)
	switch {
	case errors.Is(err, errSnapshotHead):
		l.broken, l.unsure, l.forgot = n, err, true
		return nil, nil
	case errors.Is(err, fs.ErrNotExist): // written anew since they were listed
		return nil, errors.Join(errOvertaken, err)
	}
	return n, err
}

// readEntries fills the index with a snapshot, and returns what else was read.
func (l *loader) readEntries(n *snapshot) (*snapReader, error) {
	if err := l.reserve(n); err != nil {
		return nil, err
	}
	defer func() { l.j.index.slab.release() }()
	r := &snapReader{n: n, each: l.snapEntry}
	err := r.read()
	if err == nil && r.end < r.applied { // what followed the last commit does not count: once more without it
		l.reset()
		n.live = snapHead
		r = &snapReader{n: n, each: l.snapEntry, limit: max(r.end, snapHead), damage: r.damage}
		err = r.read()
	}
	return r, err
}

// reserve makes room for the values of a large snapshot: about so much of it is
// what they take, if they are small, and the cache keeps no more than its limit.
func (l *loader) reserve(n *snapshot) error {
	const large = 4 << 20
	info, err := n.file.Stat()
	if err == nil && info.Size() > large { // else it costs time alone
		l.j.index.slab.reserve(min(info.Size()/4*3, l.j.cache.limit))
	}
	return err
}

// snapEntry takes over one entry. whole is false if its data is damaged.
func (l *loader) snapEntry(x *snapEntry, whole bool) error {
	e, err := l.entry(x.entity, x.id)
	if err != nil {
		return err
	}
	if x.kind == entryRemoved && x.flags&flagLeft != 0 {
		l.left(e, x)
		return nil
	}
	if x.kind == entryRemoved {
		x.snap.live -= e.footprint(e.base)
		e.dead = true
		l.j.index.drop(e)
		return nil
	}
	l.newest = max(l.newest, x.mod)
	x.snap.live -= e.footprint(e.base)
	base := l.j.index.slab.base()
	*base = x.version()
	e.base = base
	if whole && l.j.cache.room(len(x.data)) {
		e.cur.Store(l.j.index.slab.full(base, x.data))
		l.j.cache.add(e, len(x.data))
	} else {
		e.cur.Store(base)
	}
	x.snap.live += e.footprint(e.base)
	e.file = x.file
	if !whole {
		l.suspects[e] = true
	}
	return nil
}

// version is what the entry says of a value, without its data.
func (x *snapEntry) version() version {
	return version{seq: x.seq, mod: x.mod, snap: x.snap, off: x.off, size: uint32(len(x.data)), crc: x.crc, kind: opPut}
}

// left takes over a removal whose file was still there: should it be there now,
// it is no edit by hand.
func (l *loader) left(e *entry, x *snapEntry) {
	base := &version{seq: x.seq, mod: x.mod, snap: x.snap, off: x.off, crc: x.crc, kind: opDelete}
	l.newest = max(l.newest, x.mod)
	x.snap.live += e.footprint(base) - e.footprint(e.base)
	e.base, e.file = base, stamp{}
	e.cur.Store(base)
}

// record takes over one record of the journal.
func (l *loader) record(r journal.Record) error {
	l.replayed = true
	if r.Repaired {
		l.repaired++
	}
	l.newest = max(l.newest, r.Time.UnixNano())
	for b := r.Payload; len(b) > 0; {
		o, rest, whole, err := nextOp(b)
		if err != nil || !whole {
			return fmt.Errorf("record %d of the journal is sound and cannot be understood: was it written by a newer version?", r.Seq)
		}
		if len(rest) > 0 || len(b) < len(r.Payload) { // one of several: its value is not to keep them all
			o.data = bytes.Clone(o.data)
		}
		if err := l.replay(&o, r.Seq, r.Time.UnixNano()); err != nil {
			return err
		}
		b = rest
	}
	return nil
}

// replay takes over one change, and its data, as it is.
func (l *loader) replay(o *op, seq uint64, mod int64) error {
	switch o.kind {
	case opPut, opAdopt:
		e, err := l.entry(o.entity, o.id)
		if err != nil {
			return err
		}
		l.set(e, &version{seq: seq, mod: mod, size: uint32(len(o.data)), crc: o.crc, kind: opPut,
			data: o.data[:len(o.data):len(o.data)]})
	case opDelete:
		e, err := l.entry(o.entity, o.id)
		if err != nil {
			return err
		}
		l.set(e, &version{seq: seq, mod: mod, kind: opDelete})
	case opClear:
		l.cleared[string(o.entity)] = &version{seq: seq, mod: mod, kind: opDelete}
		if ent := l.j.index.entities[string(o.entity)]; ent != nil {
			for _, e := range ent.list() {
				l.set(e, &version{seq: seq, mod: mod, kind: opDelete})
			}
		}
	case opDetach:
		l.detached = true
	case opAttach:
		l.detached = false
	default:
		return fmt.Errorf("record %d of the journal has a change of kind %d: it was written by a newer version", seq, o.kind)
	}
	return nil
}

// set makes v the latest version, and remembers which file the one before it
// may have been written to.
func (l *loader) set(e *entry, v *version) {
	if l.following {
		e.cur.Store(v)
		return
	}
	if old := e.cur.Load(); old != nil && old.seq > l.seq && old.live() {
		l.older[e] = append(l.older[e], image{int(old.size), old.crc})
	}
	if !v.live() {
		l.removed[e] = true
	}
	e.cur.Store(v)
}

// damage takes note of a stretch of the journal that cannot be read, and finds
// out which values it concerns.
func (l *loader) damage(d journal.Damage) error {
	d.File = path.Join(journalDir, d.File)
	if l.bridge(&d) {
		return nil
	}
	ops := provable(&d)
	if len(ops) == 0 {
		l.unknown = append(l.unknown, d)
	}
	for _, o := range ops {
		if o.whole {
			if err := l.replay(&o.op, d.From, d.Time.UnixNano()); err != nil {
				return err
			}
			continue
		}
		e, err := l.entry(o.entity, o.id)
		if err != nil {
			return err
		}
		l.lost = append(l.lost, loss{e, o.op, d})
		l.older[e] = append(l.older[e], image{len(o.data), o.crc}) // the file may have it
	}
	return nil
}

// provable is what is known for sure of a damaged record: which values it
// changed, and which of the changes are whole. Nil if not all of them are known.
func provable(d *journal.Damage) (all []partial) {
	for b := d.Payload; len(b) > 0; {
		o, rest, whole, err := nextOp(b)
		if err != nil || o.kind != opPut && o.kind != opAdopt && o.kind != opDelete || d.From != d.To {
			return nil
		}
		all = append(all, partial{o, whole})
		b = rest
	}
	return all
}

// partial is a change of which the key is known.
type partial struct {
	op
	whole bool // and the data
}

// bridge takes note of a gap between the snapshot and the journal, if it is the
// snapshot that is to blame: what the journal has given up was in the files, and
// in the part of the snapshot that is damaged.
func (l *loader) bridge(d *journal.Damage) bool {
	if l.unsure == nil && !l.s.opt.Salvage || l.seq == 0 || d.From != l.seq+1 || d.File != journalDir || l.replayed {
		return false
	}
	cause := l.unsure
	if cause == nil {
		cause = fmt.Errorf("%w: it ends before the journal begins", errSnapshotDamaged)
	}
	l.forget(cause)
	return true
}

// forget gives up what the snapshot says: it may be out of date, and bring back
// what was removed. What the journal does not tell is for the files to say.
func (l *loader) forget(cause error) {
	l.unsure, l.forgot = cause, true
	if l.snap != nil {
		l.broken, l.snap = l.snap, nil
	}
	if !l.replayed {
		l.reset()
	}
}

// reset empties the index.
func (l *loader) reset() {
	l.j.index, l.last, l.j.cache = newIndex(), nil, cache{limit: l.j.cache.limit}
	clear(l.suspects)
}

// snapshots lists the numbers of the snapshots, in rising order.
func (s *Store) snapshots() ([]uint64, error) {
	entries, err := s.fs.ReadDir(snapshotDir)
	if err != nil {
		return nil, ignoreNotExist(err)
	}
	var numbers []uint64
	for _, e := range entries {
		var n uint64
		if _, err := fmt.Sscanf(e.Name(), "%d"+snapSuffix, &n); err == nil && path.Base(snapName(n)) == e.Name() {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// plain tells of a name that is its own file name everywhere but on Windows, and
// has no second form that may come from there.
func plain[T string | []byte](name T) bool {
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-':
		default:
			return false
		}
	}
	device := len(name) <= maxDevice && isDevice(strings.ToLower(string(name)))
	return 0 < len(name) && len(name) <= maxElement-len(suffix) && !device
}

// openSnapshotFile opens a snapshot. With errSnapshotHead it is open all the
// same, and nothing can be read from it.
func (s *Store) openSnapshotFile(number uint64) (*snapshot, error) {
	flag := os.O_RDWR
	if s.opt.ReadOnly {
		flag = os.O_RDONLY
	}
	f, err := s.fs.OpenFile(snapName(number), flag, 0)
	if err != nil {
		return nil, err
	}
	n := &snapshot{name: snapName(number), number: number, file: f, size: snapHead, live: snapHead}
	head := make([]byte, snapHead)
	if _, err := f.ReadAt(head, 0); err != nil && err != io.EOF {
		return nil, errors.Join(err, f.Close())
	}
	err = n.parseHead(head)
	if err != nil && !errors.Is(err, errSnapshotHead) {
		return nil, errors.Join(err, f.Close())
	}
	return n, err
}
