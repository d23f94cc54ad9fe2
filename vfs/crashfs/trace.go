package crashfs

import (
	"fmt"
	"iter"
	"strconv"
	"strings"
)

// Trace is the record of what was done to a disk. It does not change: the states
// that it has are the same whenever they are enumerated.
type Trace struct {
	base  *image
	calls []Call // and marks
}

// Calls returns the calls, in their order. Call number n, as keys and states
// count, is the n-th of them, from 1.
func (t *Trace) Calls() []Call {
	var list []Call
	for _, c := range t.calls {
		if c.Op != opMark {
			list = append(list, c)
		}
	}
	return list
}

// String is all calls and marks, a line for each.
func (t *Trace) String() string {
	var b strings.Builder
	n := 0
	for _, c := range t.calls {
		if c.Op == opMark {
			fmt.Fprintf(&b, "        %s\n", c)
			continue
		}
		n++
		fmt.Fprintf(&b, "%6d  %s\n", n, c)
	}
	return b.String()
}

// Points yields the moments between the calls, the one before the first and the
// one after the last included. A trace of a disk that was killed knows by which
// model its changes are pending; m must be that one.
func (t *Trace) Points(m Model) iter.Seq[*Point] {
	if t.base.model != 0 && t.base.model != m {
		panic(fmt.Sprintf("crashfs: the disk was killed under the model %s, its states cannot be those of %s", t.base.model, m))
	}
	return func(yield func(*Point) bool) {
		im := t.base.clone()
		im.model = m
		p := &Point{trace: t}
		for i := 0; ; i++ {
			for ; i < len(t.calls) && t.calls[i].Op == opMark; i++ {
				p.marks = append(p.marks[:len(p.marks):len(p.marks)], t.calls[i].mark)
			}
			p.im = im.clone()
			if !yield(p) || i == len(t.calls) {
				return
			}
			im.apply(&t.calls[i])
			p = &Point{trace: t, call: &t.calls[i], marks: p.marks}
		}
	}
}

// State finds a state by its key.
func (t *Trace) State(key string) (State, error) {
	parts := strings.SplitN(key, "/", 3)
	if len(parts) == 3 {
		m, ok := modelNamed(parts[0])
		n, err := strconv.Atoi(parts[1])
		if ok && err == nil && (t.base.model == 0 || t.base.model == m) {
			for p := range t.Points(m) {
				if p.number() == n {
					return p.state(parts[2])
				}
			}
		}
	}
	return State{}, fmt.Errorf("crashfs: no state %q in a trace of %d calls", key, len(t.Calls()))
}

// Point is the moment after a call, or before the first one.
type Point struct {
	trace *Trace
	call  *Call // nil before the first
	im    *image
	marks []any
}

// Call returns the number of the last call, 0 before the first, and the call.
func (p *Point) Call() (int, Call) {
	if p.call == nil {
		return 0, Call{}
	}
	return p.number(), *p.call
}

func (p *Point) number() int { return p.im.calls - p.trace.base.calls }

// Marks returns what was marked before the next call (see [Disk.Mark]).
func (p *Point) Marks() []any { return p.marks }

// Pending returns how many changes no sync has covered.
func (p *Point) Pending() int { return len(p.im.pending) }

// Model returns the model by which changes are pending.
func (p *Point) Model() Model { return p.im.model }

// String says after which call it is.
func (p *Point) String() string {
	if p.call == nil {
		return "before the first call"
	}
	return fmt.Sprintf("after call %d (%s)", p.number(), p.call)
}

// Trace is the record that the point is in.
func (p *Point) Trace() *Trace { return p.trace }

// Models lists by which models states can be enumerated: all, or, of a disk that
// was killed, the one by which its changes are pending.
func (t *Trace) Models() []Model {
	if t.base.model != 0 {
		return []Model{t.base.model}
	}
	return Models()
}
