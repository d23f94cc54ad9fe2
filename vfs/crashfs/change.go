package crashfs

import (
	"maps"
	"slices"
)

type changeKind uint8

const (
	kindNames changeKind = iota
	kindData
	kindSize
	kindAttr
)

func kindOf(op Op) changeKind {
	switch op {
	case OpWrite:
		return kindData
	case OpTruncate:
		return kindSize
	}
	return kindAttr
}

// slot is a name and what it stands for from now on; 0: nothing.
type slot struct {
	name string
	ino  uint64
}

// change is a part of a call that a crash keeps or loses.
type change struct {
	call  Call
	kind  changeKind
	seq   int    // the number of the call, from 1
	ino   uint64 // the file, or the directory of names
	slots []slot // of kindNames
	grows bool   // of kindData: some of it lies where nothing durable was
	sure  bool   // durable, but for an older change that is not
	stuck bool   // its sync has failed: no other will cover it
}

// metadata tells of changes that go through a file system's journal.
func (ch *change) metadata() bool { return ch.kind != kindData }

// on makes the whole change to b.
func (ch *change) on(b body) body {
	c := &ch.call
	switch ch.kind {
	case kindNames:
		b.names = maps.Clone(b.names)
		if b.names == nil {
			b.names = map[string]uint64{}
		}
		for _, s := range ch.slots {
			if s.ino == 0 {
				delete(b.names, s.name)
			} else {
				b.names[s.name] = s.ino
			}
		}
		b.mtime = c.now
	case kindData:
		b.content = b.content.write(c.Off, c.data)
		b.mtime = c.now
	case kindSize:
		b.content = b.content.truncate(c.Size)
		b.mtime = c.now
	case kindAttr:
		if c.Op == OpChmod {
			b.perm = c.perm
		} else {
			b.mtime = c.mtime
		}
	}
	b.ctime = c.now
	return b
}

// sync settles what a call covers, or, if it has failed, what nobody will cover
// any more.
func (im *image) sync(c *Call) {
	covered := im.strictly
	if im.model == Ext4 {
		covered = im.journaled(c)
	}
	pending := slices.Clone(im.pending)
	for i := range pending {
		ch := &pending[i]
		if ch.stuck || !covered(c, i, ch) {
			continue
		}
		if c.Failed {
			ch.stuck = true
		} else {
			ch.sure = true
		}
	}
	im.pending = pending
	im.fold()
}

// strictly tells what a sync covers in the model Strict.
func (im *image) strictly(c *Call, _ int, ch *change) bool {
	switch c.Op {
	case OpSync:
		return ch.kind != kindNames && ch.ino == c.ino
	case OpDatasync:
		return (ch.kind == kindData || ch.kind == kindSize) && ch.ino == c.ino
	case OpSyncDir:
		return ch.kind == kindNames && ch.ino == c.ino
	}
	return ch.kind != kindData || ch.grows || im.touched(ch)
}

// touched tells whether the size, mode or times of a write's file have been
// changed since by a call of their own.
func (im *image) touched(write *change) bool {
	return slices.ContainsFunc(im.pending, func(ch change) bool {
		return ch.ino == write.ino && ch.seq > write.seq && (ch.kind == kindSize || ch.kind == kindAttr)
	})
}

// journaled returns what tells what a sync covers in the model Ext4: the file's
// own bytes, and the journal up to the last change that concerns it.
func (im *image) journaled(c *Call) func(c *Call, i int, ch *change) bool {
	last := -1
	for i := range im.pending {
		if ch := &im.pending[i]; ch.metadata() && (c.Op == OpSyncAll || ch.concerns(c)) {
			last = i
		}
	}
	for last >= 0 && last+1 < len(im.pending) && im.pending[last+1].seq == im.pending[last].seq {
		last++ // the other half of one rename
	}
	return func(c *Call, i int, ch *change) bool {
		if ch.kind == kindData {
			return c.Op == OpSyncAll || ch.ino == c.ino
		}
		return i <= last
	}
}

func (ch *change) concerns(c *Call) bool {
	if ch.ino == c.ino {
		return c.Op != OpDatasync || ch.kind != kindAttr
	}
	return slices.ContainsFunc(ch.slots, func(s slot) bool { return s.ino == c.ino })
}

// object is what changes follow each other on.
type object struct {
	ino  uint64
	attr bool
}

func (ch *change) object() object { return object{ch.ino, ch.kind == kindAttr} }

// fold makes durable what is sure and follows nothing that is not.
func (im *image) fold() {
	blocked := map[object]bool{}
	kept := make([]change, 0, len(im.pending))
	for _, ch := range im.pending {
		o := ch.object()
		if !ch.sure || blocked[o] {
			blocked[o] = true
			kept = append(kept, ch)
			continue
		}
		if n, ok := im.nodes[ch.ino]; ok {
			n.safe = ch.on(n.safe)
			im.nodes[ch.ino] = n
		}
	}
	im.pending = kept
	im.sweep()
}

// sweep forgets nodes that no name leads to, now or after any crash, and what is
// pending on them.
func (im *image) sweep() {
	known := map[uint64]bool{rootIno: true}
	for _, n := range im.nodes {
		for _, i := range n.safe.names {
			known[i] = true
		}
		for _, i := range n.live.names {
			known[i] = true
		}
	}
	for i := range im.pending {
		for _, s := range im.pending[i].slots {
			known[s.ino] = true
		}
	}
	if len(known) == len(im.nodes) {
		return
	}
	maps.DeleteFunc(im.nodes, func(i uint64, _ node) bool { return !known[i] })
	im.pending = slices.DeleteFunc(slices.Clone(im.pending), func(ch change) bool { return !known[ch.ino] })
}
