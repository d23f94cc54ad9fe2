package filestore_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

// inMode opens a store that writes in one of the two ways.
func inMode(t testing.TB, dir string, m filestore.Mode) *filestore.Store {
	t.Helper()
	return open(t, dir, &filestore.Options{Journal: m})
}

// model is what a store should hold, and how it came to that.
type model struct {
	values map[driver.Key]string
	keys   []driver.Key
	rand   *rand.Rand
	n      int
}

func newModel(seed uint64) *model {
	m := &model{values: map[driver.Key]string{}, rand: rand.New(rand.NewPCG(seed, 0))}
	for _, id := range []string{"BTCUSDT", "ETHUSDT", "BTC/USDT:USDT"} {
		m.keys = append(m.keys, driver.Key{Entity: "signal/strategy-a", ID: id}, driver.Key{Entity: "risk/conservative", ID: id})
	}
	return m
}

// step makes one change in the store and in the model.
func (m *model) step(t *testing.T, s *filestore.Store) {
	t.Helper()
	k := m.keys[m.rand.IntN(len(m.keys))]
	switch _, there := m.values[k]; m.rand.IntN(8) {
	case 0:
		must(t, s.Clear(t.Context(), k.Entity))
		maps.DeleteFunc(m.values, func(o driver.Key, _ string) bool { return o.Entity == k.Entity })
	case 1, 2:
		if there {
			remove(t, s, k)
			delete(m.values, k)
		}
	case 3:
		flush(t, s)
	default:
		m.n++
		m.values[k] = fmt.Sprintf(`{"n":%d}`, m.n)
		put(t, s, k, m.values[k])
	}
}

func (m *model) check(t *testing.T, s *filestore.Store, at string) {
	t.Helper()
	if f := findings(s.Report()); len(f) > 0 {
		t.Fatalf("%s: the report says %q", at, f)
	}
	for _, k := range m.keys {
		rec, err := s.Get(t.Context(), k)
		want, there := m.values[k]
		if there && string(rec.Data) != want || !there && !errors.Is(err, driver.ErrNotFound) {
			t.Fatalf("%s: Get %s: %q, %v; want %q", at, k, rec.Data, err, want)
		}
		for v, err := range s.History(t.Context(), k) {
			if errors.Is(err, errors.ErrUnsupported) {
				break
			}
			if err != nil || v.Deleted == there || string(v.Data) != want {
				t.Fatalf("%s: the newest state of %s is %q, removed %v, %v; want %q", at, k, v.Data, v.Deleted, err, want)
			}
			break
		}
	}
}

// Whichever way a directory is opened, in whatever order, however the stores
// end: what was acknowledged is there, what was removed is not, and nothing is
// taken for another hand's work.
func TestModesInAnyOrder(t *testing.T) {
	t.Parallel()
	for range 8 {
		seed := rand.Uint64()
		m, dir := newModel(seed), ramDir(t)
		for phase := range 12 {
			mode := []filestore.Mode{filestore.On, filestore.Off}[m.rand.IntN(2)]
			s := inMode(t, dir, mode)
			at := fmt.Sprintf("seed %d, phase %d, journal %s", seed, phase, mode)
			m.check(t, s, at)
			for range m.rand.IntN(8) {
				m.step(t, s)
			}
			m.check(t, s, at+", after the changes")
			if m.rand.IntN(2) == 0 {
				filestore.Kill(s)
			} else {
				closeStore(t, s)
			}
		}
	}
}

// A value that was removed from the files alone stays away, whatever becomes of
// the directories that hold the journal.
func TestRemovedDirectlyStaysAway(t *testing.T) {
	t.Parallel()
	for name, tidy := range map[string]func(t *testing.T, own string){
		"nothing":  func(t *testing.T, own string) {},
		"journal":  func(t *testing.T, own string) { must(t, os.RemoveAll(filepath.Join(own, "journal"))) },
		"snapshot": func(t *testing.T, own string) { must(t, os.RemoveAll(filepath.Join(own, "snapshot"))) },
		"both": func(t *testing.T, own string) {
			must(t, os.RemoveAll(filepath.Join(own, "journal")))
			must(t, os.RemoveAll(filepath.Join(own, "snapshot")))
		},
	} {
		for _, when := range []string{"before", "after"} {
			t.Run(name+" deleted "+when, func(t *testing.T) {
				dir := ramDir(t)
				s := still(t, dir, nil)
				put(t, s, btc, first)
				put(t, s, eth, first)
				closeStore(t, s)
				if when == "before" {
					tidy(t, filepath.Join(dir, ".holdfast"))
				}
				s = open(t, dir, nil)
				remove(t, s, btc)
				put(t, s, eth, second)
				filestore.Kill(s)
				if when == "after" {
					tidy(t, filepath.Join(dir, ".holdfast"))
				}
				for range 2 {
					s = journal(t, dir, nil)
					wantFindings(t, s)
					wantAbsent(t, s, btc)
					wantValue(t, s, eth, second)
					closeStore(t, s)
				}
			})
		}
	}
}

// A file that was damaged after it had been changed directly must not be healed
// with what the journal knows: that is an older state.
func TestDirectChangeIsNotHealedWithOlderState(t *testing.T) {
	t.Parallel()
	for name, damage := range damages {
		for _, mode := range []filestore.Mode{filestore.On, filestore.Off} {
			t.Run(name+" "+string(mode), func(t *testing.T) {
				dir := ramDir(t)
				s := still(t, dir, nil)
				put(t, s, btc, first)
				put(t, s, eth, first)
				closeStore(t, s)
				s = open(t, dir, nil)
				put(t, s, btc, second)
				closeStore(t, s)
				must(t, damage(filepath.Join(dir, btcFile)))
				for i := range 3 {
					s = inMode(t, dir, mode)
					wantDamaged(t, s, btc)
					wantValue(t, s, eth, first)
					if n := len(s.Report().Findings); n != 1 {
						t.Fatalf("opening %d reports %+v", i, s.Report().Findings)
					}
					filestore.Kill(s)
					mode = filestore.On
				}
				s = journal(t, dir, nil)
				put(t, s, btc, `3`)
				closeStore(t, s)
				wantClean(t, dir, map[driver.Key]string{btc: `3`, eth: first})
			})
		}
	}
}

// A value that direct mode found damaged is damaged in journal mode too, though
// the journal has an older state and there is no file any more.
func TestDamageFoundDirectlyIsRemembered(t *testing.T) {
	t.Parallel()
	dir := ramDir(t)
	s := still(t, dir, nil)
	put(t, s, btc, first)
	closeStore(t, s)
	s = open(t, dir, nil)
	put(t, s, btc, second)
	must(t, damages["garbage"](filepath.Join(dir, btcFile)))
	s.FS().Remove("nothing")
	filestore.Kill(s)
	modes := []filestore.Mode{filestore.Off, filestore.On, filestore.On, filestore.Off, filestore.On}
	for i, mode := range modes {
		s = inMode(t, dir, mode)
		wantDamaged(t, s, btc)
		if i%2 == 0 {
			filestore.Kill(s)
		} else {
			closeStore(t, s)
		}
	}
	s = journal(t, dir, nil)
	remove(t, s, btc)
	wantAbsent(t, s, btc)
	filestore.Kill(s)
	wantAbsent(t, inMode(t, dir, filestore.Off), btc)
}

// What ending the journal's use finds is in the report of the direct opening.
func TestDirectOpeningReports(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		do   func(t *testing.T, file string)
		want string
		data string
	}{
		"edited":  {func(t *testing.T, file string) { renew(t, file, `3`) }, "edited/adopted", `3`},
		"missing": {func(t *testing.T, file string) { must(t, os.Remove(file)) }, "missing/restored", first},
		"damaged": {func(t *testing.T, file string) { must(t, damages["truncated"](file)) }, "invalid-json/restored", first},
	} {
		t.Run(name, func(t *testing.T) {
			dir := ramDir(t)
			s := still(t, dir, nil)
			put(t, s, btc, first)
			closeStore(t, s)
			c.do(t, filepath.Join(dir, btcFile))
			s = open(t, dir, nil)
			wantFindings(t, s, c.want+" signal/strategy-a BTCUSDT")
			wantValue(t, s, btc, c.data)
			closeStore(t, s)
			wantFindings(t, open(t, dir, nil))
		})
	}
}

// Taking over many direct changes may need a checkpoint before all of them have
// been seen. A process that dies then must not make the next one believe that
// it has seen all.
func TestTakingOverIsCutOff(t *testing.T) {
	t.Parallel()
	dir := ramDir(t)
	large := func(n int) string { return fmt.Sprintf(`{"n":%d,"pad":%q}`, n, strings.Repeat("x", 900<<10)) }
	keys := []driver.Key{}
	for i := range 6 {
		keys = append(keys, driver.Key{Entity: "e", ID: fmt.Sprint("k", i)})
	}
	s := journal(t, dir, &filestore.Options{HistorySize: 1})
	put(t, s, btc, first)
	put(t, s, keys[3], `0`)
	closeStore(t, s)
	s = open(t, dir, nil)
	for i, k := range keys {
		put(t, s, k, large(i))
	}
	remove(t, s, btc)
	closeStore(t, s)
	o := func(fsys *faultfs.FS) *filestore.Options {
		return &filestore.Options{Journal: filestore.On, HistorySize: 1, FS: fsys}
	}
	probe := faultfs.New(osFS(t, duplicate(t, dir, true)))
	filestore.Kill(journal(t, dir, o(probe)))
	for n := 1; n <= probe.Calls(""); n += max(probe.Calls("")/7, 1) {
		copied := duplicate(t, dir, true)
		fsys := faultfs.New(osFS(t, copied), faultfs.Rule{Nth: n, Sticky: true})
		if s, err := filestore.Open(t.Context(), copied, o(fsys)); err == nil {
			filestore.Kill(s)
		}
		s := journal(t, copied, nil)
		wantFindings(t, s)
		wantAbsent(t, s, btc)
		for i, k := range keys {
			wantValue(t, s, k, large(i))
		}
		closeStore(t, s)
		must(t, os.RemoveAll(copied))
	}
}

// Once direct changes have been taken over, files count as ever: one that is
// missing was never removed.
func TestTakenOverForGood(t *testing.T) {
	t.Parallel()
	dir := ramDir(t)
	s := still(t, dir, nil)
	put(t, s, btc, first)
	put(t, s, eth, first)
	closeStore(t, s)
	s = open(t, dir, nil)
	put(t, s, btc, second)
	closeStore(t, s)
	for _, file := range []string{btcFile, "signal/strategy-a/ETHUSDT.json"} {
		filestore.Kill(still(t, dir, nil))
		must(t, os.Remove(filepath.Join(dir, file)))
		s = still(t, dir, nil)
		if got := findings(s.Report()); len(got) != 1 || !strings.HasPrefix(got[0], "missing/restored") {
			t.Fatalf("%s: the report says %q", file, got)
		}
		wantValue(t, s, btc, second)
		wantValue(t, s, eth, first)
		filestore.Kill(s)
	}
}

// P12: backtest-kit's directories open with a journal as they are; and what is
// written then is in the files.
func TestBacktestKitJournalled(t *testing.T) {
	t.Parallel()
	for _, part := range []string{"data", "custom"} {
		t.Run(part, func(t *testing.T) {
			dir, all := fromBacktestKit(t, part)
			before := withoutOwn(tree(t, dir))
			s := journal(t, dir, nil)
			wantFindings(t, s)
			for k, data := range all {
				wantValue(t, s, k, data)
			}
			filestore.Kill(s)
			if after := withoutOwn(tree(t, dir)); after != before {
				t.Errorf("opening changed it; before:\n%s\nafter:\n%s", before, after)
			}
			s = journal(t, dir, nil)
			wantFindings(t, s)
			for k := range all {
				all[k] = `{"new":true}`
				put(t, s, k, all[k])
			}
			put(t, s, btc, first)
			all[btc] = first
			closeStore(t, s)
			s = open(t, dir, nil)
			wantFindings(t, s)
			for k, data := range all {
				wantValue(t, s, k, data)
			}
		})
	}
}
