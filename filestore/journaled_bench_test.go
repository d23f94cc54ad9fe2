package filestore_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
)

// keys of the benchmarks, made once: to format one costs more than to read it.
func benchKeys(n int) []driver.Key {
	keys := make([]driver.Key, n)
	for i := range keys {
		keys[i] = driver.Key{Entity: fmt.Sprintf("signal/strategy-%02d", i%20), ID: fmt.Sprintf("SYM%04dUSDT", i/20)}
	}
	return keys
}

func BenchmarkJournalPut(b *testing.B) {
	keys := benchKeys(1000)
	for _, writers := range []int{1, 64, 256} {
		b.Run(fmt.Sprintf("%d writers", writers), func(b *testing.B) {
			s := journal(b, b.TempDir(), nil)
			b.ReportAllocs()
			b.SetParallelism((writers + 1) / 2) // of two processors
			var next atomic.Int64
			b.RunParallel(func(pb *testing.PB) {
				if writers == 1 && next.Add(1) > 1 {
					return
				}
				for i := int(next.Add(31)); pb.Next(); i++ {
					if err := s.Put(b.Context(), keys[i%len(keys)], benchData); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

func BenchmarkJournalGet(b *testing.B) {
	s := journal(b, b.TempDir(), nil)
	put(b, s, btc, string(benchData))
	for _, readers := range []int{1, 8} {
		b.Run(fmt.Sprintf("%d readers", readers), func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism((readers + 1) / 2)
			var started atomic.Int64
			b.RunParallel(func(pb *testing.PB) {
				if readers == 1 && started.Add(1) > 1 {
					return
				}
				for pb.Next() {
					if _, err := s.Get(b.Context(), btc); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

func BenchmarkJournalUpdate(b *testing.B) {
	s := journal(b, b.TempDir(), nil)
	keys := benchKeys(4)
	b.ReportAllocs()
	for b.Loop() {
		var ops []driver.Op
		for _, k := range keys {
			ops = append(ops, driver.Op{Key: k, Data: benchData})
		}
		if err := s.Apply(b.Context(), nil, ops); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkJournalOpen(b *testing.B) {
	for _, n := range []int{1000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("%d values", n), func(b *testing.B) {
			dir := b.TempDir()
			s := journal(b, dir, nil)
			fill(b, s, benchKeys(n))
			closeStore(b, s)
			b.ReportAllocs()
			for b.Loop() {
				s := journal(b, dir, nil)
				if got := s.Report().Values; got != n {
					b.Fatalf("%d values", got)
				}
				closeStore(b, s)
			}
		})
	}
}

// fill puts many values, in batches.
func fill(b testing.TB, s driver.Applier, keys []driver.Key) {
	b.Helper()
	for len(keys) > 0 {
		var ops []driver.Op
		for _, k := range keys[:min(1000, len(keys))] {
			ops = append(ops, driver.Op{Key: k, Data: benchData})
		}
		if err := s.Apply(b.Context(), nil, ops); err != nil {
			b.Fatal(err)
		}
		keys = keys[len(ops):]
	}
}
