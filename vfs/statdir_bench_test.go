package vfs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/vfs"
)

func entityName(i int) string { return fmt.Sprintf("SYM%06dUSDT.json", i) }

// manyFiles returns a directory of n files with the names of entities.
func manyFiles(t testing.TB, n int) vfs.FS {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		if err := os.WriteFile(filepath.Join(dir, entityName(i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return open(t, dir)
}

func readDirInfo(fsys vfs.FS) (int, error) {
	entries, err := fsys.ReadDir(".")
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		if _, err := e.Info(); err != nil {
			return 0, err
		}
	}
	return len(entries), nil
}

// In turns, since a ratio of two separate runs is mostly that of their noise.
func BenchmarkStatDir(b *testing.B) {
	for _, n := range []int{10, 1000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			fsys := manyFiles(b, n)
			var fast, plain time.Duration
			b.ReportAllocs()
			for b.Loop() {
				start := time.Now()
				list, err := vfs.StatDir(fsys, ".")
				fast += time.Since(start)
				if err != nil || len(list) != n {
					b.Fatalf("%d of %d: %v", len(list), n, err)
				}
				b.StopTimer()
				start = time.Now()
				got, err := readDirInfo(fsys)
				plain += time.Since(start)
				if err != nil || got != n {
					b.Fatalf("%d of %d: %v", got, n, err)
				}
				b.StartTimer()
			}
			b.ReportMetric(float64(plain)/float64(fast), "ReadDir+Info/StatDir")
			b.ReportMetric(float64(fast.Nanoseconds())/float64(b.N)/float64(n), "ns/file")
		})
	}
}
