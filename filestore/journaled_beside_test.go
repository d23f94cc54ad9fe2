package filestore_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"sync/atomic"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

// besides are what an owner may do while a follower is in the middle of
// something.
var besides = map[string]func(t *testing.T, s *filestore.Store, m acked){
	"put": func(t *testing.T, s *filestore.Store, m acked) { m.put(t, s, btc, `"beside"`) },
	"new": func(t *testing.T, s *filestore.Store, m acked) { m.put(t, s, numbered(77), `"beside"`) },
	"new, checkpoint": func(t *testing.T, s *filestore.Store, m acked) {
		m.put(t, s, numbered(77), `"beside"`)
		must(t, s.Flush(t.Context()))
	},
	"checkpoint, put": func(t *testing.T, s *filestore.Store, m acked) {
		m.put(t, s, btc, `"in the file"`)
		must(t, s.Flush(t.Context()))
		m.put(t, s, btc, `"beside"`)
	},
	"delete, checkpoint": func(t *testing.T, s *filestore.Store, m acked) {
		must(t, s.Delete(t.Context(), eth))
		delete(m, eth)
		must(t, s.Flush(t.Context()))
	},
	"clear, checkpoint, again": func(t *testing.T, s *filestore.Store, m acked) {
		must(t, s.Clear(t.Context(), btc.Entity))
		delete(m, eth)
		must(t, s.Flush(t.Context()))
		m.put(t, s, btc, `"anew"`)
		must(t, s.Flush(t.Context()))
		m.put(t, s, btc, `"once more"`)
	},
	"much": func(t *testing.T, s *filestore.Store, m acked) { // journal and snapshot are reused
		for i := range 8 {
			m.put(t, s, btc, sized(i, 1_000_000))
			must(t, s.Flush(t.Context()))
		}
	},
}

func (m acked) put(t *testing.T, s *filestore.Store, k driver.Key, data string) {
	t.Helper()
	put(t, s, k, data)
	m[k] = data
}

// beside runs do on a follower once for each call of the file system that it
// makes, or for each second or eighth one, with the owner acting at that call.
func beside(t *testing.T, name string, fresh bool, do func(t *testing.T, f *filestore.Store)) {
	act, step := besides[name], 2
	if name == "much" {
		step = 8 // it takes long
	}
	for at, last := 1+rand.IntN(step), false; !last; at += step {
		dir := ramDir(t)
		s := journal(t, dir, &filestore.Options{HistorySize: 4 << 20})
		filestore.Still(s)
		m := acked{}
		if !fresh {
			m.put(t, s, btc, `1`)
			m.put(t, s, eth, `2`)
			must(t, s.Flush(t.Context()))
			m.put(t, s, safe, `3`)
		} else {
			m.put(t, s, eth, `2`)
		}
		fsys := faultfs.New(osFS(t, dir))
		var calls atomic.Int64
		fsys.OnCall = func(faultfs.Op, string) {
			if calls.Add(1) == int64(at) {
				act(t, s, m)
			}
		}
		f := follower(t, dir, filestore.Options{FS: fsys, Cache: 1})
		do(t, f)
		if last = calls.Load() < int64(at); last {
			calls.Store(int64(at))
		}
		m.check(t, f)
		if r, err := f.Check(t.Context(), nil); err != nil || len(r.Findings) != 0 {
			t.Fatalf("at call %d: Check finds %+v, %v", at, r.Findings, err)
		}
		closeStore(t, f)
		closeStore(t, s)
		os.RemoveAll(dir)
		if at > 500 {
			t.Fatal("it never comes to an end")
		}
	}
}

// At whatever moment of a follower's work the owner acts, the follower is right.
func TestFollowerBesideEveryStep(t *testing.T) {
	t.Parallel()
	for name := range besides {
		for _, fresh := range []bool{false, true} {
			if fresh && name == "delete, checkpoint" {
				continue
			}
			t.Run(fmt.Sprintf("open, %s, fresh %v", name, fresh), func(t *testing.T) {
				t.Parallel()
				beside(t, name, fresh, func(*testing.T, *filestore.Store) {})
			})
			t.Run(fmt.Sprintf("read, %s, fresh %v", name, fresh), func(t *testing.T) {
				t.Parallel()
				beside(t, name, fresh, func(t *testing.T, f *filestore.Store) {
					for _, k := range []driver.Key{btc, eth, numbered(77)} {
						if _, err := f.Get(t.Context(), k); err != nil && !errors.Is(err, driver.ErrNotFound) {
							t.Fatalf("Get: %v", err)
						}
					}
					r, err := f.Check(t.Context(), nil)
					if err != nil || len(r.Findings) != 0 {
						t.Fatalf("Check finds %+v, %v", r.Findings, err)
					}
					for _, err := range f.History(t.Context(), btc) {
						if err != nil && !errors.Is(err, errors.ErrUnsupported) {
							t.Fatalf("History: %v", err)
						}
					}
				})
			})
		}
	}
}

// A value goes right after its file was listed, and comes back right before that
// is read.
func TestFollowerBesideTwoSteps(t *testing.T) {
	t.Parallel()
	const ethFile = "signal/strategy-a/ETHUSDT.json"
	dir := ramDir(t)
	s := journal(t, dir, nil)
	filestore.Still(s)
	put(t, s, btc, `1`)
	put(t, s, eth, `2`)
	must(t, s.Flush(t.Context()))
	fsys := faultfs.New(osFS(t, dir))
	listed, gone, back := false, false, false
	fsys.OnCall = func(op faultfs.Op, name string) {
		switch {
		case op == faultfs.OpStatDir && name == path.Dir(ethFile):
			listed = true
		case op == faultfs.OpReadDir && name == ".holdfast/snapshot" && listed && !gone:
			gone = true
			must(t, s.Delete(t.Context(), eth))
			must(t, s.Flush(t.Context()))
		case op == faultfs.OpOpenFile && name == ethFile && gone && !back:
			back = true
			put(t, s, eth, `"in the file"`)
			must(t, s.Flush(t.Context()))
			put(t, s, eth, `"last"`)
		}
	}
	f := follower(t, dir, filestore.Options{FS: fsys})
	if !back {
		t.Fatal("the follower does not look where this test expects it to")
	}
	acked{btc: `1`, eth: `"last"`}.check(t, f)
}

// The owner's first change of all becomes durable at any call of a follower that
// is being opened.
func TestFollowerBesideTheFirstChange(t *testing.T) {
	t.Parallel()
	for at, last := 1, false; !last; at++ {
		dir := ramDir(t)
		g := &gate{op: faultfs.OpWriteAt, name: ".holdfast/journal/0*.seg"}
		s, _ := watched(t, dir, filestore.Options{}, g.pass)
		filestore.Still(s)
		reached, goOn := g.arm(t)
		result := make(chan error, 1)
		go func() { result <- s.Put(t.Context(), btc, []byte(`1`)) }()
		await(t, "the first record", reached)
		fsys := faultfs.New(osFS(t, dir))
		var calls atomic.Int64
		fsys.OnCall = func(faultfs.Op, string) {
			if calls.Add(1) == int64(at) {
				goOn()
				must(t, <-result)
			}
		}
		f := follower(t, dir, filestore.Options{FS: fsys})
		if last = calls.Load() < int64(at); last {
			calls.Store(int64(at))
			goOn()
			must(t, <-result)
		}
		acked{btc: `1`}.check(t, f)
	}
}
