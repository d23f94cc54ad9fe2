package redisstore_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/internal/testserver"
	"github.com/holdfast-go/holdfast/redisstore"
)

func named(id string) driver.Key { return driver.Key{Entity: btc.Entity, ID: id} }

// step is what one of many callers does, and what he is told.
type step struct {
	name string
	do   func() error
	want error
}

// mixed are puts, runs of the script and new values of many callers. There are
// "swapped" in the revision rev, "gone", a list under "list", and the mark alone
// of "marked".
func mixed(t *testing.T, s *redisstore.Store, rev string) []step {
	apply := func(conds []driver.Cond, ids ...string) func() error {
		var ops []driver.Op
		for _, id := range ids {
			ops = append(ops, driver.Op{Key: named(id), Data: fmt.Appendf(nil, "%q", id)})
		}
		return func() error { return s.Apply(t.Context(), conds, ops) }
	}
	create := func(ids ...string) func() error {
		var conds []driver.Cond
		for _, id := range ids {
			conds = append(conds, driver.Cond{Key: named(id)})
		}
		return apply(conds, ids...)
	}
	remove := func(id string) func() error { return func() error { return s.Delete(t.Context(), named(id)) } }
	swap := apply([]driver.Cond{{Key: named("swapped"), Rev: rev}}, "swapped")
	return []step{
		{"the first of two new values", create("a0", "a1", "a2"), nil},
		{"a swap", swap, nil},
		{"a put", apply(nil, "p0"), nil},
		{"a new value that is made just before", create("a2", "a3"), driver.ErrConflict},
		{"other new values", create("d0", "d1"), nil},
		{"a removal", remove("gone"), nil},
		{"a swap that comes late", swap, driver.ErrConflict},
		{"new values beside a list", create("b0", "list"), driver.ErrDamaged},
		{"puts", apply(nil, "p1", "p2"), nil},
		{"another removal", remove("gone"), driver.ErrNotFound},
		{"new values beside a mark", create("c0", "marked"), nil},
		{"one new value", create("one"), nil},
	}
}

const mixedChanges = 3 + 1 + 1 + 1 + 2 + 2 + 1 + 2

// In one transaction of puts, scripts and new values each caller is told what
// became of his own, whether the server answers, knows the script, or neither.
func TestMixedBatch(t *testing.T) {
	r := testserver.StartRedis(t)
	other := client(t, r)
	for name, v := range map[string]verdict{"answered": pass, "request lost": dropIt, "answer lost": dropAnswer} {
		for _, known := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, script known %v", name, known), func(t *testing.T) {
				must(t, other.FlushAll(t.Context()).Err())
				p := startProxy(t, r)
				s := open(t, p.url()+"?writers=1&timeout=1m")
				for _, id := range []string{"swapped", "gone", "marked"} {
					must(t, s.Put(t.Context(), named(id), []byte(`0`)))
				}
				must(t, other.Del(t.Context(), btc.Entity+":marked").Err())
				must(t, other.LPush(t.Context(), btc.Entity+":list", "x").Err())
				if err := s.Delete(t.Context(), named("absent")); !errors.Is(err, driver.ErrNotFound) {
					t.Fatal(err)
				}
				if !known {
					must(t, other.ScriptFlush(t.Context()).Err())
				}
				must(t, other.ConfigResetStat(t.Context()).Err())
				before := told(t, other)
				together(t, r, p, v, s, mixed(t, s, wantValue(t, s, named("swapped"), `0`).Rev))
				judgeMixed(t, s, other)
				if n := told(t, other) - before; n != 1+mixedChanges {
					t.Errorf("%d changes were told %d times", 1+mixedChanges, n)
				}
				stats := other.Info(t.Context(), "errorstats").Val()
				if strings.Contains(stats, "NOSCRIPT") == known {
					t.Errorf("the server has answered: %s", stats)
				}
			})
		}
	}
}

// together has all steps go in one transaction.
func together(t *testing.T, r *testserver.Redis, p *proxy, v verdict, s *redisstore.Store, steps []step) {
	t.Helper()
	var were atomic.Bool
	p.breaks(v, func(m []byte) bool {
		all := bytes.Contains(m, []byte("\r\nMSET\r\n")) && bytes.Contains(m, []byte("EVALSHA")) &&
			bytes.Count(m, []byte("MSETNX\r\n")) == 5
		if all {
			were.Store(true)
		}
		return all
	})
	calls := []func() error{func() error { return s.Put(t.Context(), named("first"), []byte(`1`)) }}
	for _, x := range steps {
		calls = append(calls, x.do)
	}
	hang(t, r)
	errs := queue(t, s, calls...)
	resume(r)
	must(t, <-errs[0])
	for i, x := range steps {
		if err := <-errs[1+i]; !errors.Is(err, x.want) {
			t.Errorf("%s: %v, want %v", x.name, err, x.want)
		}
	}
	if !were.Load() {
		t.Error("they did not go together")
	}
}

func judgeMixed(t *testing.T, s *redisstore.Store, other *redis.Client) {
	t.Helper()
	for _, id := range strings.Fields("a0 a1 a2 swapped p0 p1 p2 c0 marked one d0 d1") {
		wantValue(t, s, named(id), fmt.Sprintf("%q", id))
	}
	for _, id := range strings.Fields("a3 b0 gone") {
		if has, err := s.Has(t.Context(), named(id)); has || err != nil {
			t.Errorf("%s: %v, %v", id, has, err)
		}
	}
	if kind := other.Type(t.Context(), btc.Entity+":list").Val(); kind != "list" {
		t.Errorf("the list is a %s", kind)
	}
}
