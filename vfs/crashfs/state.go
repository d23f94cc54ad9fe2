package crashfs

import (
	"fmt"
	"strings"
)

// State is what a crash leaves. It is a value: the same trace has the same
// states.
type State struct {
	p      *Point
	killed bool
	choice choice // of a power cut
	skip   func(string) bool
}

// Key names the state within its trace: "model/calls/killed" or
// "model/calls/outcomes", a sign for each pending change: + kept, - lost, 0
// zeros, ? stale, <n torn at n, =n torn and padded, >n from n on.
func (s State) Key() string {
	what := s.choice.String()
	if s.killed {
		what = "killed"
	}
	return fmt.Sprintf("%s/%d/%s", s.p.im.model, s.p.number(), what)
}

// String says what happened, for people.
func (s State) String() string {
	if s.killed {
		return fmt.Sprintf("killed %s", s.p)
	}
	var list []string
	keptAll := 0
	for i, o := range s.choice {
		if o.fate == kept {
			keptAll++
			continue
		}
		list = append(list, o.describe(&s.p.im.pending[i]))
	}
	text := fmt.Sprintf("power cut %s, %s: of %d pending changes %d kept", s.p, s.p.im.model, len(s.choice), keptAll)
	if len(list) > 0 {
		text += "; " + strings.Join(list, "; ")
	}
	return text
}

// Killed tells of a kill, as against a power cut: the disk is as the processes
// saw it, and what was pending still is.
func (s State) Killed() bool { return s.killed }

// Point is the moment of the crash.
func (s State) Point() *Point { return s.p }

// Disk returns the disk that the crash leaves, with nothing recorded.
func (s State) Disk(o *Options) *Disk { return newDisk(s.image(), o) }

// Hash tells disks apart by what can be read of them: names, bytes, sizes, modes
// and times of modification.
func (s State) Hash() uint64 { return s.image().hash(s.skip) }

// Open returns the disk and its hash, at the price of one.
func (s State) Open(o *Options) (*Disk, uint64) {
	im := s.image()
	return newDisk(im, o), im.hash(s.skip)
}

// state makes the state of a point that the last part of a key names.
func (p *Point) state(key string) (State, error) {
	if key == "killed" {
		return State{p: p, killed: true}, nil
	}
	c, err := parseChoice(key)
	if err == nil && len(c) != len(p.im.pending) {
		err = fmt.Errorf("crashfs: %q is not for %d pending changes, %s", key, len(p.im.pending), p)
	}
	return State{p: p, choice: c}, err
}

// image returns what the crash leaves. It must not be changed.
func (s State) image() *image {
	if s.killed {
		return s.p.im
	}
	b := builder{from: s.p.im, choice: s.choice, by: map[uint64][]int{}}
	for i := range s.p.im.pending {
		ino := s.p.im.pending[i].ino
		b.by[ino] = append(b.by[ino], i)
	}
	return b.build()
}

// builder makes the disk of a power cut.
type builder struct {
	from   *image
	choice choice
	by     map[uint64][]int // pending changes of a node
	made   *image
}

func (b *builder) build() *image {
	b.made = &image{nodes: make(map[uint64]node, len(b.from.nodes)), next: b.from.next}
	b.add(rootIno)
	return b.made
}

// add makes a node, and what it leads to.
func (b *builder) add(ino uint64) {
	n := b.from.nodes[ino]
	if at := b.by[ino]; len(at) > 0 {
		n.safe = b.settle(ino, n.safe, at)
	}
	n.live = n.safe
	if !n.dir {
		b.made.nodes[ino] = n
		return
	}
	names := n.safe.names
	b.made.nodes[ino] = n                // before what is beneath it, which may be itself after a crash
	for _, name := range sorted(names) { // the same way every time
		i := names[name]
		if _, twice := b.made.nodes[i]; twice && b.from.nodes[i].dir {
			b.drop(ino, name) // a directory has but one name: a check of the file system sees to it
			continue
		}
		b.add(i)
	}
}

// drop takes a name out of a directory.
func (b *builder) drop(dir uint64, name string) {
	n := b.made.nodes[dir]
	ch := change{kind: kindNames, slots: []slot{{name, 0}}}
	mtime, ctime := n.safe.mtime, n.safe.ctime
	n.safe = ch.on(n.safe)
	n.safe.mtime, n.safe.ctime = mtime, ctime
	n.live = n.safe
	b.made.nodes[dir] = n
}

// settle makes those changes to a body that the crash has kept.
func (b *builder) settle(ino uint64, safe body, at []int) body {
	durable, cached := safe.content.size, safe.content
	for _, i := range at {
		ch, o := &b.from.pending[i], b.choice[i]
		if ch.kind == kindData || ch.kind == kindSize {
			cached = ch.on(body{content: cached}).content
		}
		switch {
		case o.fate == lost:
		case ch.kind != kindData:
			safe = ch.on(safe)
		case b.from.model == Ext4:
			safe.content = ch.pages(safe.content, cached, durable, o)
		default:
			safe.content = ch.torn(safe.content, durable, o, func(off, n int64) bytesOf { return b.stale(ino, off, n) })
		}
		if o.fate != lost && ch.kind == kindData {
			safe.mtime, safe.ctime = ch.call.now, ch.call.now
		}
	}
	return safe
}

// torn makes a part of a write, by the byte. Up to durable the file had bytes
// before, which a write leaves alone where it does not reach them.
func (ch *change) torn(c content, durable int64, o outcome, old func(off, n int64) bytesOf) content {
	off, end, data := ch.call.Off, ch.call.Off+ch.call.Size, ch.call.data
	fresh := func(from int64) int64 { return min(max(from, durable), end) }
	switch o.fate {
	case zeroed:
		return c.write(fresh(off), zeros(end-fresh(off)))
	case stale:
		return c.write(fresh(off), old(fresh(off), end-fresh(off)))
	case head:
		return c.write(off, data.cut(0, o.at))
	case padded:
		from := fresh(off + o.at)
		return c.write(off, data.cut(0, o.at)).write(from, zeros(end-from))
	case tail:
		return c.write(off+o.at, data.cut(o.at, ch.call.Size))
	}
	return c.write(off, data)
}

// pages makes a part of a write as the page cache does: with what else was
// written to the page before, or, where a write is torn, to the sector. Up to
// durable the blocks were given to the file before.
func (ch *change) pages(c, cached content, durable int64, o outcome) content {
	from, to, unit := ch.call.Off, ch.call.Off+ch.call.Size, int64(pageSize)
	end := to
	switch o.fate {
	case zeroed:
		from = max(from, durable)
		return c.write(from, zeros(to-from))
	case head, padded:
		to, unit = from+o.at, sectorSize
	case tail:
		from, unit = from+o.at, sectorSize
	}
	from, to = from/unit*unit, min((to+unit-1)/unit*unit, cached.size)
	if from < to {
		c = c.write(from, cached.piece(from, to))
	}
	if o.fate == padded && c.size < end {
		c = c.truncate(end)
	}
	return c
}

// stale returns bytes that blocks may have held before: those of another file.
func (b *builder) stale(ino uint64, off, n int64) bytesOf {
	old := make([]byte, n)
	for i := range old {
		old[i] = 0xA5
	}
	other := uint64(0)
	for i, n := range b.from.nodes {
		if i != ino && !n.dir && n.safe.content.size > off && (other == 0 || i < other) {
			other = i
		}
	}
	if other != 0 {
		b.from.nodes[other].safe.content.readAt(old, off)
	}
	return bytesOf{b: old, n: n}
}
