package filestore_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
)

// While ids come and go, so that the table of them grows and is full of graves,
// a reader always finds those that are there, and none that is not.
func TestJournalIDsComeAndGo(t *testing.T) {
	t.Parallel()
	s := journal(t, ramDir(t), nil)
	key := func(i int) driver.Key { return driver.Key{Entity: "e", ID: fmt.Sprint("ID", i)} }
	const steady, fleeting = 200, 4000
	for i := range steady {
		put(t, s, key(i), fmt.Sprint(i))
	}
	var over atomic.Bool
	var readers, writers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			rnd := rand.New(rand.NewPCG(1, 0))
			for !over.Load() {
				i := rnd.IntN(steady)
				if r, err := s.Get(t.Context(), key(i)); err != nil || string(r.Data) != fmt.Sprint(i) {
					t.Errorf("%v: %s, %v", key(i), r.Data, err)
					return
				}
			}
		})
	}
	for w := range 16 {
		writers.Go(func() {
			for i := steady + w; i < steady+fleeting; i += 16 {
				k := key(i)
				if err := errors.Join(s.Put(t.Context(), k, []byte(`1`)), s.Delete(t.Context(), k)); err != nil {
					t.Error(k, err)
				}
				if _, err := s.Get(t.Context(), k); !errors.Is(err, driver.ErrNotFound) {
					t.Errorf("%v, deleted: %v", k, err)
				}
				if i%4 == 0 {
					put(t, s, k, fmt.Sprint(i))
				}
			}
		})
	}
	writers.Wait()
	must(t, s.Flush(t.Context())) // what is deleted is known to the disk, and leaves the table
	over.Store(true)
	readers.Wait()
	if got := len(ids(t, s, "e")); got != steady+fleeting/4 {
		t.Errorf("%d ids", got)
	}
	for i := steady; i < steady+fleeting; i++ {
		if i%4 == 0 {
			wantValue(t, s, key(i), fmt.Sprint(i))
		} else {
			wantAbsent(t, s, key(i))
		}
	}
}
