package crashfs

import (
	"iter"
	"math/rand/v2"
)

// Sampling says how states are chosen where there are too many. Nil means the
// defaults.
type Sampling struct {
	// Seed makes the sample. Print it when a test fails.
	Seed uint64

	// Subsets is how many subsets of more than 8 pending changes are drawn,
	// beside the regular ones. Default 64; negative: none.
	Subsets int

	// Skip tells files whose content does not matter to anybody, such as a
	// lock file's. Their bytes always stay as they were last seen, and do not
	// tell states apart.
	Skip func(name string) bool
}

// whole is up to how many pending changes every subset is enumerated.
const whole = 8

// States yields the states that a crash may leave now: the kill first, then the
// power cuts, no two of which have the same outcomes. (Different outcomes may
// come to the same disk: see [State.Hash].)
func (p *Point) States(o *Sampling) iter.Seq[State] {
	e := newEnumerator(p, o)
	return func(yield func(State) bool) {
		if !yield(State{p: p, killed: true, skip: e.opt.Skip}) {
			return
		}
		e.yield = func(c choice) bool {
			if key := c.String(); !e.seen[key] {
				e.seen[key] = true
				return yield(State{p: p, choice: c, skip: e.opt.Skip})
			}
			return true
		}
		_ = e.subsets() && e.torn()
	}
}

// enumerator makes choices.
type enumerator struct {
	p     *Point
	opt   Sampling
	rnd   *rand.Rand
	free  []int // indexes of the changes that may be lost
	seen  map[string]bool
	yield func(choice) bool
}

func newEnumerator(p *Point, o *Sampling) *enumerator {
	e := &enumerator{p: p, seen: map[string]bool{}}
	if o != nil {
		e.opt = *o
	}
	if e.opt.Subsets == 0 {
		e.opt.Subsets = 64
	}
	e.rnd = rand.New(rand.NewPCG(e.opt.Seed, uint64(p.number())))
	skipped := p.skipped(e.opt.Skip)
	for i := range p.im.pending {
		ch := &p.im.pending[i]
		if !ch.sure && (!skipped[ch.ino] || ch.kind == kindNames || p.im.model == Ext4 && ch.metadata()) {
			e.free = append(e.free, i)
		}
	}
	return e
}

// skipped finds the files whose content does not matter.
func (p *Point) skipped(skip func(string) bool) map[uint64]bool {
	if skip == nil {
		return nil
	}
	all := map[uint64]bool{}
	p.im.walk(func(name string, ino uint64, n node) {
		if !n.dir && skip(name) {
			all[ino] = true
		}
	})
	return all
}

// base is the choice that keeps the changes of which keep is true, by their
// place among the free ones.
func (e *enumerator) base(keep func(k int) bool) choice {
	c := make(choice, len(e.p.im.pending))
	for i := range c {
		c[i].fate = kept
	}
	for k, i := range e.free {
		if !keep(k) {
			c[i].fate = lost
		}
	}
	return c
}

// emit yields a choice as the model allows it.
func (e *enumerator) emit(c choice) bool {
	if e.p.im.model == Ext4 {
		e.order(c)
	}
	return e.yield(c)
}

// order keeps to the order of the file system's journal: what follows a change
// that is lost is lost, too.
func (e *enumerator) order(c choice) {
	gone := 0 // the call whose change was lost
	for i := range e.p.im.pending {
		ch := &e.p.im.pending[i]
		if !ch.metadata() || ch.sure {
			continue
		}
		if gone == 0 && c[i].fate == lost {
			gone = ch.seq
			if i > 0 && e.p.im.pending[i-1].seq == ch.seq { // the other half of one rename
				c[i-1].fate = lost
			}
		}
		if gone != 0 {
			c[i].fate = lost
		}
	}
}

// subsets yields the states without torn writes.
func (e *enumerator) subsets() bool {
	n := len(e.free)
	if n <= whole {
		return e.all(n, e.emitMask)
	}
	for _, keep := range []func(k int) bool{
		func(int) bool { return true },
		func(int) bool { return false },
	} {
		if !e.emit(e.base(keep)) {
			return false
		}
	}
	for i := range n {
		for _, keep := range []func(k int) bool{
			func(k int) bool { return k == i },
			func(k int) bool { return k != i },
			func(k int) bool { return k <= i },
		} {
			if !e.emit(e.base(keep)) {
				return false
			}
		}
	}
	for range e.opt.Subsets {
		if !e.emit(e.base(e.sample(n))) {
			return false
		}
	}
	return true
}

// sample draws a subset: of up to where in the sequence, and of what there.
func (e *enumerator) sample(n int) func(k int) bool {
	mask, end := make([]bool, n), e.rnd.IntN(n+1)
	for k := range mask {
		mask[k] = e.rnd.IntN(2) == 0
		if e.p.im.model == Ext4 && e.p.im.pending[e.free[k]].metadata() {
			mask[k] = k < end
		}
	}
	return func(k int) bool { return mask[k] }
}

// all calls f with every subset of n.
func (e *enumerator) all(n int, f func(mask uint) bool) bool {
	for mask := range uint(1) << n {
		if !f(mask) {
			return false
		}
	}
	return true
}

func (e *enumerator) emitMask(mask uint) bool {
	return e.emit(e.base(func(k int) bool { return mask>>k&1 == 1 }))
}

// few is up to how many pending changes every subset is combined with every torn
// write.
const few = 4

// torn yields the states in which one write is neither kept nor lost.
func (e *enumerator) torn() bool {
	for k, i := range e.free {
		ch := &e.p.im.pending[i]
		if ch.kind != kindData {
			continue
		}
		narrow, wide := ch.variants(e.p.im.model, e.rnd)
		contexts := []func(int) bool{
			func(int) bool { return true },
			func(j int) bool { return j <= k },
			func(int) bool { return false },
		}
		for _, o := range narrow {
			if !e.tear(i, o, contexts) {
				return false
			}
		}
		for _, o := range wide {
			if !e.tear(i, o, contexts[:2]) {
				return false
			}
		}
		if len(e.free) <= few && !e.tearAmongAll(i, narrow) {
			return false
		}
	}
	return true
}

// tear yields one outcome of the i-th change with other ones kept and lost.
func (e *enumerator) tear(i int, o outcome, contexts []func(int) bool) bool {
	for _, keep := range contexts {
		c := e.base(keep)
		c[i] = o
		if !e.emit(c) {
			return false
		}
	}
	return true
}

func (e *enumerator) tearAmongAll(i int, outcomes []outcome) bool {
	return e.all(len(e.free), func(mask uint) bool {
		for _, o := range outcomes {
			c := e.base(func(k int) bool { return mask>>k&1 == 1 })
			c[i] = o
			if !e.emit(c) {
				return false
			}
		}
		return true
	})
}
