package redisstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/internal/testserver"
)

// queue has calls wait behind one that the server does not answer, and returns
// when all do. The store has one connection for changes.
func queue(t *testing.T, s interface{ Writing() (int, bool) }, calls ...func() error) (errs []chan error) {
	t.Helper()
	for i, call := range calls {
		done := make(chan error, 1)
		go func() { done <- call() }()
		eventually(t, "a call that waits", func() bool {
			queued, idle := s.Writing()
			return queued == i && !idle // the first has the connection
		})
		errs = append(errs, done)
	}
	return errs
}

// Calls that go together see what those before them have done: of those with the
// same condition one succeeds, and what is removed is absent for the next.
func TestOneBatch(t *testing.T) {
	r := testserver.StartRedis(t)
	s := open(t, r.URL("writers=1&timeout=1m"))
	must(t, s.Put(t.Context(), btc, []byte(`0`)))
	rev := wantValue(t, s, btc, `0`).Rev
	swap := func(rev, data string) func() error {
		return func() error {
			return s.Apply(t.Context(), []driver.Cond{{Key: btc, Rev: rev}}, []driver.Op{{Key: btc, Data: []byte(data)}})
		}
	}
	remove := func() error { return s.Delete(t.Context(), btc) }
	hang(t, r)
	errs := queue(t, s,
		func() error { return s.Put(t.Context(), driver.Key{Entity: "e", ID: "first"}, []byte(`1`)) },
		swap(rev, `1`), swap(rev, `2`), remove, remove, swap("", `3`), swap("", `4`), remove, swap(rev, `5`), swap("", `6`))
	resume(r)
	want := []error{nil, nil, driver.ErrConflict, nil, driver.ErrNotFound, nil, driver.ErrConflict, nil, driver.ErrConflict, nil}
	for i, done := range errs {
		if err := <-done; !errors.Is(err, want[i]) {
			t.Errorf("call %d: %v, want %v", i, err, want[i])
		}
	}
	wantValue(t, s, btc, `6`)
}

// When all callers of a batch have left, nobody waits for its answer any more.
func TestBatchThatAllHaveLeft(t *testing.T) {
	r := testserver.StartRedis(t)
	p := startProxy(t, r)
	s := open(t, p.url()+"?writers=1&timeout=1h")
	must(t, s.Put(t.Context(), btc, []byte(`0`)))
	sent := make(chan struct{})
	p.breaks(pass, func(m []byte) bool {
		if !bytes.Contains(m, []byte("e:k1")) || !bytes.Contains(m, []byte("e:k2")) {
			return false
		}
		hang(t, r)
		close(sent)
		return true
	})
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	put := func(ctx context.Context, id string) func() error {
		return func() error { return s.Put(ctx, driver.Key{Entity: "e", ID: id}, []byte(`1`)) }
	}
	hang(t, r)
	errs := queue(t, s, put(t.Context(), "first"), put(ctx, "k1"), put(ctx, "k2"))
	resume(r)
	must(t, <-errs[0])
	<-sent
	leave()
	for i, done := range errs[1:] {
		if err := <-done; !errors.Is(err, driver.ErrUnknown) || !errors.Is(err, context.Canceled) {
			t.Errorf("caller %d: %v", i, err)
		}
	}
	eventually(t, "a free connection while the server hangs", func() bool {
		_, idle := s.Writing()
		return idle
	})
	resume(r)
	must(t, s.Put(t.Context(), btc, []byte(`2`)))
	wantValue(t, s, btc, `2`)
}

// Many conditional changes of many values, together and apart.
func TestBatchesUnderConditions(t *testing.T) {
	r := testserver.StartRedis(t)
	s := open(t, r.URL(""))
	const writers, turns = 16, 20
	done := make(chan error, writers)
	for w := range writers {
		go func() {
			k, rev := driver.Key{Entity: "e", ID: fmt.Sprint(w)}, ""
			for n := range turns {
				err := s.Apply(t.Context(), []driver.Cond{{Key: k, Rev: rev}}, []driver.Op{{Key: k, Data: fmt.Append(nil, n)}})
				rec, got := s.Get(t.Context(), k)
				if rev = rec.Rev; err != nil || got != nil || string(rec.Data) != fmt.Sprint(n) {
					done <- fmt.Errorf("turn %d: %w, %w, %s", n, err, got, rec.Data)
					return
				}
			}
			done <- nil
		}()
	}
	for range writers {
		must(t, <-done)
	}
}
