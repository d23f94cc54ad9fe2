package cachestore_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-go/holdfast/cachestore"
	"github.com/holdfast-go/holdfast/driver"
)

// history is every state that a value has had, and when.
type history struct {
	mu     sync.Mutex
	states map[string][]state
}

type state struct {
	data  string
	until time.Time // zero: still
}

func (h *history) set(id, data string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if old := h.states[id]; len(old) > 0 {
		old[len(old)-1].until = time.Now()
	}
	h.states[id] = append(h.states[id], state{data: data})
}

// was tells whether id had the data within the ttl.
func (h *history) was(id, data string, ttl time.Duration) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.states[id] {
		if s.data == data && (s.until.IsZero() || time.Since(s.until) < ttl) {
			return true
		}
	}
	return false
}

// Two caches over one store, both written through: each sees its own writes at
// once and those of the other within the TTL. HOLDFAST_CACHE_SEED repeats it.
func TestNoAnswerIsTooOld(t *testing.T) {
	seed := rand.Uint64()
	if s := os.Getenv("HOLDFAST_CACHE_SEED"); s != "" {
		var err error
		seed, err = strconv.ParseUint(s, 10, 64)
		must(t, err)
	}
	t.Logf("HOLDFAST_CACHE_SEED=%d", seed)
	synctest.Test(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(seed, 0))
		inner := &deaf{Store: memory(t)}
		h := &history{states: map[string][]state{}}
		ids := []string{"a", "b", "c"}
		for _, id := range ids {
			h.set(id, "absent")
		}
		stores := []*cachestore.Store{cached(t, inner, nil), cached(t, inner, &cachestore.Options{MaxBytes: 600})}
		last := []map[string]string{{}, {}} // written through each, and not by the other since
		old := 0
		for n := range 20_000 {
			i, id := rng.IntN(2), ids[rng.IntN(3)]
			s := stores[i]
			switch rng.IntN(8) {
			case 0:
				h.set(id, strconv.Itoa(n))
				put(t, s, id, strconv.Itoa(n))
				last[i][id] = strconv.Itoa(n)
				delete(last[1-i], id)
			case 1:
				h.set(id, "absent")
				if err := s.Delete(t.Context(), key(id)); err != nil && !errors.Is(err, driver.ErrNotFound) {
					t.Fatal(err)
				}
				last[i][id] = "absent"
				delete(last[1-i], id)
			case 2:
				time.Sleep(time.Duration(rng.IntN(int(cachestore.DefaultTTL))))
			default:
				got := get(t, s, id)
				if !h.was(id, got, cachestore.DefaultTTL) {
					t.Fatalf("step %d: %s is %s, which it has not been for a TTL", n, id, got)
				}
				if own, ok := last[i][id]; ok && got != own {
					t.Fatalf("step %d: %s is %s, and %s was written through the same cache", n, id, got, own)
				}
				if now := get(t, inner, id); now != got {
					old++
				}
			}
		}
		if old < 100 {
			t.Errorf("%d answers were old: this proves nothing", old)
		}
	})
}
