package filestore_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

// follower opens a directory for reading alone.
func follower(t testing.TB, dir string, o filestore.Options) *filestore.Store {
	t.Helper()
	o.ReadOnly = true
	return journal(t, dir, &o)
}

// writing is one writer of its own entity, whose every change is looked for by
// a follower.
type writing struct {
	s, f   *filestore.Store
	entity string
	rng    *rand.Rand
	now    acked
}

func (w *writing) key(i int) driver.Key {
	return driver.Key{Entity: w.entity, ID: fmt.Sprintf("K%02d", i)}
}

func (w *writing) step(t *testing.T, i int) error {
	k, data := w.key(w.rng.IntN(12)), sized(i, 1+w.rng.IntN(12_000))
	switch w.rng.IntN(12) {
	case 0:
		if err := w.s.Clear(t.Context(), w.entity); err != nil {
			return err
		}
		w.now = acked{}
	case 1, 2:
		err := w.s.Delete(t.Context(), k)
		if _, was := w.now[k]; err != nil && (was || !errors.Is(err, driver.ErrNotFound)) {
			return err
		}
		delete(w.now, k)
	case 3, 4:
		other := w.key(12)
		err := w.s.Apply(t.Context(), nil, []driver.Op{{Key: k, Data: []byte(data)}, {Key: other, Data: []byte(data)}})
		if err != nil {
			return err
		}
		w.now[k], w.now[other] = data, data
	default:
		if err := w.s.Put(t.Context(), k, []byte(data)); err != nil {
			return err
		}
		w.now[k] = data
	}
	return w.compare(t, k, i%20 == 0)
}

// compare checks one value through the follower, or all.
func (w *writing) compare(t *testing.T, k driver.Key, all bool) error {
	keys := []driver.Key{k}
	if all {
		for i := range 13 {
			keys = append(keys, w.key(i))
		}
	}
	for _, k := range keys {
		rec, err := w.f.Get(t.Context(), k)
		data, is := w.now[k]
		switch {
		case is && (err != nil || string(rec.Data) != data):
			return fmt.Errorf("Get %s: %.40q, %w; want %.40q", k, rec.Data, err, data)
		case !is && !errors.Is(err, driver.ErrNotFound):
			return fmt.Errorf("Get %s: %.40q, %w; want none", k, rec.Data, err)
		}
	}
	if !all {
		return nil
	}
	n := 0
	for id, err := range w.f.IDs(t.Context(), w.entity) {
		if _, is := w.now[driver.Key{Entity: w.entity, ID: id}]; err != nil || !is {
			return fmt.Errorf("%s is listed, %w", id, err)
		}
		n++
	}
	var listed bool
	for e, err := range w.f.Entities(t.Context()) {
		if err != nil {
			return err
		}
		listed = listed || e == w.entity
	}
	if n != len(w.now) || listed != (n > 0) {
		return fmt.Errorf("%d ids are listed, want %d; the entity: %v", n, len(w.now), listed)
	}
	return nil
}

// Whatever is acknowledged is what a follower sees from then on, through
// journals that are reused and snapshots that are written anew beneath it.
func TestFollowerSeesAtOnce(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	dir := ramDir(t)
	s := journal(t, dir, &filestore.Options{HistorySize: 4 << 20, Cache: 100_000})
	f := follower(t, dir, filestore.Options{Cache: 20_000})
	var wg sync.WaitGroup
	for n := range 3 {
		wg.Go(func() {
			w := &writing{s: s, f: f, entity: fmt.Sprintf("signal/strategy-%d", n), rng: rand.New(rand.NewPCG(seed, uint64(n))), now: acked{}}
			for i := range 600 {
				if err := w.step(t, i); err != nil {
					t.Errorf("writer %d, step %d: %v", n, i, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// Check finds nothing beside an owner that works as hard as it can.
func TestCheckBesideABusyOwner(t *testing.T) {
	t.Parallel()
	dir := ramDir(t)
	s := journal(t, dir, &filestore.Options{HistorySize: 4 << 20})
	f := follower(t, dir, filestore.Options{})
	var done atomic.Bool
	var wg sync.WaitGroup
	written := make(chan struct{})
	for n := range 3 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(n)))
			for i := 0; !done.Load(); i++ {
				k := numbered(rng.IntN(60)*3 + n)
				var err error
				if i%7 == 3 {
					if err = s.Delete(t.Context(), k); errors.Is(err, driver.ErrNotFound) {
						err = nil
					}
				} else {
					err = s.Put(t.Context(), k, []byte(sized(i, rng.IntN(5_000))))
				}
				if i%100 == 99 {
					err = errors.Join(err, s.Flush(t.Context()))
				}
				if err != nil {
					t.Errorf("writer: %v", err)
					done.Store(true)
				}
				select {
				case written <- struct{}{}:
				default:
				}
			}
		})
	}
	for range 10 {
		for _, by := range []*filestore.Store{f, s} {
			for i := 0; i < 20 && !done.Load(); i++ {
				<-written
			}
			r, err := by.Check(t.Context(), nil)
			if err != nil || len(r.Findings) != 0 {
				t.Errorf("Check: %+v, %v", r.Findings, err)
			}
		}
	}
	done.Store(true)
	wg.Wait()
}

// A follower that begins where nothing is sees what comes.
func TestFollowerOfAnEmptyDirectory(t *testing.T) {
	t.Parallel()
	for _, before := range []string{"", "file"} {
		dir := ramDir(t)
		m := acked{}
		if before == "file" {
			write(t, dir, "risk/conservative/positions.json", `[]`)
			m[safe] = `[]`
		}
		f := follower(t, dir, filestore.Options{})
		m.check(t, f)
		s := journal(t, dir, nil)
		m.check(t, f)
		m.put(t, s, btc, `1`)
		m.check(t, f)
		m.put(t, s, btc, `2`)
		m.check(t, f)
		closeStore(t, s)
		m.check(t, f)
	}
}

// A follower stays open through restarts of the owner, in either mode.
func TestFollowerThroughRestarts(t *testing.T) {
	t.Parallel()
	dir := ramDir(t)
	f := follower(t, dir, filestore.Options{})
	m := acked{}
	modes := []filestore.Mode{filestore.Off, filestore.On, filestore.On, filestore.Off, filestore.Off, filestore.On, filestore.Off, filestore.On}
	for i, mode := range modes {
		s := open(t, dir, &filestore.Options{Journal: mode})
		m.check(t, f)
		m.put(t, s, numbered(i), sized(i, 20))
		m.check(t, f)
		m.put(t, s, btc, sized(i, 30))
		if i > 1 {
			must(t, s.Delete(t.Context(), numbered(i-2)))
			delete(m, numbered(i-2))
		}
		m.check(t, f)
		if i%3 == 2 {
			filestore.Kill(s)
		} else {
			closeStore(t, s)
		}
		m.check(t, f)
	}
	// All of it between two looks.
	for i, mode := range modes {
		s := open(t, dir, &filestore.Options{Journal: mode})
		m.put(t, s, btc, sized(-i, 30))
		m.put(t, s, numbered(i), sized(-i, 30))
		closeStore(t, s)
	}
	m.check(t, f)
}

// Whoever only looks is never taken for another owner.
func TestFollowersAreNoOwners(t *testing.T) {
	t.Parallel()
	dir := ramDir(t)
	s := journal(t, dir, nil)
	put(t, s, btc, `1`)
	closeStore(t, s)
	var done atomic.Bool
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for !done.Load() {
				f, err := filestore.Open(t.Context(), dir, &filestore.Options{ReadOnly: true})
				if err != nil {
					t.Errorf("Open for reading: %v", err)
					return
				}
				if _, err := f.Get(t.Context(), btc); err != nil {
					t.Errorf("Get: %v", err)
				}
				f.Close()
			}
		})
	}
	for i := range 30 {
		s, err := filestore.Open(t.Context(), dir, nil)
		if err != nil {
			t.Errorf("Open %d beside followers: %v", i, err)
			break
		}
		put(t, s, btc, fmt.Sprint(i))
		must(t, s.Close())
	}
	done.Store(true)
	wg.Wait()
}

// A follower that holds the lock for the moment that it takes to look is waited
// for.
func TestFollowerLooksAtTheLock(t *testing.T) {
	t.Parallel()
	dir := ramDir(t)
	closeStore(t, journal(t, dir, nil))
	probe, err := osFS(t, dir).OpenFile(".holdfast/LOCK", os.O_RDONLY, 0)
	must(t, err)
	must(t, probe.TryLock())
	tries := 0
	s, _ := watched(t, dir, filestore.Options{}, func(op faultfs.Op, name string) {
		if op == faultfs.OpTryLock && name == ".holdfast/LOCK" {
			if tries++; tries == 2 {
				must(t, probe.Close())
			}
		}
	})
	put(t, s, btc, `1`)
}

// Who reads while another goroutine makes the follower load everything again
// reads on, from what is loaded then.
func TestFollowerLoadsAgainBesideReaders(t *testing.T) {
	t.Parallel()
	dir := ramDir(t)
	s := journal(t, dir, nil)
	for i := range 20 {
		put(t, s, numbered(i), sized(i, 1000))
	}
	must(t, s.Flush(t.Context()))
	f := follower(t, dir, filestore.Options{Cache: 1})
	var done atomic.Bool
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for i := 0; !done.Load(); i++ {
				if _, err := f.Get(t.Context(), numbered(i%20)); err != nil {
					t.Errorf("Get: %v", err)
					return
				}
			}
		})
	}
	for range 300 {
		must(t, f.LoadAgain(t.Context()))
	}
	done.Store(true)
	wg.Wait()
}

// A follower changes nothing on the disk.
func TestFollowerChangesNothing(t *testing.T) {
	t.Parallel()
	dir := ramDir(t)
	s := journal(t, dir, nil)
	for i := range 50 {
		put(t, s, numbered(i), sized(i, 300))
	}
	filestore.Kill(s)
	write(t, dir, btcFile, `{`)
	write(t, dir, "signal/strategy-a/.tmp-fedcba9876543210-x.json", `{`)
	before := tree(t, dir)
	f := follower(t, dir, filestore.Options{})
	for i := range 50 {
		wantValue(t, f, numbered(i), sized(i, 300))
	}
	wantDamaged(t, f, btc)
	if _, err := f.Check(t.Context(), nil); err != nil {
		t.Errorf("Check: %v", err)
	}
	for _, err := range f.History(t.Context(), numbered(1)) {
		must(t, err)
	}
	for name, err := range map[string]error{
		"Put": f.Put(t.Context(), btc, []byte(`1`)), "Delete": f.Delete(t.Context(), btc), "Clear": f.Clear(t.Context(), "x"),
		"Apply": f.Apply(t.Context(), nil, []driver.Op{{Key: btc, Delete: true}}), "Flush": f.Flush(t.Context()),
	} {
		if !errors.Is(err, driver.ErrReadOnly) {
			t.Errorf("%s: %v", name, err)
		}
	}
	closeStore(t, f)
	if after := tree(t, dir); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

// An error that passes is never "not found", at whatever call it comes.
func TestFollowerPassingErrors(t *testing.T) {
	t.Parallel()
	dir := ramDir(t)
	s := journal(t, dir, nil)
	filestore.Still(s)
	put(t, s, btc, sized(1, 1000))
	must(t, s.Flush(t.Context()))
	put(t, s, eth, `1`)
	for at, injected := 1, true; injected; at++ {
		for _, cause := range []error{syscall.EIO, syscall.EMFILE} {
			fsys := faultfs.New(osFS(t, dir))
			f := follower(t, dir, filestore.Options{FS: fsys, Cache: 1})
			fsys.Add(faultfs.Rule{Nth: at, Err: cause})
			for _, k := range []driver.Key{btc, safe} {
				_, err := f.Get(t.Context(), k)
				if errors.Is(err, cause) && (errors.Is(err, driver.ErrNotFound) || errors.Is(err, driver.ErrDamaged)) || err == nil && k == safe {
					t.Errorf("Get %s with a fault at call %d: %v", k, at, err)
				}
				has, err := f.Has(t.Context(), k)
				if err == nil && has != (k == btc) {
					t.Errorf("Has %s with a fault at call %d: %v", k, at, has)
				}
				for _, err := range f.History(t.Context(), k) {
					if err != nil && !errors.Is(err, cause) {
						t.Errorf("History %s with a fault at call %d: %v", k, at, err)
					}
				}
			}
			injected = len(fsys.Injected()) > 0
			fsys.Clear()
			acked{btc: sized(1, 1000), eth: `1`}.check(t, f)
			closeStore(t, f)
		}
	}
}

// Many read through one follower, with a cache that holds next to nothing, while
// it has to load everything again and again.
func TestFollowerOfManyReaders(t *testing.T) {
	t.Parallel()
	dir := ramDir(t)
	s := journal(t, dir, &filestore.Options{HistorySize: 4 << 20})
	f := follower(t, dir, filestore.Options{Cache: 1})
	for i := range 100 {
		put(t, s, numbered(i), sized(0, 10_000))
	}
	var done atomic.Bool
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			for i := n; !done.Load(); i++ {
				k := numbered(i % 100)
				if _, err := f.Get(t.Context(), k); err != nil {
					t.Errorf("Get %s: %v", k, err)
					return
				}
				if i%10 != 0 {
					continue
				}
				for _, err := range f.History(t.Context(), k) {
					if err != nil {
						t.Errorf("History %s: %v", k, err)
						return
					}
					break
				}
			}
		})
	}
	for i := range 600 {
		put(t, s, numbered(i%100), sized(i, 10_000))
	}
	done.Store(true)
	wg.Wait()
}

// One reader lists while another brings the index up to date, and meets ids that
// are new to it.
func TestFollowerListsBesideNewIDs(t *testing.T) {
	t.Parallel()
	dir := ramDir(t)
	s := journal(t, dir, nil)
	put(t, s, btc, `1`)
	f := follower(t, dir, filestore.Options{})
	var done atomic.Bool
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for least := 0; !done.Load(); {
				n := 0
				for _, err := range f.IDs(t.Context(), btc.Entity) {
					if err != nil {
						t.Errorf("IDs: %v", err)
						return
					}
					n++
				}
				if n < least {
					t.Errorf("%d ids after %d", n, least)
				}
				least = n
			}
		})
	}
	for i := range 500 {
		put(t, s, driver.Key{Entity: btc.Entity, ID: fmt.Sprintf("N%d", i)}, `1`)
	}
	done.Store(true)
	wg.Wait()
}

// An edit by hand that a follower has found is not shown in the place of what the
// owner acknowledges while the follower still looks for files that have gone.
func TestFollowerAdoptsNothingOverAPut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := journal(t, dir, nil)
	put(t, s, btc, `1`)
	put(t, s, eth, `1`)
	must(t, s.Flush(t.Context()))
	filestore.Still(s)
	write(t, dir, btcFile, `"by hand"`)
	must(t, os.Remove(filepath.Join(dir, "signal/strategy-a/ETHUSDT.json")))
	fsys := hooked(osFS(t, dir))
	fsys.hooks["Lstat signal/strategy-a/ETHUSDT.json"] = func() { put(t, s, btc, `2`) }
	f := follower(t, dir, filestore.Options{FS: fsys})
	if len(fsys.hooks) > 0 {
		t.Fatal("the missing file was not looked for")
	}
	wantValue(t, f, btc, `2`)
	wantValue(t, f, eth, `1`)
}
