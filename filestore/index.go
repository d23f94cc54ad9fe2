package filestore

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/journal"
)

// index is what a journalled store knows of every value: where its latest
// acknowledged version is, or the version itself. Readers find their value here
// and not on the disk, since the files are written behind.
type index struct {
	table    table
	mu       sync.RWMutex
	entities map[string]*entity
	slab     slab
}

func newIndex() *index { return &index{table: newTable(), entities: map[string]*entity{}} }

// entity is the values of one entity.
type entity struct {
	name string
	hash uint64 // of the name
	dir  string // of its files

	mu      sync.RWMutex
	entries []*entry // in the order in which they came, and some that are out
	out     int      // how many of entries are out
}

// entry is one value, through all its versions.
type entry struct {
	ent  *entity
	id   string
	hash uint64 // of both
	out  bool   // no longer in the table; guarded by ent.mu

	// cur is the latest acknowledged version; nil while the first one is on
	// its way. Readers go by seen.
	cur  atomic.Pointer[version]
	used atomic.Bool              // since the cache last looked
	rev  atomic.Pointer[revision] // of the version that was read last

	// Guarded by cache.mu.
	slot int32 // its place in the ring, from 1; 0 if it is not there
	held int32 // bytes that are counted for it

	// The rest is guarded by journaled.order.
	dead    bool           // no longer in the index: look the id up again
	waiting int            // versions that are on their way to the journal
	leaving int            // how many of them are removals
	flush   *journal.Flush // of the last of them
	dirty   bool           // cur is newer than the file or the snapshot; in journaled.dirty
	passing bool           // a checkpoint has it, and may put it back into journaled.dirty
	base    *version       // what the snapshot has, without data; nil for nothing
	file    stamp          // how we left the file; zero: there is none, or none that we know
	listed  bool           // found on the disk when the store was opened
}

// version is one state of a value. It does not change once it is in an entry.
type version struct {
	data []byte // nil if it is not in memory, or removed
	seq  uint64 // of the journal record that made it; 0 for a file found at the first opening
	mod  int64  // when, unix ns; differs between any two versions of a value
	snap *snapshot
	off  int64 // of its entry in snap
	size uint32
	crc  uint32 // CRC-32C of the data
	kind opKind // opPut or opDelete
	with *group // the batch that it came with; nil for one that came alone
}

// group lets the changes of a batch become visible at once.
type group struct {
	before atomic.Pointer[map[*entry]*version] // what readers see instead; nil once it is visible
}

// seen returns the version that readers see; nil if there is none yet, or no entry.
func (e *entry) seen() *version {
	if e == nil {
		return nil
	}
	v := e.cur.Load()
	if v != nil && v.with != nil {
		if before := v.with.before.Load(); before != nil {
			return (*before)[e]
		}
	}
	return v
}

// wait counts a version that is on its way, or was. The caller holds order.
func (e *entry) wait(kind opKind, n int) {
	e.waiting += n
	if kind == opDelete {
		e.leaving += n
	}
}

// live tells whether the version is a value, not a removal.
func (v *version) live() bool { return v != nil && v.kind == opPut }

func (e *entry) key() driver.Key { return driver.Key{Entity: e.ent.name, ID: e.id} }

// find returns the entry of a key, nil if there is none.
func (x *index) find(k driver.Key) *entry { return x.table.find(k.Entity, k.ID) }

// entity returns the entity of a name, nil if there is none.
func (x *index) entity(name string) *entity {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.entities[name]
}

// add returns the entry of a key, a new one if there is none; dir is asked for
// the directory of an entity that is new.
func (x *index) add(k driver.Key, dir func() string) *entry {
	ent := x.entity(k.Entity)
	if ent == nil {
		ent = x.addEntity(k.Entity, dir)
	}
	x.table.mu.Lock()
	defer x.table.mu.Unlock()
	if e := x.table.find(ent.name, k.ID); e != nil {
		return e
	}
	e := &entry{ent: ent, id: strings.Clone(k.ID)} // the caller's may be part of something large
	ent.mu.Lock()
	ent.entries = append(ent.entries, e)
	ent.mu.Unlock()
	x.table.add(e)
	return e
}

// load is add for a key that has no entry, of an entity that is there. It is for
// one goroutine at a time; a follower's goes on while others read.
func (x *index) load(ent *entity, id []byte) *entry {
	e := x.slab.entry()
	e.ent, e.id = ent, x.slab.text(id)
	x.table.mu.Lock()
	defer x.table.mu.Unlock()
	ent.mu.Lock()
	ent.entries = append(ent.entries, e)
	ent.mu.Unlock()
	x.table.add(e)
	return e
}

func (x *index) addEntity(name string, dir func() string) *entity {
	x.mu.Lock()
	defer x.mu.Unlock()
	ent := x.entities[name]
	if ent == nil {
		name = strings.Clone(name)
		ent = &entity{name: name, hash: x.table.of(name), dir: dir()}
		x.entities[name] = ent
	}
	return ent
}

// drop takes an entry out. The caller holds journaled.order and has set dead.
func (x *index) drop(e *entry) {
	x.table.mu.Lock()
	x.table.drop(e)
	x.table.mu.Unlock()
	ent := e.ent
	ent.mu.Lock()
	defer ent.mu.Unlock()
	if e.out {
		return
	}
	e.out = true
	if ent.out++; ent.out > len(ent.entries)/2 {
		ent.entries = slices.DeleteFunc(slices.Clone(ent.entries), func(e *entry) bool { return e.out })
		ent.out = 0
	}
}

// list returns the entries of an entity, in no particular order, though in that
// of their ids where a snapshot has just been read.
func (ent *entity) list() []*entry {
	ent.mu.RLock()
	defer ent.mu.RUnlock()
	all := make([]*entry, 0, len(ent.entries)-ent.out)
	for _, e := range ent.entries {
		if !e.out {
			all = append(all, e)
		}
	}
	return all
}

// all returns all entities.
func (x *index) all() []*entity {
	x.mu.RLock()
	defer x.mu.RUnlock()
	all := make([]*entity, 0, len(x.entities))
	for _, ent := range x.entities {
		all = append(all, ent)
	}
	slices.SortFunc(all, func(a, b *entity) int { return strings.Compare(a.name, b.name) })
	return all
}

// ids returns the ids of an entity that have a value, in no particular order.
func (x *index) ids(name string) []string {
	ent := x.entity(name)
	if ent == nil {
		return nil
	}
	entries := ent.list()
	ids := make([]string, 0, len(entries))
	for _, e := range entries {
		if e.seen().live() {
			ids = append(ids, e.id)
		}
	}
	return ids
}

// names returns the names of the entities that have a value.
func (x *index) names() []string {
	var names []string
	for _, ent := range x.all() {
		if slices.ContainsFunc(ent.list(), func(e *entry) bool { return e.seen().live() }) {
			names = append(names, ent.name)
		}
	}
	return names
}
