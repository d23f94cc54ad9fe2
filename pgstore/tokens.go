package pgstore

import (
	"strconv"
	"strings"
	"sync"
)

// tokens names the transactions of one store: each is the revision that it gives
// to what it writes, "hf-BASE-NUMBER". No two stores have the same base.
type tokens struct {
	base string

	mu      sync.Mutex
	last    uint64
	flight  map[uint64]struct{} // begun and not ended
	horizon uint64              // every transaction of the server before it has ended
}

// mark is what was known when a transaction was begun.
type mark struct {
	n       uint64
	floor   uint64 // every transaction of this store with a smaller number had ended
	horizon uint64 // and every one of the server before this
}

func (t *tokens) begin() mark {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last++
	m := mark{n: t.last, floor: t.last, horizon: t.horizon}
	for n := range t.flight {
		m.floor = min(m.floor, n)
	}
	if t.flight == nil {
		t.flight = map[uint64]struct{}{}
	}
	t.flight[m.n] = struct{}{}
	return m
}

func (t *tokens) end(m mark) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.flight, m.n)
}

// saw notes what the server says of its oldest transaction.
func (t *tokens) saw(horizon uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.horizon = max(t.horizon, horizon)
}

func (t *tokens) name(m mark) string { return "hf-" + t.base + "-" + strconv.FormatUint(m.n, 10) }

// number is the one in a revision that this store has given.
func (t *tokens) number(revision string) (uint64, bool) {
	text, ours := strings.CutPrefix(revision, "hf-"+t.base+"-")
	n, err := strconv.ParseUint(text, 10, 64)
	return n, ours && err == nil
}
