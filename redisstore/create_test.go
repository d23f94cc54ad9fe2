package redisstore_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/internal/testserver"
)

// creations are three values that must not be there yet.
func creations(data string) (conds []driver.Cond, ops []driver.Op) {
	for i := range 3 {
		k := driver.Key{Entity: btc.Entity, ID: fmt.Sprint("new", i)}
		conds, ops = append(conds, driver.Cond{Key: k}), append(ops, driver.Op{Key: k, Data: []byte(data)})
	}
	return conds, ops
}

// A batch of new values whose request or answer is lost is made once, and told
// of once; what is refused is not told of.
func TestLostCreations(t *testing.T) {
	r := testserver.StartRedis(t)
	other := client(t, r)
	for name, v := range map[string]verdict{"request": dropIt, "answer": dropAnswer} {
		for _, looks := range []verdict{pass, dropIt, dropAnswer} {
			t.Run(fmt.Sprint(name, looks), func(t *testing.T) {
				must(t, other.FlushAll(t.Context()).Err())
				p := startProxy(t, r)
				s, x := open(t, p.url()), breaker{p, v, looks}
				conds, ops := creations(`1`)
				x.next(isScript)
				must(t, s.Apply(t.Context(), conds, ops))
				_, others := creations(`2`)
				x.next(isScript)
				if err := s.Apply(t.Context(), conds, others); !errors.Is(err, driver.ErrConflict) {
					t.Errorf("once more: %v", err)
				}
				for _, op := range ops {
					wantValue(t, s, op.Key, `1`)
				}
				if n := told(t, other); n != len(ops) {
					t.Errorf("%d changes were told %d times", len(ops), n)
				}
				if n := len(p.broken); n < 2 {
					t.Errorf("only %d messages were lost", n)
				}
			})
		}
	}
}

// Where one is there nothing is made or told of, whatever it is; the mark of a
// value that others have removed is none.
func TestCreationsBesideOthers(t *testing.T) {
	r := testserver.StartRedis(t)
	s, other, ctx := open(t, r.URL("")), client(t, r), t.Context()
	conds, ops := creations(`1`)
	key := btc.Entity + ":" + ops[1].Key.ID
	refused := func(what string, want error) {
		t.Helper()
		before := told(t, other)
		if err := s.Apply(ctx, conds, ops); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", what, err, want)
		}
		if has, err := s.Has(ctx, ops[0].Key); has || err != nil || told(t, other) != before {
			t.Errorf("%s: something was made or told of: %v, %v", what, has, err)
		}
		must(t, other.Del(ctx, key).Err())
	}
	must(t, other.Set(ctx, key, `"theirs"`, 0).Err())
	refused("a string of others", driver.ErrConflict)
	must(t, other.Set(ctx, key, `{"cut":`, 0).Err())
	refused("no JSON", driver.ErrDamaged)
	must(t, other.LPush(ctx, key, "x").Err())
	refused("a list", driver.ErrDamaged)

	must(t, s.Put(ctx, ops[1].Key, []byte(`0`)))
	must(t, other.Del(ctx, key).Err())
	if other.Exists(ctx, ":rev:"+key).Val() != 1 {
		t.Fatal("no mark is left")
	}
	before := told(t, other)
	must(t, s.Apply(ctx, conds, ops))
	for _, op := range ops {
		wantValue(t, s, op.Key, `1`)
	}
	if n := told(t, other) - before; n != len(ops) {
		t.Errorf("%d changes were told %d times", len(ops), n)
	}
}

// Of several new values of one key the last counts.
func TestCreationsOfOneKey(t *testing.T) {
	s, ctx := open(t, testserver.StartRedis(t).URL("")), t.Context()
	for name, order := range map[string][]int{"last": {0, 1, 0}, "first": {0, 0, 1}, "alone": {0, 0}} {
		conds, ops := []driver.Cond(nil), []driver.Op(nil)
		for i, n := range order {
			k := driver.Key{Entity: btc.Entity, ID: fmt.Sprint(name, n)}
			conds, ops = append(conds, driver.Cond{Key: k}), append(ops, driver.Op{Key: k, Data: fmt.Append(nil, i)})
		}
		must(t, s.Apply(ctx, conds, ops))
		last := map[driver.Key]int{}
		for i, op := range ops {
			last[op.Key] = i
		}
		for k, i := range last {
			wantValue(t, s, k, fmt.Sprint(i))
		}
		if err := s.Apply(ctx, conds, ops); !errors.Is(err, driver.ErrConflict) {
			t.Errorf("%s: once more: %v", name, err)
		}
	}
}
