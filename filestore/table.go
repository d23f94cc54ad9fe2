package filestore

import (
	"hash/maphash"
	"math/bits"
	"sync"
	"sync/atomic"
)

// table finds entries by their keys. Readers take no lock, since every Get and
// Put passes here: a slot, once filled, holds its entry or a grave until the
// whole table is replaced by a larger one.
//
// Open addressing, linear probing, at most half full.
type table struct {
	seed  maphash.Seed
	slots atomic.Pointer[slots]

	mu   sync.Mutex // of those who add and drop
	used int        // slots that are not empty, graves included
	live int
}

type slots []atomic.Pointer[entry] // a power of two of them

const minSlots = 64

// grave is what stands in the place of an entry that was dropped: a search goes
// on behind it. It never changes, and no key is its.
var grave = &entry{ent: &entity{}}

func newTable() table { return table{seed: maphash.MakeSeed()} }

// of is the hash of an entity's name.
func (t *table) of(name string) uint64 { return maphash.String(t.seed, name) }

// mix is the hash of a key, of those of its halves.
func mix(entity, id uint64) uint64 { return bits.RotateLeft64(entity, 32)*0x9e3779b97f4a7c15 ^ id }

// find returns the entry of a key, nil if there is none.
func (t *table) find(entity, id string) *entry {
	all := t.slots.Load()
	if all == nil {
		return nil
	}
	hash := mix(t.of(entity), maphash.String(t.seed, id))
	for i := hash; ; i++ {
		e := (*all)[i&uint64(len(*all)-1)].Load()
		if e == nil || e.hash == hash && e.id == id && e.ent.name == entity {
			return e
		}
	}
}

// findIn is find for a caller who has the entity, and the id as bytes.
func (t *table) findIn(ent *entity, id []byte) *entry {
	all := t.slots.Load()
	if all == nil {
		return nil
	}
	hash := mix(ent.hash, maphash.Bytes(t.seed, id))
	for i := hash; ; i++ {
		e := (*all)[i&uint64(len(*all)-1)].Load()
		if e == nil || e.hash == hash && e.id == string(id) && e.ent == ent {
			return e
		}
	}
}

// add puts in an entry whose key has none. The caller holds mu.
func (t *table) add(e *entry) {
	e.hash = mix(e.ent.hash, maphash.String(t.seed, e.id))
	all := t.slots.Load()
	if all == nil || t.used >= len(*all)/2 {
		all = t.grow()
	}
	all.insert(e)
	t.used, t.live = t.used+1, t.live+1
}

// grow replaces the slots by enough for twice as many entries, without graves.
// Who is still reading the old ones finds what was there when it began.
func (t *table) grow() *slots {
	next := make(slots, max(minSlots, 1<<bits.Len(uint(t.live*4-1))))
	const page = 4096 / 8
	for i := 0; i < len(next); i += page {
		next[i].Store(nil) // written first, and read then: see nextOf
	}
	if all := t.slots.Load(); all != nil {
		for i := range *all {
			if e := (*all)[i].Load(); e != nil && e != grave {
				next.insert(e)
			}
		}
	}
	t.slots.Store(&next)
	t.used = t.live
	return &next
}

func (s slots) insert(e *entry) {
	for i := e.hash; ; i++ {
		if slot := &s[i&uint64(len(s)-1)]; slot.Load() == nil {
			slot.Store(e)
			return
		}
	}
}

// drop takes an entry out, if it is in. The caller holds mu.
func (t *table) drop(e *entry) {
	all := t.slots.Load()
	if all == nil {
		return
	}
	for i := e.hash; ; i++ {
		slot := &(*all)[i&uint64(len(*all)-1)]
		switch slot.Load() {
		case e:
			slot.Store(grave)
			t.live--
			return
		case nil:
			return
		}
	}
}
