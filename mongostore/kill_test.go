package mongostore_test

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/internal/testserver"
)

// writer puts value after value under ids of its own, and keeps what it was
// told of each.
type writer struct {
	entity string
	number int

	tried        map[string]bool // id → whether it was acknowledged
	refused      error           // an error other than "outcome unknown" while the server was up
	acknowledged time.Time       // the last time
}

func (w *writer) run(t *testing.T, s store, written func(), stop <-chan struct{}) {
	for n := 0; ; n++ {
		id := fmt.Sprintf("w%d-%d", w.number, n)
		err := s.Put(t.Context(), driver.Key{Entity: w.entity, ID: id}, strconv.AppendInt(nil, int64(n), 10))
		w.tried[id] = err == nil
		if err == nil {
			w.acknowledged = time.Now()
			written()
		} else if !errors.Is(err, driver.ErrUnknown) {
			w.refused = err
		}
		select {
		case <-stop:
			if err == nil {
				return
			}
		default:
		}
	}
}

// The server is killed in the middle of 64 writers and started again: all that
// was acknowledged is there, and all writers go on within 5 seconds. What this
// shows of MongoDB is the store's side of it. The log of FerretDB's SQLite is
// flushed at each commit, but a SIGKILL does not put that to the test.
func TestServerKilled(t *testing.T) {
	h := newFerret(t, testserver.FerretOptions{Flush: true})
	s := open(t, h.place(t).url)
	writers := make([]*writer, 64)
	for i := range writers {
		writers[i] = &writer{entity: fmt.Sprint("signal/strategy-", i%8), number: i, tried: map[string]bool{}}
		must(t, s.Init(t.Context(), writers[i].entity))
	}
	var running sync.WaitGroup
	var count atomic.Int64
	enough, stop := make(chan struct{}), make(chan struct{})
	written := func() {
		if count.Add(1) == 5*int64(len(writers)) {
			close(enough)
		}
	}
	for _, w := range writers {
		running.Go(func() { w.run(t, s, written, stop) })
	}
	<-enough
	h.ferret.Kill()
	h.ferret.Restart()
	restarted := time.Now()
	close(stop) // each after its next acknowledgement
	running.Wait()
	slowest := time.Duration(0)
	unknown := 0
	for _, w := range writers {
		slowest = max(slowest, w.acknowledged.Sub(restarted))
		if w.refused != nil {
			t.Logf("writer %d was refused: %v", w.number, w.refused)
		}
		for _, acknowledged := range w.tried {
			if !acknowledged {
				unknown++
			}
		}
	}
	t.Logf("%d acknowledged, %d not; all writers went on within %v of the restart", count.Load(), unknown, slowest)
	if slowest > 5*time.Second {
		t.Errorf("a writer went on only after %v", slowest)
	}
	checkWritten(t, s, writers)
}

// checkWritten reads everything back.
func checkWritten(t *testing.T, s store, writers []*writer) {
	t.Helper()
	there, tried := map[string]bool{}, map[string]bool{}
	for _, w := range writers {
		maps.Copy(tried, w.tried)
	}
	for i := range 8 {
		entity := fmt.Sprint("signal/strategy-", i)
		for id, err := range s.IDs(t.Context(), entity) {
			must(t, err)
			there[id] = true
			if _, ours := tried[id]; !ours {
				t.Errorf("%s is there, and nobody wrote it", id)
			}
		}
	}
	for id, acknowledged := range tried {
		if acknowledged && !there[id] {
			t.Errorf("%s was acknowledged and is lost", id)
		}
	}
	for _, w := range writers {
		for id, acknowledged := range w.tried {
			if !acknowledged {
				continue
			}
			rec, err := s.Get(t.Context(), driver.Key{Entity: w.entity, ID: id})
			if want := id[len(fmt.Sprintf("w%d-", w.number)):]; err != nil || string(rec.Data) != want {
				t.Errorf("%s: %s, %v; want %s", id, rec.Data, err, want)
			}
			break // one value of each writer; the ids above are all
		}
	}
}
