package live_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/live"
	"github.com/holdfast-go/holdfast/memstore"
)

// The runs are short so that the tests are quick. HOLDFAST_CRASH_FACTOR makes
// them that many times as long, HOLDFAST_CRASH_SEED makes other candles.
var (
	factor = setting("HOLDFAST_CRASH_FACTOR", 1)
	seed   = uint64(setting("HOLDFAST_CRASH_SEED", chosenSeed))
)

// chosenSeed gives short runs in which everything happens that can, see covers.
const chosenSeed = 146

func setting(name string, unset int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return unset
}

// A process that dies at any one of its writes, before or after that took
// effect, and is started again over all candles from the first, leaves byte
// for byte what an uninterrupted run leaves, and has told everything.
func TestCrashAtEveryWrite(t *testing.T) {
	for _, scope := range []driver.BatchScope{driver.BatchAny, driver.BatchKey} {
		for _, name := range live.StrategyNames() {
			t.Run(string(scope)+"/"+name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(quick(t, name), 30*factor, seed, 0.5)
				whole, wholeHeard := memstore.New(), &heard{}
				counting := &mortal{backend: whole, scope: scope}
				if err := w.run(t, counting, whole, wholeHeard); err != nil {
					t.Fatal(err)
				}
				covers(t, w, wholeHeard.full)
				want, deaths := dump(t, whole), 0
				for n := 1; n <= counting.writes; n += stride {
					for _, after := range []bool{false, true} {
						d, h := memstore.New(), &heard{}
						if err := w.run(t, &mortal{backend: d, scope: scope, dieAt: n, after: after}, d, h); !errors.Is(err, errDead) {
							t.Fatalf("seed %d: write %d: %v, want death", seed, n, err)
						}
						if err := w.run(t, &mortal{backend: d, scope: scope}, d, h); err != nil {
							t.Fatalf("seed %d: after death at write %d (after it: %v): %v", seed, n, after, err)
						}
						if got := dump(t, d); got != want {
							t.Fatalf("seed %d: death at write %d (after it: %v) leaves another state:\n%s", seed, n, after, difference(want, got))
						}
						sameEvents(t, wholeHeard.full, h.full)
						if deaths++; t.Failed() {
							t.Fatalf("seed %d: death at write %d (after it: %v)", seed, n, after)
						}
					}
				}
				t.Logf("seed %d: %d deaths, %d events", seed, deaths, len(wholeHeard.full))
			})
		}
	}
}

// history is an uninterrupted run, write by write.
type history struct {
	ops    [][]driver.Op
	tick   []int          // of each write: which tick made it
	events [][]live.Event // of each tick
}

func record(t *testing.T, w *world, scope driver.BatchScope) (*history, *heard) {
	t.Helper()
	var log history
	base, h, now := newDisk(), &heard{}, 0
	m := &mortal{backend: base, scope: scope, wrote: func(ops []driver.Op) {
		log.ops = append(log.ops, ops)
		log.tick = append(log.tick, now)
	}}
	runners, err := w.open(t, m, base, h)
	if err != nil {
		t.Fatal(err)
	}
	for now = range w.feed {
		out, err := runners[w.feed[now].symbol].Tick(context.Background(), w.feed[now].candle)
		if err != nil {
			t.Fatal(err)
		}
		log.events = append(log.events, out.Events)
	}
	return &log, h
}

func (d *disk) replay(ops []driver.Op) {
	if err := d.Apply(context.Background(), nil, ops); err != nil {
		panic(err)
	}
}

func (d *disk) same(other *disk) bool {
	return maps.EqualFunc(d.values, other.values, func(a, b driver.Record) bool { return bytes.Equal(a.Data, b.Data) })
}

// allTold wants the events of the tick in which the process died, and of the
// next one, to have been told since.
func (log *history) allTold(t *testing.T, crashed int, h *heard) {
	t.Helper()
	for _, events := range log.events[crashed:min(crashed+2, len(log.events))] {
		for _, e := range events {
			if data, err := json.Marshal(e); err != nil || h.full[e.ID] != string(data) {
				t.Errorf("%s was told as %q, want %s (%v)", e.ID, h.full[e.ID], data, err)
			}
		}
	}
}

// resume is a life that starts at a crash within a tick and goes on to the end
// of the next one. The tick before is handed in again too.
func (w *world) resume(t *testing.T, d, base backend, h *heard, crashed int) error {
	runners, err := w.open(t, d, base, h)
	for i := max(0, crashed-1); err == nil && i <= min(crashed+1, len(w.feed)-1); i++ {
		_, err = runners[w.feed[i].symbol].Tick(context.Background(), w.feed[i].candle)
	}
	return err
}

// deaths takes a recorded run apart: for every write it makes the state that a
// crash before it leaves, and the one that the uninterrupted run reaches at the
// end of the tick after.
func (w *world) deaths(t *testing.T, log *history, each func(n int, left, want *disk)) {
	t.Helper()
	left, want, done := newDisk(), newDisk(), 0
	for n := range log.ops {
		for done < len(log.ops) && log.tick[done] <= log.tick[n]+1 {
			want.replay(log.ops[done])
			done++
		}
		if n%stride == 0 {
			each(n, left, want)
		}
		if t.Failed() {
			t.Fatalf("seed %d: death before write %d, in tick %d", seed, n+1, log.tick[n])
		}
		left.replay(log.ops[n])
	}
}

// The same over long runs with the strategies as they are: every state that a
// crash can leave is made from a recorded run, and must lead to the states of
// that run again.
func TestCrashInLongRuns(t *testing.T) {
	for _, scope := range []driver.BatchScope{driver.BatchAny, driver.BatchKey} {
		for _, name := range live.StrategyNames() {
			t.Run(string(scope)+"/"+name, func(t *testing.T) {
				t.Parallel()
				strategy, err := live.StrategyByName(name)
				if err != nil {
					t.Fatal(err)
				}
				w := newWorld(strategy, 500*factor, seed, 0.3)
				log, h := record(t, w, scope)
				if all := strings.Join(h.lines, "\n"); strings.Count(all, " closed ") < 10 || !strings.Contains(all, " risk") {
					t.Errorf("seed %d: too little happens:\n%s", seed, all)
				}
				w.deaths(t, log, func(n int, left, want *disk) {
					d, h := left.copy(), &heard{}
					if err := w.resume(t, &mortal{backend: d, scope: scope}, d, h, log.tick[n]); err != nil {
						t.Fatal(err)
					}
					log.allTold(t, log.tick[n], h)
					if !d.same(want) {
						t.Errorf("another state:\n%s", difference(dump(t, want), dump(t, d)))
					}
				})
				t.Logf("seed %d: %d deaths, %d events", seed, len(log.ops), len(h.full))
			})
		}
	}
}

// A second death while the first is being recovered from, at every write of
// that second life, before and after.
func TestCrashDuringRestore(t *testing.T) {
	for _, scope := range []driver.BatchScope{driver.BatchAny, driver.BatchKey} {
		for _, name := range live.StrategyNames() {
			t.Run(string(scope)+"/"+name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(quick(t, name), 30*factor, seed, 0.5)
				log, whole := record(t, w, scope)
				covers(t, w, whole.full)
				deaths := 0
				w.deaths(t, log, func(n int, left, want *disk) {
					for m, more := 1, true; more; m++ {
						for _, after := range []bool{false, true} {
							d, h := left.copy(), &heard{}
							second := &mortal{backend: d, scope: scope, dieAt: m, after: after}
							err := w.resume(t, second, d, h, log.tick[n])
							if more = second.dead; more != errors.Is(err, errDead) {
								t.Fatalf("second death at write %d: %v", m, err)
							}
							if err := w.resume(t, &mortal{backend: d, scope: scope}, d, h, log.tick[n]); err != nil {
								t.Fatalf("second death at write %d (after it: %v): %v", m, after, err)
							}
							if !d.same(want) {
								t.Fatalf("second death at write %d (after it: %v) leaves another state:\n%s", m, after, difference(dump(t, want), dump(t, d)))
							}
							log.allTold(t, log.tick[n], h)
							deaths++
						}
					}
				})
				t.Logf("seed %d: %d double deaths", seed, deaths)
			})
		}
	}
}
