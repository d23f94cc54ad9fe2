package redisstore_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/internal/testserver"
	"github.com/holdfast-go/holdfast/redisstore"
)

// BenchmarkBeside runs the store and the bare client in turns within one run, over
// the same socket to the same server that flushes before it answers. "ratio" is
// how many times as long the store takes, the median of the rounds: below 1 it is
// faster. The bare client does what one would write without the store: SET, GET,
// three SETs in MULTI, and the shortest script that sets three values, with new
// revisions beside them, if the revision of a fourth is what it should be; and
// with "no-revisions", one that compares the value itself and keeps none. Where a
// name ends in "same", it sends what the store sends: MGET of value and revision,
// and the store's own script with the same words.
//
//	go test -run '^$' -bench Beside -benchtime 5000x ./redisstore

const (
	benchKeys = 1000
	rounds    = 64 // of each
)

var entity400 = []byte(fmt.Sprintf(`{"symbol":"BTCUSDT","note":"%s"}`, strings.Repeat("x", 366)))

func benchKey(i uint64) driver.Key {
	return driver.Key{Entity: "signal/strategy-a", ID: benchIDs[i%benchKeys]}
}

var benchIDs = func() (ids [benchKeys]string) {
	for i := range ids {
		ids[i] = fmt.Sprintf("SYM%03d", i)
	}
	return ids
}()

// bareKey is where the bare client puts the same.
func bareKey(i uint64) string { return "bare:" + benchKey(i).ID }

// work is done by the bare client and by the store.
type work struct {
	name string
	bare func(ctx context.Context, c *redis.Client, i uint64) error
	ours func(ctx context.Context, s driver.Store, i uint64) error
}

func BenchmarkBeside(b *testing.B) {
	for _, w := range []work{
		{"Put", func(ctx context.Context, c *redis.Client, i uint64) error {
			return c.Set(ctx, bareKey(i), entity400, 0).Err()
		}, func(ctx context.Context, s driver.Store, i uint64) error { return s.Put(ctx, benchKey(i), entity400) }},
		{"Get", func(ctx context.Context, c *redis.Client, i uint64) error {
			_, err := c.Get(ctx, bareKey(i)).Bytes()
			return err
		}, oursGet},
		{"Get,same", func(ctx context.Context, c *redis.Client, i uint64) error {
			k := benchKey(i)
			return c.MGet(ctx, k.Entity+":"+k.ID, ":rev:"+k.Entity+":"+k.ID).Err()
		}, oursGet},
		{"Apply", bareMulti, func(ctx context.Context, s driver.Store, i uint64) error {
			return s.(driver.Applier).Apply(ctx, nil, threeOps(i))
		}},
		{"Apply,condition", bareRevisions, oursUnderCondition},
		{"Apply,condition,no-revisions", bareScript, oursUnderCondition},
		{"Apply,condition,same", bareSame, oursUnderCondition},
	} {
		for _, callers := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/%d", w.name, callers), func(b *testing.B) { w.compare(b, callers) })
		}
	}
}

func oursGet(ctx context.Context, s driver.Store, i uint64) error {
	_, err := s.Get(ctx, benchKey(i))
	return err
}

// threeOps change together, as in a tick.
func threeOps(i uint64) []driver.Op {
	ops := make([]driver.Op, 3)
	for n := range ops {
		ops[n] = driver.Op{Key: benchKey(i + uint64(n)), Data: entity400}
	}
	return ops
}

func bareMulti(ctx context.Context, c *redis.Client, i uint64) error {
	_, err := c.TxPipelined(ctx, func(p redis.Pipeliner) error {
		for n := range uint64(3) {
			p.Set(ctx, bareKey(i+n), entity400, 0)
		}
		return nil
	})
	return err
}

var bareSwap = redis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return redis.error_reply('conflict') end
redis.call('MSET', KEYS[2], ARGV[2], KEYS[3], ARGV[3], KEYS[4], ARGV[4])
return 1`)

func bareScript(ctx context.Context, c *redis.Client, i uint64) error {
	keys := []string{bareKey(held), bareKey(i), bareKey(i + 1), bareKey(i + 2)}
	return bareSwap.Run(ctx, c, keys, entity400, entity400, entity400, entity400).Err()
}

// held is the number of the value on which there is a condition.
const held = benchKeys - 1

var bareSwapRevisions = redis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return redis.error_reply('conflict') end
redis.call('MSET', unpack(ARGV, 2))
return 1`)

func bareRevisions(ctx context.Context, c *redis.Client, i uint64) error {
	keys, args := []string{"rev:" + bareKey(held)}, []any{"0"}
	for n := range uint64(3) {
		key := bareKey(i + n)
		keys = append(keys, key, "rev:"+key)
		args = append(args, key, entity400, "rev:"+key, i)
	}
	return bareSwapRevisions.Run(ctx, c, keys, args...).Err()
}

func bareSame(ctx context.Context, c *redis.Client, i uint64) error {
	keys, args := conditions.store.ApplyWords("bare:marker", conditions.conds, threeOps(i))
	answer, err := applySame.Run(ctx, c, keys, args...).Slice()
	if err == nil && answer[0] != int64(0) {
		err = fmt.Errorf("the script answers %v", answer)
	}
	return err
}

var applySame = redis.NewScript(redisstore.ApplySource)

// conditions are those of the benchmark that runs.
var conditions struct {
	store *redisstore.Store
	conds []driver.Cond
}

func oursUnderCondition(ctx context.Context, s driver.Store, i uint64) error {
	return s.(driver.Applier).Apply(ctx, conditions.conds, threeOps(i))
}

func (w work) compare(b *testing.B, callers int) {
	// No rewriting of the log in the background: it would fall on whose turn it is.
	r := testserver.StartRedis(b, "--auto-aof-rewrite-percentage", "0")
	s := open(b, "redis+unix://"+r.Socket)
	c := redis.NewClient(&redis.Options{Network: "unix", Addr: r.Socket, PoolSize: callers, Protocol: 2})
	b.Cleanup(func() { c.Close() })
	for i := range uint64(benchKeys) {
		must(b, s.Put(b.Context(), benchKey(i), entity400))
		must(b, c.MSet(b.Context(), bareKey(i), entity400, "rev:"+bareKey(i), "0").Err())
	}
	rec, err := s.Get(b.Context(), benchKey(held))
	must(b, err)
	conditions.store, conditions.conds = s, []driver.Cond{{Key: rec.Key, Rev: rec.Rev}}
	var took [2]time.Duration
	ratios := make([]float64, rounds)
	n := max(uint64(b.N)/rounds, 16*uint64(callers)) // so that callers meet
	b.ResetTimer()
	for i := range ratios {
		var now [2]time.Duration
		for turn := range 2 {
			which := (i + turn) % 2 // each is first as often as the other
			now[which] = drive(b, callers, n, func(i uint64) error {
				if which == 0 {
					return w.bare(b.Context(), c, i)
				}
				return w.ours(b.Context(), s, i)
			})
			took[which] += now[which]
		}
		ratios[i] = now[1].Seconds() / now[0].Seconds()
	}
	slices.Sort(ratios)
	total := float64(n * rounds)
	b.ReportMetric(took[0].Seconds()*1e6/total, "bare-µs/op")
	b.ReportMetric(took[1].Seconds()*1e6/total, "ours-µs/op")
	b.ReportMetric(ratios[rounds/2], "ratio")
	b.ReportMetric(0, "ns/op") // of both together: it says nothing
}

// drive makes n calls from so many goroutines, and tells how long they took.
func drive(b *testing.B, callers int, n uint64, call func(i uint64) error) time.Duration {
	var next atomic.Uint64
	var wg sync.WaitGroup
	start := time.Now()
	for range callers {
		wg.Go(func() {
			for i := next.Add(1); i <= n; i = next.Add(1) {
				if err := call(i * 7 % (held - 2)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return time.Since(start)
}
