package storetest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-go/holdfast/driver"
)

// found is what a store says of a key: the value, or one of the words below.
type found string

// What a store says of a key that has no value. Neither is JSON.
const (
	absent  found = "absent"
	damaged found = "damaged"
)

// effect is what a change makes of one key: one of several outcomes where more
// than one is right.
type effect struct {
	key driver.Key
	to  []found
}

// crashOp is a change of the workload.
type crashOp struct {
	what    string
	effects []effect
}

// begun and ended are what the record is marked with.
type (
	begun struct{ op *crashOp }
	ended struct {
		op  *crashOp
		err error
	}
)

// died is what the record is marked with when the process has been killed.
type died struct{}

func (died) String() string { return "killed" }

func (b begun) String() string { return "begun: " + b.op.what }

func (e ended) String() string {
	if e.err != nil {
		return fmt.Sprintf("failed: %s: %v", e.op.what, e.err)
	}
	return "acknowledged: " + e.op.what
}

// event is a change as a history knows it.
type event struct {
	*crashOp
	begin, end int  // places in the record
	optional   bool // it may have happened or not
}

// never is the end of what has not ended.
const never = 1 << 30

// history is what had been begun and told when the crash came.
type history struct {
	events []event
	acks   int // how much had been told
}

// historyOf reads the marks of a record.
func historyOf(marks []any, unsure func(error) bool) *history {
	h := &history{}
	at := map[*crashOp]int{}
	gone := map[*crashOp]bool{}
	for i, m := range marks {
		switch m := m.(type) {
		case begun:
			at[m.op] = len(h.events)
			h.events = append(h.events, event{m.op, i, never, true})
		case ended:
			e := &h.events[at[m.op]]
			h.acks++
			switch {
			case m.err == nil:
				e.end, e.optional = i, false
			case !unsure(m.err):
				gone[m.op] = true // it failed, and has changed nothing
			}
		case died:
			for j := range h.events { // what was under way happened before that, or never
				h.events[j].end = min(h.events[j].end, i)
			}
		}
	}
	h.events = slices.DeleteFunc(h.events, func(e event) bool { return gone[e.crashOp] })
	return h
}

// keys lists the keys that anything was begun on.
func (h *history) keys() []driver.Key {
	var all []driver.Key
	for _, e := range h.events {
		for _, f := range e.effects {
			if !slices.Contains(all, f.key) {
				all = append(all, f.key)
			}
		}
	}
	return all
}

// explains tells whether there is an order of the events, true to their times,
// that ends with what was found.
func (h *history) explains(seen map[driver.Key]found) bool {
	open := map[driver.Key]bool{} // keys whose last change is not known yet
	for _, k := range h.keys() {
		open[k] = true
	}
	left := make([]bool, len(h.events))
	for i := range left {
		left[i] = true
	}
	return h.search(seen, open, left)
}

// search goes through the events from the last one back.
func (h *history) search(seen map[driver.Key]found, open map[driver.Key]bool, left []bool) bool {
	if len(open) == 0 {
		return true
	}
	latest := -1 // the latest begin of what is left
	for i, e := range h.events {
		if left[i] {
			latest = max(latest, e.begin)
		}
	}
	if latest < 0 { // these keys were never changed
		for k := range open {
			if look(seen, k) != absent {
				return false
			}
		}
		return true
	}
	for i, e := range h.events {
		if !left[i] || e.end < latest { // something began after it had ended
			continue
		}
		left[i] = false
		closed, fits := h.last(e, seen, open)
		if fits && h.search(seen, without(open, closed), left) {
			return true
		}
		if (e.optional || fits && len(closed) == 0) && h.search(seen, open, left) {
			return true
		}
		left[i] = true
	}
	return false
}

// last takes an event for the last of those that are left: which keys that
// settles, and whether it fits what was found.
func (h *history) last(e event, seen map[driver.Key]found, open map[driver.Key]bool) (closed []driver.Key, fits bool) {
	for _, f := range e.effects {
		if !open[f.key] {
			continue
		}
		if !slices.Contains(f.to, look(seen, f.key)) {
			return nil, false
		}
		closed = append(closed, f.key)
	}
	return closed, true
}

func look(seen map[driver.Key]found, k driver.Key) found {
	if f, ok := seen[k]; ok {
		return f
	}
	return absent
}

func without(open map[driver.Key]bool, closed []driver.Key) map[driver.Key]bool {
	rest := make(map[driver.Key]bool, len(open))
	for k := range open {
		if !slices.Contains(closed, k) {
			rest[k] = true
		}
	}
	return rest
}

// only is the history of one key alone.
func (h *history) only(k driver.Key) *history {
	one := &history{}
	for _, e := range h.events {
		for _, f := range e.effects {
			if f.key == k {
				op := *e.crashOp
				op.effects = []effect{f}
				e.crashOp = &op
				one.events = append(one.events, e)
				break
			}
		}
	}
	return one
}

// judge says what is wrong with what was found; nil if nothing is.
func (h *history) judge(seen map[driver.Key]found) *verdict {
	keys := h.keys()
	for k := range seen {
		if !slices.Contains(keys, k) {
			return &verdict{Invented, fmt.Sprintf("%s holds %.80q, which nobody put", k, look(seen, k))}
		}
	}
	if h.explains(seen) {
		return nil
	}
	for _, k := range keys {
		if one := h.only(k); !one.explains(seen) {
			return one.blame(k, look(seen, k))
		}
	}
	return &verdict{Torn, "no order of the changes leads to " + describe(seen)}
}

// blame says what is wrong with one key.
func (h *history) blame(k driver.Key, got found) *verdict {
	known, last := false, event{}
	for _, e := range h.events {
		known = known || slices.Contains(e.effects[0].to, got)
		if !e.optional {
			last = e
		}
	}
	told := "nothing was acknowledged"
	if last.crashOp != nil {
		told = "last acknowledged: " + last.what
	}
	text := fmt.Sprintf("%s: %.80q; %s", k, got, told)
	switch {
	case got == damaged:
		return &verdict{Damaged, text}
	case got == absent:
		return &verdict{Lost, text}
	case !known:
		return &verdict{Invented, text}
	case last.crashOp != nil && slices.Contains(last.effects[0].to, absent):
		return &verdict{Resurrected, text}
	}
	return &verdict{Lost, text}
}

func describe(seen map[driver.Key]found) string {
	var list []string
	for k, f := range seen {
		list = append(list, fmt.Sprintf("%s=%.40q", k, f))
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}
