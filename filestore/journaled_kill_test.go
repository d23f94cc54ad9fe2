package filestore_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

// deed is one call of a script, and what it makes of the values.
type deed struct {
	do   func(t *testing.T, s *filestore.Store) error
	then func(values map[driver.Key]string)
}

func putting(k driver.Key, data string) deed {
	return deed{func(t *testing.T, s *filestore.Store) error { return s.Put(t.Context(), k, []byte(data)) },
		func(values map[driver.Key]string) { values[k] = data }}
}

func deleting(k driver.Key) deed {
	return deed{func(t *testing.T, s *filestore.Store) error { return s.Delete(t.Context(), k) },
		func(values map[driver.Key]string) { delete(values, k) }}
}

func clearing(entity string) deed {
	return deed{func(t *testing.T, s *filestore.Store) error { return s.Clear(t.Context(), entity) },
		func(values map[driver.Key]string) {
			maps.DeleteFunc(values, func(k driver.Key, _ string) bool { return k.Entity == entity })
		}}
}

func applying(data string, keys ...driver.Key) deed {
	return deed{func(t *testing.T, s *filestore.Store) error {
		var ops []driver.Op
		for _, k := range keys {
			ops = append(ops, driver.Op{Key: k, Data: []byte(data)})
		}
		ops = append(ops, driver.Op{Key: gone, Delete: true})
		return s.Apply(t.Context(), nil, ops)
	}, func(values map[driver.Key]string) {
		for _, k := range keys {
			values[k] = data
		}
		delete(values, gone)
	}}
}

var flushing = deed{func(t *testing.T, s *filestore.Store) error { return s.Flush(t.Context()) },
	func(map[driver.Key]string) {}}

// script has every kind of change, on few keys.
func script() []deed {
	return []deed{
		putting(btc, `1`), putting(gone, `2`), flushing, putting(btc, `3`), deleting(gone), putting(gone, `4`),
		flushing, applying(`5`, btc, sol), flushing, clearing("signal/strategy-a"), putting(eth, `6`),
		flushing, deleting(sol), applying(`7`, btc, eth), putting(sol, `8`), flushing, clearing("signal/strategy-a"),
	}
}

// states are what the values may be after some deeds were acknowledged: that, or
// with the deed that was under way when the process died.
func states(deeds []deed, acked int) []map[driver.Key]string {
	values := map[driver.Key]string{}
	for _, d := range deeds[:acked] {
		d.then(values)
	}
	all := []map[driver.Key]string{maps.Clone(values)}
	if acked < len(deeds) {
		deeds[acked].then(values)
		all = append(all, values)
	}
	return all
}

// contents reads every value.
func contents(t *testing.T, s *filestore.Store) map[driver.Key]string {
	t.Helper()
	values := map[driver.Key]string{}
	for _, entity := range entities(t, s) {
		for _, id := range ids(t, s, entity) {
			k := driver.Key{Entity: entity, ID: id}
			rec, err := s.Get(t.Context(), k)
			must(t, err)
			values[k] = string(rec.Data)
		}
	}
	return values
}

// diesAt runs the script in a process that dies at the nth call of the file
// system, and tells how many deeds were acknowledged, and whether it died.
func diesAt(t *testing.T, dir string, deeds []deed, rule faultfs.Rule) (acked int, died bool) {
	t.Helper()
	fsys := faultfs.New(osFS(t, dir), rule)
	s, err := filestore.Open(t.Context(), dir, &filestore.Options{FS: fsys})
	if err != nil {
		return 0, true
	}
	filestore.Still(s)
	for _, d := range deeds {
		if d.do(t, s) != nil {
			break
		}
		acked++
	}
	filestore.Kill(s)
	return acked, len(fsys.Injected()) > 0
}

// wantRecovered opens a store that was killed, twice: the values are one of the
// states, nothing is taken for damage or an edit, and the second opening finds
// nothing to do.
func wantRecovered(t *testing.T, at, dir string, allowed []map[driver.Key]string) {
	t.Helper()
	var before string
	for i := range 2 {
		s, err := filestore.Open(t.Context(), dir, nil)
		if err != nil {
			t.Fatalf("%s: Open: %v", at, err)
		}
		filestore.Still(s)
		for _, f := range s.Report().Findings {
			if f.Problem != driver.ProblemStaleTemp {
				t.Fatalf("%s: the report says %+v", at, f)
			}
		}
		got := contents(t, s)
		if !maps.Equal(got, allowed[0]) && (len(allowed) < 2 || !maps.Equal(got, allowed[1])) {
			t.Fatalf("%s, opening %d: %v; want one of %v", at, i, got, allowed)
		}
		allowed = []map[driver.Key]string{got}
		if i == 1 {
			filestore.Kill(s)
		} else {
			closeStore(t, s)
		}
		after := tree(t, dir)
		if i == 1 && after != before {
			t.Fatalf("%s: opened again, the tree changed; before:\n%s\nafter:\n%s", at, before, after)
		}
		before = after
	}
	wantNoTemps(t, dir)
}

// P1, P2: the process dies at every call that it makes of the file system.
// Nothing that was acknowledged is lost, and nothing happened by halves.
func TestKilledAtEveryCall(t *testing.T) {
	t.Parallel()
	deeds := script()
	for _, short := range []bool{false, true} {
		t.Run(fmt.Sprint("half a write ", short), func(t *testing.T) {
			t.Parallel()
			for n := 1; ; n++ {
				dir := ramDir(t)
				acked, died := diesAt(t, dir, deeds, faultfs.Rule{Nth: n, Sticky: true, Short: short})
				if !died {
					if acked != len(deeds) || n < 100 {
						t.Fatalf("%d deeds in %d calls", acked, n)
					}
					return
				}
				wantRecovered(t, fmt.Sprintf("call %d", n), dir, states(deeds, acked))
				must(t, os.RemoveAll(dir))
			}
		})
	}
}

// The same, and the process that recovers dies too, at one call or another.
func TestKilledAgain(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	deeds := script()
	for range 60 {
		n, again := 20+r.IntN(250), 1+r.IntN(60)
		at := fmt.Sprintf("seed %d: call %d, then call %d", seed, n, again)
		dir := ramDir(t)
		acked, _ := diesAt(t, dir, deeds, faultfs.Rule{Nth: n, Sticky: true})
		diesAt(t, dir, nil, faultfs.Rule{Nth: again, Sticky: true})
		diesAt(t, dir, nil, faultfs.Rule{Nth: 1 + r.IntN(60), Sticky: true, Short: true})
		wantRecovered(t, at, dir, states(deeds, acked))
		must(t, os.RemoveAll(dir))
	}
}

// An opening that has damage and edits to act on dies at one call or another.
// The next one comes to the same values, and the evidence is kept.
func TestKilledWhileHealing(t *testing.T) {
	t.Parallel()
	unknown := driver.Key{Entity: "signal/strategy-a", ID: "unknown"}
	dir := restless(t)
	for n := 1 + rand.IntN(3); ; n += 3 {
		copied := duplicate(t, dir, true)
		_, died := diesAt(t, copied, nil, faultfs.Rule{Nth: n, Sticky: true})
		s, err := filestore.Open(t.Context(), copied, nil)
		if err != nil {
			t.Fatalf("call %d: Open: %v", n, err)
		}
		for k, want := range map[driver.Key]string{btc: second, eth: `"edited"`} {
			if rec, err := s.Get(t.Context(), k); err != nil || string(rec.Data) != want {
				t.Fatalf("call %d: Get %s: %q, %v", n, k, rec.Data, err)
			}
		}
		if _, err := s.Get(t.Context(), unknown); !errors.Is(err, driver.ErrDamaged) {
			t.Fatalf("call %d: Get %s: %v", n, unknown, err)
		}
		if len(kept(t, copied, "bytes")) < 2 {
			t.Fatalf("call %d: the evidence is gone:\n%s", n, tree(t, copied))
		}
		closeStore(t, s)
		s = journal(t, copied, nil)
		wantFindings(t, s, "quarantined/none signal/strategy-a unknown")
		if got := story(t, s, eth); strings.Join(got, " ") != `"edited" `+first {
			t.Fatalf("call %d: the history is %q", n, got)
		}
		closeStore(t, s)
		must(t, os.RemoveAll(copied))
		if !died {
			return
		}
	}
}
