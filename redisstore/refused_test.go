package redisstore_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/internal/testserver"
)

// A server that has become a replica is left: behind its name there may be
// another one by now.
func TestServerThatWasReplaced(t *testing.T) {
	old, now := testserver.StartRedis(t), testserver.StartRedis(t)
	p := startProxy(t, old)
	s := open(t, p.url())
	must(t, s.Put(t.Context(), btc, []byte(`0`)))
	host, port, _ := strings.Cut(now.Addr, ":")
	must(t, client(t, old).Do(t.Context(), "REPLICAOF", host, port).Err())
	p.leadTo(now)
	if err := s.Put(t.Context(), btc, []byte(`1`)); !errors.Is(err, driver.ErrReadOnly) {
		t.Errorf("Put to a replica: %v", err)
	}
	must(t, s.Put(t.Context(), btc, []byte(`2`)))
	if got := client(t, now).Get(t.Context(), btc.Entity+":"+btc.ID).Val(); got != `2` {
		t.Errorf("the new master has %q", got)
	}
}

// A transaction that is answered with fewer answers than it has commands, or a
// look at it is, has been told nothing of.
func TestTooFewAnswers(t *testing.T) {
	r := testserver.StartRedis(t)
	p := startProxy(t, r)
	s := open(t, p.url())
	must(t, s.Put(t.Context(), btc, []byte(`0`)))
	queued := "+OK\r\n" + strings.Repeat("+QUEUED\r\n", 3)
	for _, exec := range []string{"*0\r\n", "*1\r\n+OK\r\n", "*4\r\n" + strings.Repeat("+OK\r\n", 4)} {
		before := told(t, client(t, r))
		p.answers(queued+exec+"+OK\r\n", func(m []byte) bool {
			if !isPut(m) {
				return false
			}
			go p.answers(queued+exec+"+OK\r\n", isLook)
			return true
		})
		must(t, s.Put(t.Context(), btc, []byte(`1`)))
		if n := told(t, client(t, r)) - before; n != 1 {
			t.Errorf("%q: a change was made %d times", exec, n)
		}
	}
	if n := len(p.broken); n < 3 {
		t.Errorf("only %d answers were false", n)
	}
}

// So is a check that is answered with fewer values than it asks for.
func TestTooFewValues(t *testing.T) {
	p := startProxy(t, testserver.StartRedis(t))
	s := open(t, p.url())
	must(t, s.Put(t.Context(), btc, []byte(`1`)))
	p.answers("*1\r\n$1\r\n1\r\n", func(m []byte) bool { return bytes.Contains(bytes.ToUpper(m), []byte("MGET")) })
	if report, err := s.Check(t.Context(), nil); err == nil {
		t.Errorf("it has found %+v", report)
	}
}

// What nobody has asked for answers no later question.
func TestAnswerTooMany(t *testing.T) {
	r := testserver.StartRedis(t)
	p := startProxy(t, r)
	s := open(t, p.url()+"?readers=1")
	other := driver.Key{Entity: "e", ID: "other"}
	must(t, s.Put(t.Context(), btc, []byte(`1`)))
	must(t, s.Put(t.Context(), other, []byte(`2`)))
	wantValue(t, s, btc, `1`)
	p.answers(strings.Repeat("*2\r\n$1\r\n1\r\n$-1\r\n", 2), func(m []byte) bool { return bytes.Contains(m, []byte("MGET")) })
	wantValue(t, s, btc, `1`)
	wantValue(t, s, other, `2`)
}

// user makes a user who may do all, and returns a client to change that with.
func user(t *testing.T, r *testserver.Redis) *redis.Client {
	t.Helper()
	c := client(t, r)
	must(t, c.ACLSetUser(t.Context(), "trader", "on", ">old-secret", "~*", "&*", "+@all").Err())
	return c
}

// Who is not let in any more is told so at once, and not the password.
func TestRefusedGreeting(t *testing.T) {
	r := testserver.StartRedis(t)
	c := user(t, r)
	s := open(t, "redis://trader:old-secret@"+r.Addr+"/0?timeout=3s")
	must(t, s.Put(t.Context(), btc, []byte(`1`)))
	must(t, c.ACLSetUser(t.Context(), "trader", "resetpass", ">new-secret").Err())
	must(t, c.ClientKillByFilter(t.Context(), "USER", "trader").Err())
	for name, call := range calls(s) {
		err := call(t.Context())
		if !redis.HasErrorPrefix(err, "WRONGPASS") || errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Without MULTI the server makes the changes one by one: that they were not made
// cannot be said.
func TestTransactionThatIsNone(t *testing.T) {
	r := testserver.StartRedis(t)
	c := user(t, r)
	s := open(t, "redis://trader:old-secret@"+r.Addr+"/0")
	must(t, s.Put(t.Context(), btc, []byte(`1`)))
	must(t, c.ACLSetUser(t.Context(), "trader", "-multi").Err())
	if err := s.Put(t.Context(), btc, []byte(`2`)); !errors.Is(err, driver.ErrUnknown) || !strings.Contains(err.Error(), "NOPERM") {
		t.Errorf("Put: %v", err)
	}
	must(t, c.ACLSetUser(t.Context(), "trader", "+multi").Err())
	must(t, s.Put(t.Context(), btc, []byte(`3`)))
	wantValue(t, s, btc, `3`)
}
