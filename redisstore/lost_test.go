package redisstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/internal/testserver"
	"github.com/holdfast-go/holdfast/redisstore"
)

func isPut(message []byte) bool    { return bytes.Contains(message, []byte("MSET")) }
func isScript(message []byte) bool { return bytes.Contains(message, []byte("EVAL")) }
func isLook(message []byte) bool   { return bytes.Contains(message, []byte("APPEND")) }

// told is how many changes have been made, ever.
func told(t *testing.T, c *redis.Client) int {
	t.Helper()
	entries, err := c.XRange(t.Context(), ":log", "-", "+").Result()
	must(t, err)
	n := 0
	for _, e := range entries {
		n += len(e.Values)
	}
	return n
}

// A change whose answer, or whose request, is lost is made once, and no error
// tells of it; so is one where the answer to the look at it is lost as well.
func TestLostMessage(t *testing.T) {
	r := testserver.StartRedis(t)
	other := client(t, r)
	for name, v := range map[string]verdict{"request": dropIt, "answer": dropAnswer} {
		for _, looks := range []verdict{pass, dropIt, dropAnswer} {
			t.Run(fmt.Sprint(name, looks), func(t *testing.T) {
				must(t, other.FlushAll(t.Context()).Err())
				p := startProxy(t, r)
				s := open(t, p.url())
				must(t, s.Put(t.Context(), btc, []byte(`0`)))
				x := breaker{p, v, looks}
				x.next(isPut)
				must(t, s.Put(t.Context(), btc, []byte(`1`)))
				rev := wantValue(t, s, btc, `1`).Rev
				x.next(isScript)
				must(t, s.Apply(t.Context(), []driver.Cond{{Key: btc, Rev: rev}}, []driver.Op{{Key: btc, Data: []byte(`2`)}}))
				wantValue(t, s, btc, `2`)
				x.next(isScript)
				must(t, s.Delete(t.Context(), btc))
				if n := told(t, other); n != 4 {
					t.Errorf("4 changes were made %d times", n)
				}
				x.next(isScript)
				if err := s.Delete(t.Context(), btc); !errors.Is(err, driver.ErrNotFound) {
					t.Errorf("Delete of what is absent: %v", err)
				}
				x.next(isScript)
				err := s.Apply(t.Context(), []driver.Cond{{Key: btc, Rev: rev}}, []driver.Op{{Key: btc, Data: []byte(`3`)}})
				if !errors.Is(err, driver.ErrConflict) {
					t.Errorf("Apply under a false condition: %v", err)
				}
				if n := len(p.broken); n < 5 {
					t.Errorf("only %d messages were lost", n)
				}
			})
		}
	}
}

// breaker breaks a message, and then the look at what became of it.
type breaker struct {
	p           *proxy
	first, look verdict
}

func (x breaker) next(has func([]byte) bool) {
	x.p.breaks(x.first, func(m []byte) bool {
		if !has(m) {
			return false
		}
		if x.look != pass {
			// Called with the lock: the next judge is set after this one is taken away.
			go x.p.breaks(x.look, isLook)
		}
		return true
	})
}

// What somebody else has put since is not put away by making the change again.
func TestLostAnswerAndOvertaken(t *testing.T) {
	r := testserver.StartRedis(t)
	p := startProxy(t, r)
	s, rival := open(t, p.url()), open(t, r.URL(""))
	must(t, s.Put(t.Context(), btc, []byte(`0`)))
	p.breaks(dropAnswer, isPut)
	p.refuse(true)
	put := make(chan error, 1)
	go func() { put <- s.Put(t.Context(), btc, []byte(`"mine"`)) }()
	<-p.broken
	rev := wantValue(t, rival, btc, `"mine"`).Rev
	must(t, rival.Apply(t.Context(), []driver.Cond{{Key: btc, Rev: rev}}, []driver.Op{{Key: btc, Data: []byte(`"theirs"`)}}))
	p.refuse(false)
	must(t, <-put)
	wantValue(t, s, btc, `"theirs"`)
}

// A message that reaches the server after its sender has looked comes to nothing,
// however late it is.
func TestLateMessage(t *testing.T) {
	r := testserver.StartRedis(t)
	other := client(t, r)
	for name, has := range map[string]func([]byte) bool{"put": isPut, "script": isScript} {
		t.Run(name, func(t *testing.T) {
			must(t, other.FlushAll(t.Context()).Err())
			p := startProxy(t, r)
			s := open(t, p.url())
			must(t, s.Put(t.Context(), btc, []byte(`0`)))
			must(t, s.Apply(t.Context(), nil, []driver.Op{{Key: btc, Data: []byte(`1`)}, {Key: driver.Key{Entity: "e", ID: "x"}, Delete: true}}))
			p.breaks(holdIt, has)
			if name == "put" {
				must(t, s.Put(t.Context(), btc, []byte(`"once"`)))
			} else {
				must(t, s.Apply(t.Context(), nil, []driver.Op{{Key: btc, Data: []byte(`"once"`)}, {Key: driver.Key{Entity: "e", ID: "x"}, Delete: true}}))
			}
			must(t, s.Put(t.Context(), btc, []byte(`"later"`)))
			close(p.release)
			<-p.went
			wantValue(t, s, btc, `"later"`)
			if n := told(t, other); n != 4 {
				t.Errorf("4 changes were made %d times", n)
			}
		})
	}
}

// Who has given up has been told that the outcome is unknown; the next change of
// the same store sees to it that the one before does not come late.
func TestLateMessageOfOneWhoLeft(t *testing.T) {
	r := testserver.StartRedis(t)
	p := startProxy(t, r)
	s := open(t, p.url())
	must(t, s.Put(t.Context(), btc, []byte(`0`)))
	p.breaks(holdIt, isPut)
	p.refuse(true)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-p.broken; cancel() }()
	if err := s.Put(ctx, btc, []byte(`"left"`)); !errors.Is(err, driver.ErrUnknown) || !errors.Is(err, context.Canceled) {
		t.Errorf("Put: %v", err)
	}
	p.refuse(false)
	must(t, s.Put(t.Context(), btc, []byte(`"next"`)))
	close(p.release)
	<-p.went
	wantValue(t, s, btc, `"next"`)
}

// A server that has lost its memory cannot tell.
func TestUnknownAfterFlush(t *testing.T) {
	r := testserver.StartRedis(t)
	p := startProxy(t, r)
	s := open(t, p.url())
	must(t, s.Put(t.Context(), btc, []byte(`0`)))
	p.breaks(dropAnswer, isPut)
	p.refuse(true)
	put := make(chan error, 1)
	go func() { put <- s.Put(t.Context(), btc, []byte(`1`)) }()
	<-p.broken
	must(t, client(t, r).FlushAll(t.Context()).Err())
	p.refuse(false)
	if err := <-put; !errors.Is(err, driver.ErrUnknown) {
		t.Errorf("Put: %v", err)
	}
	must(t, s.Put(t.Context(), btc, []byte(`2`)))
	wantValue(t, s, btc, `2`)
}

// Where no answer can be had in time, it is unknown only what became of a change
// that was sent.
func TestOutOfTime(t *testing.T) {
	r := testserver.StartRedis(t)
	p := startProxy(t, r)
	s := open(t, p.url()+"?timeout=200ms")
	must(t, s.Put(t.Context(), btc, []byte(`0`)))
	p.breaks(dropAnswer, isPut)
	p.refuse(true)
	if err := s.Put(t.Context(), btc, []byte(`1`)); !errors.Is(err, driver.ErrUnknown) {
		t.Errorf("Put, sent: %v", err)
	}
	p.cut()
	for name, call := range calls(s) {
		err := call(t.Context())
		if err == nil || errors.Is(err, driver.ErrUnknown) || errors.Is(err, driver.ErrNotFound) || errors.Is(err, driver.ErrDamaged) {
			t.Errorf("%s, not sent: %v", name, err)
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s, not sent: %v", name, err)
		}
	}
}

// calls is one of each kind.
func calls(s *redisstore.Store) map[string]func(ctx context.Context) error {
	return map[string]func(ctx context.Context) error{
		"Put":    func(ctx context.Context) error { return s.Put(ctx, btc, []byte(`1`)) },
		"Delete": func(ctx context.Context) error { return s.Delete(ctx, btc) },
		"Clear":  func(ctx context.Context) error { return s.Clear(ctx, btc.Entity) },
		"Get":    func(ctx context.Context) error { _, err := s.Get(ctx, btc); return err },
		"Has":    func(ctx context.Context) error { _, err := s.Has(ctx, btc); return err },
		"Check":  func(ctx context.Context) error { _, err := s.Check(ctx, nil); return err },
		"IDs": func(ctx context.Context) error {
			for _, err := range s.IDs(ctx, btc.Entity) {
				return err
			}
			return nil
		},
	}
}

// A server that hangs holds up nobody longer than he wants: a cancelled context
// ends every call, with many others under way as well as alone.
func TestHangingServer(t *testing.T) {
	for _, beside := range []int{0, 8} {
		t.Run(fmt.Sprint(beside), func(t *testing.T) {
			r := testserver.StartRedis(t)
			s := open(t, r.URL("timeout=50s"))
			must(t, s.Put(t.Context(), btc, []byte(`0`)))
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error)
			hang(t, r)
			n := 0
			for range 1 + beside {
				for name, call := range calls(s) {
					n++
					go func() {
						err := call(ctx)
						if !errors.Is(err, context.Canceled) {
							err = fmt.Errorf("%s: %w", name, errors.Join(err, errors.New("not cancelled")))
						} else {
							err = nil
						}
						done <- err
					}()
				}
			}
			time.AfterFunc(20*time.Millisecond, cancel) // some have been sent, some are queued
			for range n {
				select {
				case err := <-done:
					if err != nil {
						t.Error(err)
					}
				case <-time.After(20 * time.Second):
					t.Fatal("a call goes on though it was cancelled")
				}
			}
			resume(r)
			must(t, s.Put(t.Context(), btc, []byte(`1`)))
			wantValue(t, s, btc, `1`)
		})
	}
}
