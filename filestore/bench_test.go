package filestore_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
)

// entity of 400 bytes, as a signal row is.
var benchData = []byte(`{"id":"` + strings.Repeat("x", 390) + `"}`)

func BenchmarkPut(b *testing.B) {
	for _, c := range []struct {
		name string
		ids  int
	}{{"one value", 1}, {"1000 values", 1000}} {
		b.Run(c.name, func(b *testing.B) {
			s := open(b, b.TempDir(), nil)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if err := s.Put(b.Context(), benchKey(i%c.ids), benchData); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkGet(b *testing.B) {
	s := open(b, b.TempDir(), nil)
	put(b, s, btc, string(benchData))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := s.Get(b.Context(), btc); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkOpen10k(b *testing.B) {
	dir := b.TempDir()
	for i := range 10_000 {
		k := benchKey(i)
		write(b, dir, k.Entity+"/"+k.ID+".json", string(benchData))
	}
	b.ReportAllocs()
	for b.Loop() {
		s := open(b, dir, nil)
		if n := s.Report().Values; n != 10_000 {
			b.Fatalf("%d values", n)
		}
		closeStore(b, s)
	}
}

func benchKey(i int) driver.Key {
	return driver.Key{Entity: "signal/strategy-a", ID: fmt.Sprintf("SYM%05d", i)}
}
