package filestore_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
	wal "github.com/holdfast-go/holdfast/journal"
)

// diskUse is what the files below a directory take.
func diskUse(t testing.TB, dir string) (n int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			var info fs.FileInfo
			if info, err = d.Info(); err == nil {
				n += info.Size()
			}
		}
		if errors.Is(err, fs.ErrNotExist) { // removed this moment
			err = nil
		}
		return err
	})
	must(t, err)
	return n
}

// The disk that a store takes is bounded by what it holds and by HistorySize,
// however much is written, and nobody is refused for that.
func TestJournalDiskUse(t *testing.T) {
	t.Parallel()
	const (
		writers, keys, size = 8, 96, 16 << 10
		rounds              = 60 << 20 / size / writers
		live                = keys * (size + 200)
		snapshot            = 2*live + 4<<20 // when more is out of date it is written anew
	)
	dir := ramDir(t)
	s := journal(t, dir, &filestore.Options{HistorySize: 4 << 20, Cache: 1 << 20})
	var most atomic.Int64
	last := make([]string, keys)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range rounds {
				n := (i*writers + w) % keys
				last[n] = sized(i, size)
				if err := s.Put(t.Context(), numbered(n), []byte(last[n])); err != nil {
					t.Errorf("Put: %v", err)
					return
				}
				if i%20 != 0 {
					continue
				}
				if use := diskUse(t, filepath.Join(dir, ".holdfast")); use > most.Load() {
					most.Store(use)
				}
			}
		})
	}
	wg.Wait()
	m := acked{}
	for n, data := range last {
		m[numbered(n)] = data
	}
	m.check(t, s)
	closeStore(t, s)
	m.checkFiles(t, dir)
	end := diskUse(t, filepath.Join(dir, ".holdfast"))
	t.Logf("%d KiB live; at most %d KiB of disk beside the files, %d KiB in the end", live>>10, most.Load()>>10, end>>10)
	// Meanwhile there may be what one checkpoint adds, the next snapshot, and the
	// segment that is being made.
	if limit := int64(4<<20 + snapshot + 2*live + 2<<20); most.Load() > limit {
		t.Errorf("%d bytes beside the files, at most %d are right", most.Load(), limit)
	}
	if limit := int64(4<<20 + snapshot + 4096); end > limit {
		t.Errorf("%d bytes beside the files in the end, at most %d are right", end, limit)
	}
	s = journal(t, dir, nil)
	m.check(t, s)
}

// heap is what is in use, after garbage has gone.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// counted is a value that many overwrite, with numbers that rise.
type counted struct {
	mu             sync.Mutex // for writers
	started, acked atomic.Int64
}

func (c *counted) put(t *testing.T, s driver.Store, k driver.Key, size int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.started.Add(1)
	if err := s.Put(t.Context(), k, []byte(sized(int(n), size))); err != nil {
		t.Errorf("Put %s: %v", k, err)
	}
	c.acked.Store(n)
}

func (c *counted) get(t *testing.T, s driver.Store, k driver.Key, size int) {
	least := c.acked.Load()
	rec, err := s.Get(t.Context(), k)
	most := c.started.Load()
	var n int64
	if err == nil {
		_, err = fmt.Sscanf(string(rec.Data), `"%d `, &n)
	}
	if err != nil || n < least || n > most || string(rec.Data) != sized(int(n), size) {
		t.Errorf("Get %s: %.60q, %v; want a version from %d to %d", k, rec.Data, err, least, most)
	}
}

// Far more values than the cache holds are read right, beside writers, and the
// memory stays what it may be. It runs alone, since others use memory as well.
func TestJournalCacheLimit(t *testing.T) {
	const keys, size = 2000, 10 << 10
	before := heap()
	s := journal(t, ramDir(t), &filestore.Options{Cache: 1 << 20, HistorySize: 8 << 20})
	values := make([]counted, keys)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for n := w; n < keys; n += 4 {
				values[n].put(t, s, numbered(n), size)
			}
			rng := rand.New(rand.NewPCG(seed, uint64(w)))
			for range keys / 4 {
				n := rng.IntN(keys)
				if values[n].acked.Load() > 0 {
					values[n].get(t, s, numbered(n), size)
				}
				if n = rng.IntN(keys); w < 2 {
					values[n].put(t, s, numbered(n), size)
				}
			}
		})
	}
	wg.Wait()
	must(t, s.Flush(t.Context()))
	for n := range values {
		values[n].get(t, s, numbered(n), size)
	}
	used := heap() - before
	t.Logf("%d KiB of memory for %d KiB of values", used>>10, keys*size>>10)
	if limit := int64(1<<20 + keys*1024 + 5<<20); used > limit {
		t.Errorf("%d bytes of memory, at most %d are right", used, limit)
	}
	closeStore(t, s)
}

// What the cache gives up of the values that an opening has read is not kept by
// what is known of the snapshot, nor by values that were read beside it. It runs
// alone.
func TestJournalCacheLimitAfterOpening(t *testing.T) {
	const limit = 8 << 20
	for _, of := range []struct{ keys, size, index int64 }{{64, 256 << 10, 0}, {8 << 10, 2000, 5 << 20}} {
		dir := ramDir(t)
		s := journal(t, dir, nil)
		for i := range of.keys {
			put(t, s, numbered(int(i)), sized(int(i), int(of.size)))
		}
		closeStore(t, s)
		before := heap()
		s = journal(t, dir, &filestore.Options{Cache: limit})
		for range 2 {
			for i := range of.keys {
				wantValue(t, s, numbered(int(i)), sized(int(i), int(of.size)))
			}
		}
		used := heap() - before
		t.Logf("%d values of %d bytes: %d KiB of memory", of.keys, of.size, used>>10)
		if used > limit*5/4+of.index {
			t.Errorf("%d bytes of memory, the cache may take %d", used, limit)
		}
		closeStore(t, s)
	}
}

// A value that is larger than the cache is read all the same.
func TestJournalValueAboveTheCache(t *testing.T) {
	t.Parallel()
	dir := ramDir(t)
	for range 2 {
		s := journal(t, dir, &filestore.Options{Cache: 1000})
		for i := range 3 {
			put(t, s, btc, sized(i, 100_000))
			put(t, s, eth, sized(i, 500))
			must(t, s.Flush(t.Context()))
			for range 3 {
				wantValue(t, s, btc, sized(i, 100_000))
				wantValue(t, s, eth, sized(i, 500))
			}
		}
		closeStore(t, s)
	}
}

// The cache counts a value once, however often it changes.
func TestJournalCacheDoesNotGrowByChanges(t *testing.T) {
	t.Parallel()
	s := journal(t, ramDir(t), nil)
	for i := range 300 {
		put(t, s, btc, fmt.Sprint(i))
		must(t, s.Flush(t.Context()))
		wantValue(t, s, btc, fmt.Sprint(i))
	}
	if n := s.Cached(); n > 2 {
		t.Errorf("the cache holds %d entries for one value", n)
	}
}

// The largest value that there may be.
func TestJournalLargestValue(t *testing.T) {
	t.Parallel()
	dir := ramDir(t)
	s := journal(t, dir, &filestore.Options{HistorySize: 4 << 20, Cache: 1 << 20})
	put(t, s, eth, `1`)
	large := bytes.Repeat([]byte("x"), driver.MaxData)
	large[0], large[len(large)-1] = '"', '"'
	must(t, s.Put(t.Context(), btc, large))
	err := s.Put(t.Context(), eth, append(large, ' '))
	if !errors.Is(err, driver.ErrInvalidJSON) {
		t.Errorf("a larger one: %v", err)
	}
	for range 2 {
		rec, err := s.Get(t.Context(), btc)
		if err != nil || !bytes.Equal(rec.Data, large) {
			t.Fatalf("Get: %d bytes, %v", len(rec.Data), err)
		}
		wantValue(t, s, eth, `1`)
		closeStore(t, s)
		s = journal(t, dir, &filestore.Options{HistorySize: 4 << 20, Cache: 1 << 20})
	}
	put(t, s, btc, `2`)
	for i := range 300 {
		put(t, s, eth, sized(i, 30_000))
	}
	must(t, s.Flush(t.Context()))
	closeStore(t, s)
	// One file of the journal may still be as large as that value needed.
	if n := diskUse(t, dir); n > driver.MaxData+8<<20 {
		t.Errorf("%d bytes are still taken:\n%s", n, tree(t, dir))
	}
	s = journal(t, dir, nil)
	wantValue(t, s, btc, `2`)
}

func TestJournalBatchOfThousand(t *testing.T) {
	t.Parallel()
	dir := ramDir(t)
	s := journal(t, dir, nil)
	m := acked{}
	for round := range 2 {
		var ops []driver.Op
		for i := range 1000 {
			k := numbered(i)
			if round == 1 && i%2 == 0 {
				ops = append(ops, driver.Op{Key: k, Delete: true})
				delete(m, k)
				continue
			}
			m[k] = sized(i+round, 300)
			ops = append(ops, driver.Op{Key: k, Data: []byte(m[k])})
		}
		must(t, s.Apply(t.Context(), nil, ops))
		m.check(t, s)
	}
	closeStore(t, s)
	m.checkFiles(t, dir)
	m.check(t, journal(t, dir, nil))
}

// What one record cannot hold is refused as a whole, and the error says what to
// do.
func TestJournalBatchTooLarge(t *testing.T) {
	t.Parallel()
	s := journal(t, ramDir(t), nil)
	put(t, s, btc, `1`)
	half := bytes.Repeat([]byte("x"), wal.MaxPayload/2)
	half[0], half[len(half)-1] = '"', '"'
	err := s.Apply(t.Context(), nil, []driver.Op{{Key: btc, Data: half}, {Key: eth, Data: half}, {Key: safe, Data: []byte(`1`)}})
	if !errors.Is(err, wal.ErrTooLarge) || !strings.Contains(err.Error(), "use several batches") || errors.Is(err, driver.ErrStopped) {
		t.Fatalf("Apply: %v", err)
	}
	acked{btc: `1`}.check(t, s)
	put(t, s, eth, `2`)
	if n := s.Placeholders(); n != 0 {
		t.Errorf("%d entries are left of it", n)
	}
}

// Removing what is not there, among changes, takes nothing for good from the
// queue that all writers share.
func TestJournalQueueAfterIdleRemovals(t *testing.T) {
	t.Parallel()
	s := journal(t, ramDir(t), nil)
	long := strings.TrimSuffix(strings.Repeat(strings.Repeat("e", 199)+"/", 4), "/")
	ops := []driver.Op{{Key: btc, Data: []byte(`1`)}}
	for i := range 1000 {
		ops = append(ops, driver.Op{Key: driver.Key{Entity: long, ID: fmt.Sprintf("%0200d", i)}, Delete: true})
	}
	for range 8<<20/(1000*1000) + 5 { // more than the queue holds
		must(t, s.Apply(t.Context(), nil, ops))
	}
	if n := s.Placeholders(); n != 0 {
		t.Errorf("%d entries of what never was", n)
	}
}

// Thousands of entities are as many directories.
func TestJournalManyEntities(t *testing.T) {
	t.Parallel()
	dir := ramDir(t)
	s := journal(t, dir, nil)
	m := acked{}
	var wg sync.WaitGroup
	for i := range 2000 {
		m[driver.Key{Entity: fmt.Sprintf("signal/s%04d", i), ID: "BTCUSDT"}] = fmt.Sprint(i)
	}
	for part := range 4 {
		wg.Go(func() {
			for i := part; i < 2000; i += 4 {
				k := driver.Key{Entity: fmt.Sprintf("signal/s%04d", i), ID: "BTCUSDT"}
				if err := s.Put(t.Context(), k, []byte(m[k])); err != nil {
					t.Errorf("Put %s: %v", k, err)
				}
			}
		})
	}
	wg.Wait()
	must(t, s.Flush(t.Context()))
	m.checkFiles(t, dir)
	for i := 0; i < 2000; i += 2 {
		k := driver.Key{Entity: fmt.Sprintf("signal/s%04d", i), ID: "BTCUSDT"}
		must(t, s.Clear(t.Context(), k.Entity))
		delete(m, k)
	}
	m.check(t, s)
	closeStore(t, s)
	s = journal(t, dir, nil)
	m.check(t, s)
	if r := s.Report(); r.Entities != 1000 || r.Values != 1000 || len(r.Findings) != 0 {
		t.Errorf("report: %+v", r)
	}
	if got := entities(t, s); !slices.IsSorted(got) {
		t.Error("the entities are not in order")
	}
}
