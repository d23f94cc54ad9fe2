package filestore_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

// A call whose context is done changes nothing.
func TestJournalContextDone(t *testing.T) {
	t.Parallel()
	s := journal(t, ramDir(t), nil)
	put(t, s, btc, `1`)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, err := range map[string]error{
		"Put":    s.Put(ctx, btc, []byte(`2`)),
		"new":    s.Put(ctx, eth, []byte(`2`)),
		"Delete": s.Delete(ctx, btc),
		"Clear":  s.Clear(ctx, btc.Entity),
		"Apply":  s.Apply(ctx, nil, []driver.Op{{Key: btc, Data: []byte(`2`)}, {Key: eth, Data: []byte(`2`)}}),
		"Flush":  s.Flush(ctx),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
	acked{btc: `1`}.check(t, s)
	if n := s.Placeholders(); n != 0 {
		t.Errorf("%d entries of what never was", n)
	}
}

// A context that ends while the flush is under way is too late: the outcome is
// told as it is, be it good or bad.
func TestJournalContextEndsInTheFlush(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]bool{"good": false, "bad": true} {
		g := &gate{op: faultfs.OpWriteAt, name: ".holdfast/journal/*"}
		s, fsys := watched(t, ramDir(t), filestore.Options{}, g.pass)
		put(t, s, btc, `1`)
		ctx, cancel := context.WithCancel(t.Context())
		reached, goOn := g.arm(t)
		result := make(chan error, 3)
		go func() { result <- s.Put(ctx, btc, []byte(`2`)) }()
		await(t, "the write of the journal", reached)
		if fail {
			fsys.Add(faultfs.Rule{Op: faultfs.OpWriteAt, Path: ".holdfast/journal/*", Err: syscall.EIO})
		}
		cancel()
		wantValue(t, s, btc, `1`) // not before it is durable
		goOn()
		err, want := <-result, `2`
		if fail {
			want = `1`
		}
		if fail != errors.Is(err, syscall.EIO) || !fail && err != nil {
			t.Errorf("%s: Put: %v", name, err)
		}
		wantValue(t, s, btc, want)
	}
}

// What writers were told before Close is there, and what they are told
// afterwards is that it is closed.
func TestJournalCloseBesideWriters(t *testing.T) {
	t.Parallel()
	for range 5 {
		dir := ramDir(t)
		s := journal(t, dir, nil)
		last := make([]string, 16)
		var begun, wg sync.WaitGroup
		begun.Add(len(last))
		for w := range last {
			wg.Go(func() {
				for i := 0; ; i++ {
					data := sized(i, 100)
					err := s.Put(t.Context(), numbered(w), []byte(data))
					if err != nil {
						if !errors.Is(err, driver.ErrClosed) {
							t.Errorf("Put: %v", err)
						}
						return
					}
					if last[w] = data; i == 3 {
						begun.Done()
					}
				}
			})
		}
		begun.Wait()
		must(t, s.Close())
		wg.Wait()
		m := acked{}
		for w, data := range last {
			m[numbered(w)] = data
		}
		m.checkFiles(t, dir)
		m.check(t, journal(t, dir, nil))
	}
}

// counterStep adds one by compare-and-swap, and tells which revision that
// replaced.
func counterStep(t *testing.T, s *filestore.Store) (replaced string, err error) {
	rec, err := s.Get(t.Context(), btc)
	n := 0
	switch {
	case errors.Is(err, driver.ErrNotFound):
	case err != nil:
		return "", err
	default:
		if n, err = strconv.Atoi(string(rec.Data)); err != nil {
			return "", err
		}
	}
	cond := []driver.Cond{{Key: btc, Rev: rec.Rev}}
	return rec.Rev, s.Apply(t.Context(), cond, []driver.Op{{Key: btc, Data: fmt.Append(nil, n+1)}})
}

// Each success of a compare-and-swap used up a revision of its own, so that no
// count is lost.
func TestJournalCompareAndSwap(t *testing.T) {
	t.Parallel()
	dir := ramDir(t)
	s := journal(t, dir, &filestore.Options{Cache: 1})
	var mu sync.Mutex
	used := map[string]bool{}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for done := 0; done < 100; {
				rev, err := counterStep(t, s)
				if errors.Is(err, driver.ErrConflict) {
					continue
				}
				mu.Lock()
				if err != nil || used[rev] {
					t.Errorf("revision %q, used %v: %v", rev, used[rev], err)
					done = 100
				}
				used[rev] = true
				mu.Unlock()
				done++
			}
		})
	}
	wg.Wait()
	wantValue(t, s, btc, `800`)
	closeStore(t, s)
	wantValue(t, journal(t, dir, nil), btc, `800`)
}

// Put and Delete of one key by many: a Delete succeeds once for each time that a
// value came to be, and history agrees with what was told.
func TestJournalDeleteOfMany(t *testing.T) {
	t.Parallel()
	s := journal(t, ramDir(t), nil)
	var created, deleted atomic.Int64
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for range 200 {
				var err error
				if w%2 == 0 {
					cond := []driver.Cond{{Key: btc}}
					if err = s.Apply(t.Context(), cond, []driver.Op{{Key: btc, Data: []byte(`1`)}}); err == nil {
						created.Add(1)
					}
				} else if err = s.Delete(t.Context(), btc); err == nil {
					deleted.Add(1)
				}
				if err != nil && !errors.Is(err, driver.ErrConflict) && !errors.Is(err, driver.ErrNotFound) {
					t.Errorf("%v", err)
				}
			}
		})
	}
	wg.Wait()
	left := created.Load() - deleted.Load()
	if has, err := s.Has(t.Context(), btc); err != nil || has && left != 1 || !has && left != 0 {
		t.Errorf("%d came to be, %d were removed; there is one: %v, %v", created.Load(), deleted.Load(), has, err)
	}
	if n := int64(len(past(t, s, btc))); n != created.Load()+deleted.Load() {
		t.Errorf("%d states, %d came to be, %d were removed", n, created.Load(), deleted.Load())
	}
}

// Readers of two keys never see the second older than the first, whatever
// batches come: each is visible at once, or not at all.
func TestJournalBatchIsSeenWhole(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	s := journal(t, ramDir(t), &filestore.Options{Cache: 1})
	both := func(n int) []driver.Op {
		ops := []driver.Op{{Key: btc, Data: fmt.Append(nil, n)}}
		for i := range 100 {
			ops = append(ops, driver.Op{Key: numbered(i), Data: fmt.Append(nil, n)})
		}
		return append(ops, driver.Op{Key: eth, Data: fmt.Append(nil, n)})
	}
	must(t, s.Apply(t.Context(), nil, both(0)))
	var done atomic.Bool
	var wg sync.WaitGroup
	for r := range 3 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(r)))
			for !done.Load() {
				a, b := btc, eth
				if rng.IntN(4) == 0 {
					a, b = b, a
				}
				first, err1 := s.Get(t.Context(), a)
				second, err2 := s.Get(t.Context(), b)
				n, _ := strconv.Atoi(string(first.Data))
				if m, _ := strconv.Atoi(string(second.Data)); err1 != nil || err2 != nil || m < n {
					t.Errorf("%s is %d, then %s is %d: %v, %v", a, n, b, m, err1, err2)
					return
				}
			}
		})
	}
	for n := range 200 {
		must(t, s.Apply(t.Context(), nil, both(n+1)))
	}
	done.Store(true)
	wg.Wait()
}

// What was never stored is never listed, however many tried.
func TestJournalFailedFirstWrites(t *testing.T) {
	t.Parallel()
	s, fsys := faulty(t, ramDir(t), filestore.Options{Journal: filestore.On})
	put(t, s, safe, `1`)
	fsys.Add(faultfs.Rule{Op: faultfs.OpWriteAt, Path: ".holdfast/journal/*", Err: syscall.EIO, Sticky: true})
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			if err := s.Put(t.Context(), numbered(i), []byte(`1`)); !errors.Is(err, syscall.EIO) {
				t.Errorf("Put: %v", err)
			}
		})
	}
	wg.Wait()
	if s.FS() == nil || errors.Is(s.Put(t.Context(), btc, []byte(`{`)), syscall.EIO) {
		t.Error("what is no JSON got as far as the journal")
	}
	acked{safe: `1`}.check(t, s)
	if n := s.Placeholders(); n != 0 {
		t.Errorf("%d entries of what never was", n)
	}
	fsys.Clear()
	put(t, s, numbered(3), `2`)
	acked{safe: `1`, numbered(3): `2`}.check(t, s)
}
