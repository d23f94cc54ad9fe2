package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/internal/testserver"
)

const (
	writers = 64
	kills   = 3
)

// The server is killed in the middle of 64 writers and started again, several
// times. Each writer puts rising numbers; no Put fails, and so none may be
// missing: what is read after each is what was put, and at the end the last.
func TestKilledAmongWriters(t *testing.T) {
	r := testserver.StartRedis(t)
	s := open(t, r.URL("timeout=30s"))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var wg sync.WaitGroup
	var made atomic.Int64
	acknowledged := make([]int, writers)
	for w := range writers {
		wg.Go(func() {
			k := driver.Key{Entity: "signal/strategy-a", ID: fmt.Sprint("W", w)}
			for n := 1; ctx.Err() == nil; n++ {
				if err := s.Put(t.Context(), k, []byte(strconv.Itoa(n))); err != nil {
					t.Errorf("writer %d, Put %d: %v", w, n, err)
					return
				}
				acknowledged[w] = n
				made.Add(1)
			}
		})
	}
	for range kills {
		from := made.Load()
		eventually(t, "writers go on", func() bool { return made.Load() > from+20*writers })
		r.Kill()
		r.Restart()
		ready := time.Now()
		from = made.Load()
		eventually(t, "writers go on after a restart", func() bool { return made.Load() > from+writers })
		t.Logf("%d writers went on %v after the server was ready", writers, time.Since(ready).Round(time.Millisecond))
	}
	stop()
	wg.Wait()
	r.Kill() // and what was acknowledged is on the disk
	r.Restart()
	for w, n := range acknowledged {
		wantValue(t, s, driver.Key{Entity: "signal/strategy-a", ID: fmt.Sprint("W", w)}, strconv.Itoa(n))
	}
	t.Logf("%d changes, each there", made.Load())
}

// Without a log the server forgets, and a change under way when it did is not
// taken for made, nor made again over what is not known.
func TestKilledWithoutLog(t *testing.T) {
	r := testserver.StartRedis(t, "--appendonly", "no")
	s := open(t, r.URL(""))
	if s.Properties().Durable {
		t.Error("a server without a log is said to be durable")
	}
	must(t, s.Put(t.Context(), btc, []byte(`1`)))
	r.Kill()
	r.Restart()
	if err := s.Put(t.Context(), btc, []byte(`2`)); !errors.Is(err, driver.ErrUnknown) {
		t.Errorf("the first Put after it: %v", err)
	}
	must(t, s.Put(t.Context(), btc, []byte(`3`)))
	wantValue(t, s, btc, `3`)
}

// A listing that loses its server, or its connection, half way lists everything
// all the same.
func TestListingOverRestart(t *testing.T) {
	r := testserver.StartRedis(t)
	p := startProxy(t, r)
	s := open(t, p.url())
	const n = 5000
	var ops []driver.Op
	for i := range n {
		ops = append(ops, driver.Op{Key: driver.Key{Entity: "e", ID: fmt.Sprintf("%05d", i)}, Data: []byte(`1`)})
	}
	must(t, s.Apply(t.Context(), nil, ops))
	scans := 0
	p.breaks(dropIt, func(m []byte) bool {
		if string(m[:min(12, len(m))]) == "*6\r\n$4\r\nSCAN" {
			scans++
		}
		return scans == 4
	})
	listed := make(chan []string, 1)
	p.refuse(false)
	go func() {
		var ids []string
		for id, err := range s.IDs(t.Context(), "e") {
			if err != nil {
				t.Error(err)
			}
			ids = append(ids, id)
		}
		listed <- ids
	}()
	<-p.broken
	r.Kill()
	r.Restart()
	if ids := <-listed; len(ids) != n {
		t.Errorf("%d of %d ids are listed", len(ids), n)
	}
}

// Watching goes on where it was: of what changed before and after a restart of
// the server nothing is missing.
func TestWatchOverRestart(t *testing.T) {
	r := testserver.StartRedis(t)
	s, writer := open(t, r.URL("")), open(t, r.URL(""))
	ctx, cancel := context.WithTimeout(t.Context(), testserver.Patience)
	defer cancel()
	changes := s.Watch(ctx, btc.Entity)
	step := make(chan string, 10)
	done := make(chan error, 1)
	go func() {
		for c, err := range changes {
			if err != nil {
				done <- err
				return
			}
			step <- fmt.Sprint(c.Key.ID, c.Deleted)
		}
	}()
	want := func(text string) {
		t.Helper()
		select {
		case got := <-step:
			if got != text {
				t.Fatalf("told of %s, want %s", got, text)
			}
		case <-ctx.Done():
			t.Fatalf("not told of %s", text)
		}
	}
	must(t, writer.Put(ctx, btc, []byte(`1`)))
	want("BTCUSDTfalse")
	r.Kill()
	r.Restart()
	must(t, writer.Put(ctx, driver.Key{Entity: btc.Entity, ID: "ETH"}, []byte(`1`)))
	want("ETHfalse")
	must(t, writer.Delete(ctx, btc))
	want("BTCUSDTtrue")
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("watching ends with %v", err)
	}
}

// Who has fallen too far behind is told so.
func TestWatchLags(t *testing.T) {
	r := testserver.StartRedis(t)
	s := open(t, r.URL(""))
	for name, seed := range map[string]func(){
		"behind an entry":  func() { must(t, s.Put(t.Context(), btc, []byte(`0`))) },
		"behind the start": func() { must(t, client(t, r).FlushAll(t.Context()).Err()) },
	} {
		t.Run(name, func(t *testing.T) {
			seed()
			ctx, cancel := context.WithTimeout(t.Context(), testserver.Patience)
			defer cancel()
			changes := s.Watch(ctx, "quiet")
			c := client(t, r)
			pipe := c.Pipeline()
			for i := range 5000 { // as many changes as are remembered, and some
				pipe.Do(ctx, "XADD", ":log", "MAXLEN", "~", 4096, "*", fmt.Sprint("other:", i), "x")
			}
			_, err := pipe.Exec(ctx)
			must(t, err)
			for _, err := range changes {
				if err == nil || errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v, want that it lags", err)
				}
				break
			}
		})
	}
}
