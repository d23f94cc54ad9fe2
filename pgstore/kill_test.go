package pgstore_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/internal/testserver"
	"github.com/holdfast-go/holdfast/pgstore"
)

// writer puts rising numbers under a key of its own until it is told to stop.
type writer struct {
	key     driver.Key
	mu      sync.Mutex
	began   int // the last number that was sent
	acked   int // and that was acknowledged
	unknown int
	errs    []error // that leave no doubt
}

func (w *writer) run(s *pgstore.Store, stop <-chan struct{}) {
	for n := 1; ; n++ {
		select {
		case <-stop:
			return
		default:
		}
		w.mu.Lock()
		w.began = n
		w.mu.Unlock()
		err := s.Put(context.Background(), w.key, []byte(strconv.Itoa(n)))
		w.mu.Lock()
		switch {
		case err == nil:
			w.acked = n
		case errors.Is(err, driver.ErrUnknown):
			w.unknown++
		default:
			w.errs = append(w.errs, err)
		}
		w.mu.Unlock()
	}
}

func (w *writer) state() (began, acked int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.began, w.acked
}

// The server is killed in the middle of 64 writers and started again: nothing
// that was acknowledged is lost, and all of them go on, without an error.
func TestServerKilled(t *testing.T) {
	server := testserver.StartPostgres(t)
	s := open(t, server.URL("pool_max_conns=16"))
	stop := make(chan struct{})
	var all sync.WaitGroup
	writers := make([]*writer, 64)
	for i := range writers {
		writers[i] = &writer{key: key(fmt.Sprint("k", i))}
		all.Go(func() { writers[i].run(s, stop) })
	}
	const kills = 4
	for range kills {
		goOn(t, writers, time.Minute) // all are in the middle of it
		server.Kill()
		killed := acked(writers)
		server.Restart()
		took := goOn(t, writers, 30*time.Second)
		t.Logf("%d writers went on %v after the server was back", len(writers), took)
		if took > 5*time.Second {
			t.Errorf("it took the writers %v to go on: 5 s is what is promised", took)
		}
		for i, w := range writers {
			if n := number(t, s, w.key); n < killed[i] {
				t.Errorf("%s was acknowledged as %d and is %d", w.key, killed[i], n)
			}
		}
	}
	close(stop)
	all.Wait()
	for _, w := range writers {
		began, acknowledged := w.state()
		if n := number(t, s, w.key); n < acknowledged || n > began {
			t.Errorf("%s is %d: the last acknowledged is %d, the last begun %d", w.key, n, acknowledged, began)
		}
		if len(w.errs) > 0 {
			t.Errorf("%s: %d errors, the first: %v", w.key, len(w.errs), w.errs[0])
		}
		if w.unknown > 0 {
			t.Errorf("%s: %d outcomes unknown, though nobody else writes to it", w.key, w.unknown)
		}
	}
}

// goOn waits until each writer has been acknowledged twice more: the second of
// them was begun meanwhile.
func goOn(t *testing.T, writers []*writer, limit time.Duration) time.Duration {
	t.Helper()
	before, began := acked(writers), time.Now()
	for i, w := range writers {
		for {
			if _, n := w.state(); n >= before[i]+2 {
				break
			}
			if time.Since(began) > limit {
				t.Fatalf("%s has not gone on within %v: %v", w.key, limit, w.errs)
			}
			time.Sleep(time.Millisecond) // between two looks
		}
	}
	return time.Since(began)
}

func acked(writers []*writer) []int {
	var ns []int
	for _, w := range writers {
		_, n := w.state()
		ns = append(ns, n)
	}
	return ns
}

func number(t *testing.T, s driver.Store, k driver.Key) int {
	t.Helper()
	n, err := strconv.Atoi(string(get(t, s, k).Data))
	must(t, err)
	return n
}
