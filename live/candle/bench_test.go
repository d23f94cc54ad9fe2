package candle_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/live/candle"
)

const benchRows = 10_000

// BenchmarkReader reads inputs of 10,000 rows.
func BenchmarkReader(b *testing.B) {
	formats := []struct{ name, before, row, sep, after string }{
		{"csv-iso", head, "%[2]s,%[3]v,%[4]v,%[5]v,%[6]v,%[7]v", "\n", "\n"},
		{"csv-ms", "", "%[1]d,%[3]v,%[4]v,%[5]v,%[6]v,%[7]v", "\n", "\n"},
		{"csv-12", "", "%[1]d,%[3]v,%[4]v,%[5]v,%[6]v,%[7]v,1704067259999,123456.789,1234,12.34567,123456.7891,0", "\n", "\n"},
		{"csv-quoted", "", `"%[1]d","%[3]v","%[4]v","%[5]v","%[6]v","%[7]v"`, "\n", "\n"},
		{"json-array", "[", `[%[1]d,"%[3]v","%[4]v","%[5]v","%[6]v","%[7]v",1704067259999,"1",1,"1","1","0"]`, ",", "]"},
		{"json-lines", "", `{"t":%[1]d,"o":%[3]v,"h":%[4]v,"l":%[5]v,"c":%[6]v,"v":%[7]v}`, "\n", "\n"},
	}
	for _, f := range formats {
		b.Run(f.name, func(b *testing.B) {
			var rows []string
			for c := range candle.Demo(benchRows, candle.DemoSeed) {
				iso := time.UnixMilli(c.Time).UTC().Format("2006-01-02 15:04:05+00:00")
				rows = append(rows, fmt.Sprintf(f.row, c.Time, iso, c.Open, c.High, c.Low, c.Close, c.Volume))
			}
			text := f.before + strings.Join(rows, f.sep) + f.after
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				r := candle.NewReader(strings.NewReader(text), "bench")
				drain(b, benchRows, func() error { _, err := r.Next(); return err })
			}
			rate(b, benchRows)
		})
	}
}

func BenchmarkDemo(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		s := candle.DemoSource(benchRows, candle.DemoSeed)
		drain(b, benchRows, func() error { _, err := s.Next(); return err })
	}
	rate(b, benchRows)
}

func BenchmarkFromSeq(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		s := candle.FromSeq(candle.Demo(benchRows, candle.DemoSeed))
		drain(b, benchRows, func() error { _, err := s.Next(); return err })
	}
	rate(b, benchRows)
}

func BenchmarkMerge(b *testing.B) {
	for _, n := range []int{2, 10, 500} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var feeds []candle.Feed
				for i := range n {
					feeds = append(feeds, candle.Feed{Symbol: "S", Source: candle.DemoSource(benchRows/n, uint64(i))})
				}
				m := candle.Merge(feeds...)
				drain(b, benchRows, func() error { _, _, err := m.Next(); return err })
			}
			rate(b, benchRows)
		})
	}
}

// drain calls next until the end and checks that n candles come.
func drain(b *testing.B, n int, next func() error) {
	b.Helper()
	for i := 0; ; i++ {
		if err := next(); err == io.EOF && i == n {
			return
		} else if err != nil {
			b.Fatalf("after %d candles: %v", i, err)
		}
	}
}

func rate(b *testing.B, n int) {
	b.ReportMetric(float64(b.N)*float64(n)/b.Elapsed().Seconds(), "rows/s")
}
