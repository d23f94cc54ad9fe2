package pgstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/driver"
)

// A row that somebody holds for long holds up its own key alone: others go on,
// also those that would travel together with it, and it goes on itself when the
// row is free.
func TestHeldRow(t *testing.T) {
	rawURL := newURL(t, "timeout=1m")
	s := open(t, rawURL)
	for i := range 16 {
		put(t, s, key(fmt.Sprint("k", i)), `0`)
	}
	tx, err := bare(t, rawURL).Begin(t.Context())
	must(t, err)
	_, err = tx.Exec(t.Context(), "SELECT FROM holdfast WHERE id IN ('k0', 'k1', 'k2') FOR UPDATE")
	must(t, err)
	var held, free sync.WaitGroup
	errs := make([]error, 16)
	for i := range errs {
		all, times := &free, 50
		if i < 3 {
			all, times = &held, 3
		}
		all.Go(func() {
			for n := range times {
				errs[i] = errors.Join(errs[i], s.Put(context.Background(), key(fmt.Sprint("k", i)), []byte(fmt.Sprint(n+1))))
			}
		})
	}
	free.Wait() // though the rows are still held
	must(t, tx.Commit(t.Context()))
	held.Wait()
	must(t, errors.Join(errs...))
	for i := range 16 {
		want := 50
		if i < 3 {
			want = 3
		}
		if got := number(t, s, key(fmt.Sprint("k", i))); got != want {
			t.Errorf("k%d is %d, want %d", i, got, want)
		}
	}
}

// One that waits in vain is told so in time, and has changed nothing.
func TestHeldTooLong(t *testing.T) {
	rawURL := newURL(t, "timeout=1s")
	s := open(t, rawURL)
	put(t, s, key("a"), `0`)
	conn := bare(t, rawURL)
	tx, err := conn.Begin(t.Context())
	must(t, err)
	_, err = tx.Exec(t.Context(), "SELECT FROM holdfast FOR UPDATE")
	must(t, err)
	began := time.Now()
	err = s.Put(t.Context(), key("a"), []byte(`1`))
	if err == nil || errors.Is(err, driver.ErrUnknown) || !strings.Contains(err.Error(), "timeout") {
		t.Errorf("Put: %v", err)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("it took %v to give up", took)
	}
	must(t, tx.Rollback(t.Context()))
	if got := number(t, s, key("a")); got != 0 {
		t.Errorf("it is %d", got)
	}
}

// Those that change the same values in another order all come through.
func TestOppositeOrder(t *testing.T) {
	rawURL := newURL(t, "timeout=1m")
	stores := []interface {
		driver.Store
		driver.Applier
	}{open(t, rawURL), open(t, rawURL)}
	var all sync.WaitGroup
	errs := make([]error, 16)
	for i := range errs {
		all.Go(func() {
			for n := range 20 {
				var ops []driver.Op
				for j := range 6 {
					at := j
					if i%2 == 0 {
						at = 5 - j
					}
					ops = append(ops, driver.Op{Key: key(fmt.Sprint("k", at)), Data: []byte(fmt.Sprint(i)), Delete: n%5 == 4})
				}
				errs[i] = errors.Join(errs[i], stores[i%2].Apply(context.Background(), nil, ops))
			}
		})
	}
	all.Wait()
	must(t, errors.Join(errs...))
}

// The server's limits are met before the contract's: a document that is nested
// as deep as the contract lets it be, and one as large.
func TestLargeAndDeep(t *testing.T) {
	s := open(t, newURL(t, ""))
	deep := strings.Repeat(`{"a":[`, 4999) + "1" + strings.Repeat(`]}`, 4999)
	put(t, s, key("deep"), deep)
	if got := string(get(t, s, key("deep")).Data); got != deep {
		t.Error("the deep one comes back as another one")
	}
	large := `"` + strings.Repeat("x", driver.MaxData-2) + `"`
	put(t, s, key("large"), large)
	if got := string(get(t, s, key("large")).Data); got != large {
		t.Error("the large one comes back as another one")
	}
}

// A value that the server cannot read does not harm those that are read with it.
func TestDamagedAmongOthers(t *testing.T) {
	rawURL := newURL(t, "pool_max_conns=2")
	s := open(t, rawURL)
	for i := range 32 {
		put(t, s, key(fmt.Sprint("k", i)), `1`)
	}
	damage(t, bare(t, rawURL), key("k7"))
	var all sync.WaitGroup
	for i := range 32 {
		all.Go(func() {
			for range 10 {
				_, err := s.Get(t.Context(), key(fmt.Sprint("k", i)))
				if i == 7 && !errors.Is(err, driver.ErrDamaged) || i != 7 && err != nil {
					t.Errorf("k%d: %v", i, err)
				}
			}
		})
	}
	all.Wait()
}
