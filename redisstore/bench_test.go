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
)

// Each benchmark runs the store and the bare client in turns within one run, over
// the same socket to the same server that flushes before it answers, and tells
// how many times as long the store takes: below 1 it is faster.
//
//	go test -run '^$' -bench . ./redisstore

const (
	benchKeys = 1000
	rounds    = 64 // of each
)

var entity400 = []byte(fmt.Sprintf(`{"symbol":"BTCUSDT","note":"%s"}`, strings.Repeat("x", 366)))

func benchKey(i uint64) driver.Key {
	return driver.Key{Entity: "signal/strategy-a", ID: fmt.Sprintf("SYM%03d", i%benchKeys)}
}

// bareKey is where the bare client puts the same.
func bareKey(i uint64) string { return "bare:" + benchKey(i).ID }

func BenchmarkPut(b *testing.B) {
	compare(b, func(ctx context.Context, c *redis.Client, i uint64) error {
		return c.Set(ctx, bareKey(i), entity400, 0).Err()
	}, func(ctx context.Context, s driver.Store, i uint64) error { return s.Put(ctx, benchKey(i), entity400) })
}

func BenchmarkGet(b *testing.B) {
	compare(b, func(ctx context.Context, c *redis.Client, i uint64) error {
		_, err := c.Get(ctx, bareKey(i)).Bytes()
		return err
	}, func(ctx context.Context, s driver.Store, i uint64) error {
		_, err := s.Get(ctx, benchKey(i))
		return err
	})
}

// Three values change together, as in a tick: by MULTI and EXEC on the other side.
func BenchmarkApply(b *testing.B) {
	compare(b, func(ctx context.Context, c *redis.Client, i uint64) error {
		_, err := c.TxPipelined(ctx, func(p redis.Pipeliner) error {
			for n := range uint64(3) {
				p.Set(ctx, bareKey(i+n), entity400, 0)
			}
			return nil
		})
		return err
	}, func(ctx context.Context, s driver.Store, i uint64) error {
		ops := make([]driver.Op, 3)
		for n := range ops {
			ops[n] = driver.Op{Key: benchKey(i + uint64(n)), Data: entity400}
		}
		return s.(driver.Applier).Apply(ctx, nil, ops)
	})
}

// The shortest script that puts three values under a condition, beside Apply.
var bareSwap = redis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('MSET', KEYS[1], ARGV[1], KEYS[2], ARGV[2], KEYS[3], ARGV[3])
return 1`)

func BenchmarkApplyUnderCondition(b *testing.B) {
	absent := []driver.Cond{{Key: driver.Key{Entity: "absent", ID: "x"}}}
	compare(b, func(ctx context.Context, c *redis.Client, i uint64) error {
		keys := []string{bareKey(i), bareKey(i + 1), bareKey(i + 2)}
		return bareSwap.Run(ctx, c, keys, entity400, entity400, entity400).Err()
	}, func(ctx context.Context, s driver.Store, i uint64) error {
		ops := make([]driver.Op, 3)
		for n := range ops {
			ops[n] = driver.Op{Key: benchKey(i + uint64(n)), Data: entity400}
		}
		return s.(driver.Applier).Apply(ctx, absent, ops)
	})
}

func compare(b *testing.B, bare func(context.Context, *redis.Client, uint64) error, ours func(context.Context, driver.Store, uint64) error) {
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			r := testserver.StartRedis(b)
			s := open(b, "redis+unix://"+r.Socket)
			c := redis.NewClient(&redis.Options{Network: "unix", Addr: r.Socket, PoolSize: callers, Protocol: 2})
			b.Cleanup(func() { c.Close() })
			for i := range uint64(benchKeys) {
				must(b, s.Put(b.Context(), benchKey(i), entity400))
				must(b, c.Set(b.Context(), bareKey(i), entity400, 0).Err())
			}
			var took [2]time.Duration
			ratios := make([]float64, rounds)
			n := max(uint64(b.N)/rounds, uint64(callers))
			b.ResetTimer()
			for i := range ratios {
				one := drive(b, callers, n, func(i uint64) error { return bare(b.Context(), c, i) })
				two := drive(b, callers, n, func(i uint64) error { return ours(b.Context(), s, i) })
				took[0], took[1] = took[0]+one, took[1]+two
				ratios[i] = two.Seconds() / one.Seconds()
			}
			slices.Sort(ratios)
			total := float64(n * rounds)
			b.ReportMetric(took[0].Seconds()*1e6/total, "bare-µs/op")
			b.ReportMetric(took[1].Seconds()*1e6/total, "ours-µs/op")
			b.ReportMetric(ratios[rounds/2], "median-ratio")
			b.ReportMetric(0, "ns/op") // of both together: it says nothing
		})
	}
}

// drive makes n calls from so many goroutines, and tells how long they took.
func drive(b *testing.B, callers int, n uint64, call func(i uint64) error) time.Duration {
	var next atomic.Uint64
	var wg sync.WaitGroup
	start := time.Now()
	for range callers {
		wg.Go(func() {
			for i := next.Add(1); i <= n; i = next.Add(1) {
				if err := call(i * 7); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return time.Since(start)
}
