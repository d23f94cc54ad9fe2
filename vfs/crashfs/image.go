package crashfs

import (
	"io/fs"
	"maps"
)

const rootIno = 1

// node is a file or a directory: as processes see it, and what of it is durable.
type node struct {
	dir  bool
	live body
	safe body
}

// body is what a node holds. It is a value; the map is replaced, not changed.
type body struct {
	perm         fs.FileMode
	mtime, ctime int64
	content      content           // of a file
	names        map[string]uint64 // of a directory
}

// image is a whole disk. Calls are applied to it one after the other.
type image struct {
	nodes   map[uint64]node
	next    uint64   // number of the next node
	model   Model    // by which pending is kept; 0: nobody asks, and nothing is pending
	calls   int      // that were applied
	pending []change // not covered by any sync, oldest first; never changed in place
}

func newImage(now int64) *image {
	root := body{perm: 0o700, mtime: now, ctime: now}
	return &image{nodes: map[uint64]node{rootIno: {dir: true, live: root, safe: root}}, next: rootIno + 1}
}

// clone returns an image that goes its own way.
func (im *image) clone() *image {
	c := *im
	c.nodes = maps.Clone(im.nodes)
	return &c
}

// settled returns the image as if everything were durable.
func (im *image) settled() *image {
	c := im.clone()
	c.pending, c.model = nil, 0
	for i, n := range c.nodes {
		n.safe = n.live
		c.nodes[i] = n
	}
	return c
}

// apply does a call.
func (im *image) apply(c *Call) {
	im.calls++
	switch c.Op {
	case OpCreate, OpMkdir:
		b := body{perm: c.perm, mtime: c.now, ctime: c.now}
		im.nodes[c.ino] = node{dir: c.Op == OpMkdir, live: b, safe: b}
		im.next = max(im.next, c.ino+1)
		im.rename(c, c.dir, slot{c.base, c.ino})
	case OpRemove:
		im.rename(c, c.dir, slot{c.base, 0})
	case OpRename:
		im.move(c, slot{c.base, 0}, slot{c.toBase, c.ino})
	case OpExchange:
		im.move(c, slot{c.base, c.other}, slot{c.toBase, c.ino})
	case OpWrite, OpTruncate, OpChmod, OpChtimes:
		im.change(change{call: *c, kind: kindOf(c.Op), ino: c.ino})
	case OpSync, OpDatasync, OpSyncDir, OpSyncAll:
		if im.model != 0 {
			im.sync(c)
		}
	}
}

// move changes two names: at once in one directory, one by one in two. A new
// name comes before the old one goes.
func (im *image) move(c *Call, from, to slot) {
	if c.dir == c.toDir {
		im.rename(c, c.dir, from, to)
		return
	}
	im.rename(c, c.toDir, to)
	im.rename(c, c.dir, from)
}

func (im *image) rename(c *Call, dir uint64, slots ...slot) {
	im.change(change{call: *c, kind: kindNames, ino: dir, slots: slots})
}

// change makes a change visible, and pending.
func (im *image) change(ch change) {
	n, ok := im.nodes[ch.ino]
	if !ok {
		return // of a file that nobody can reach any more
	}
	ch.seq = im.calls
	ch.grows = !n.dir && ch.call.Off+ch.call.Size > n.safe.content.size
	n.live = ch.on(n.live)
	im.nodes[ch.ino] = n
	if im.model != 0 {
		im.pending = append(im.pending[:len(im.pending):len(im.pending)], ch)
	}
}

// lookup returns the node under a name of a directory.
func (im *image) lookup(dir uint64, base string) (uint64, bool) {
	i, ok := im.nodes[dir].live.names[base]
	return i, ok
}

// links counts the names of a node.
func (im *image) links(ino uint64) int {
	count := 0
	for _, n := range im.nodes {
		for _, i := range n.live.names {
			if i == ino {
				count++
			}
		}
	}
	return count
}
