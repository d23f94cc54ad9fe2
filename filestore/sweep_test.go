package filestore_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/filestore"
	"github.com/holdfast-go/holdfast/internal/testtool"
	"github.com/holdfast-go/holdfast/vfs/crashfs"
	"github.com/holdfast-go/holdfast/vfs/faultfs"
)

// The sweep: every call that a store makes from its opening to its end fails, one
// at a time or from then on, in every way; and the power goes after it.

// minFaults is what the sweep, when it is whole, may not fall below.
const minFaults = 6_000

// sweepFigures is what it comes to.
type sweepFigures struct {
	Faults  int `json:"faults"`
	Sites   int `json:"sites"` // calls of a run without a fault
	Kinds   int `json:"kinds"` // of these, by call and kind of file
	Crashes int `json:"crashStates"`
}

// sweep is the sweep of one mode.
type sweep struct {
	t    *testing.T
	mode filestore.Mode
	base *crashfs.Disk
	seed uint64

	mu sync.Mutex
	sweepFigures
}

func (w *sweep) options(fsys *faultfs.FS) *filestore.Options {
	o := filestore.Small(filestore.Options{Journal: w.mode, HistorySize: 64 << 10}, 12<<10)
	if fsys != nil {
		o.FS = fsys
	}
	return &o
}

// step is one change of the workload, of one value.
type step struct {
	key  driver.Key
	data string // "" is its removal
	do   func(ctx context.Context, s *filestore.Store) error
}

func sweepKey(entity string, n int) driver.Key {
	return driver.Key{Entity: entity, ID: strconv.Itoa(n)}
}

// large makes the journal rotate within a few changes.
func large(n int) string { return fmt.Sprintf(`{"n":%d,"pad":%q}`, n, strings.Repeat("x", 3000)) }

// steps are the changes: of what is there, new and damaged, one and many, and
// checkpoints between them (with no key).
func (w *sweep) steps() []step {
	put := func(k driver.Key, data string) step {
		return step{k, data, func(ctx context.Context, s *filestore.Store) error { return s.Put(ctx, k, []byte(data)) }}
	}
	remove := func(k driver.Key) step {
		return step{k, "", func(ctx context.Context, s *filestore.Store) error { return s.Delete(ctx, k) }}
	}
	flush := step{do: func(ctx context.Context, s *filestore.Store) error { return s.Flush(ctx) }}
	clear := step{sweepKey("cleared", 0), "", func(ctx context.Context, s *filestore.Store) error { return s.Clear(ctx, "cleared") }}
	batch := step{sweepKey("new/place", 2), `"batch"`, func(ctx context.Context, s *filestore.Store) error {
		return s.Apply(ctx, nil, []driver.Op{{Key: sweepKey("new/place", 2), Data: []byte(`"batch"`)}})
	}}
	return []step{
		put(sweepKey("new/place", 1), `"created"`), put(btc, `"over"`), remove(eth), clear, batch, flush,
		put(sweepKey("old", 1), large(1)), put(sweepKey("old", 2), large(2)), put(sweepKey("old", 3), large(3)),
		put(sweepKey("old", 4), large(4)), flush, put(sweepKey("old", 1), large(5)), remove(sweepKey("old", 2)),
		put(sweepKey("hurt", 1), `"good again"`), flush,
	}
}

// before are the values that are there at first. Of "hurt" and "healed" the file
// is damaged; a file of "gone" is missing, and one of "edited" is another.
var before = map[driver.Key]string{
	btc: `"old"`, eth: `"old"`, sweepKey("old", 1): large(0), sweepKey("cleared", 0): `0`,
	sweepKey("hurt", 1): `1`, sweepKey("healed", 1): `1`, sweepKey("gone", 1): `1`, sweepKey("edited", 1): `1`,
}

// prepare makes the disk that every run begins with.
func (w *sweep) prepare() {
	disk := crashfs.New(nil)
	fsys := disk.Mount()
	s, err := filestore.Open(w.t.Context(), "disk", w.options(faultfs.New(fsys)))
	must(w.t, err)
	for k, data := range before {
		put(w.t, s, k, data)
	}
	must(w.t, s.Flush(w.t.Context()))
	filestore.Kill(s)
	fsys = disk.Mount()
	for name, data := range map[string]string{"hurt/1.json": "{", "healed/1.json": "", "edited/1.json": `"by hand"`, "old/.tmp-0123456789abcdef-1.json": "{"} {
		f, err := fsys.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
		must(w.t, err)
		_, err = io.WriteString(f, data)
		must(w.t, errors.Join(err, f.Close()))
	}
	if w.mode == filestore.On {
		must(w.t, fsys.Remove("gone/1.json"))
	}
	w.base = disk.Settled(nil)
}

// may are the values that a key may have, "" for none and "?" for damage.
type may map[driver.Key][]string

// at returns what may be there at first.
func (w *sweep) at() may {
	m := may{}
	for k, data := range before {
		m[k] = []string{data}
	}
	m[sweepKey("edited", 1)] = []string{`"by hand"`}
	for _, k := range []driver.Key{sweepKey("hurt", 1), sweepKey("healed", 1)} {
		if w.mode == filestore.Off {
			m[k] = []string{"?"}
		}
	}
	return m
}

// begin and told note that a change was begun, and acknowledged.
func (m may) begin(s step) {
	if s.do != nil && s.key != (driver.Key{}) {
		if m[s.key] == nil {
			m[s.key] = []string{""}
		}
		m[s.key] = append(m[s.key], s.data)
	}
}

func (m may) told(s step) {
	if s.key != (driver.Key{}) {
		m[s.key] = []string{s.data}
	}
}

// check compares a store with what may be in it.
func (m may) check(ctx context.Context, s *filestore.Store) error {
	for k, all := range m {
		rec, err := s.Get(ctx, k)
		is := string(rec.Data)
		switch {
		case errors.Is(err, driver.ErrDamaged):
			is = "?"
		case err != nil && !errors.Is(err, driver.ErrNotFound):
			return fmt.Errorf("get %s: %w", k, err)
		}
		if !slices.Contains(all, is) {
			return fmt.Errorf("%s is %.40q, and may be %.40q", k, is, all)
		}
		if has, err := s.Has(ctx, k); has != (is != "" && is != "?") || errors.Is(err, driver.ErrDamaged) != (is == "?") {
			return fmt.Errorf("%s is %.40q, and Has says %v, %v", k, is, has, err)
		}
	}
	return nil
}

// mark is what is noted in the disk's record.
type mark struct {
	step int
	told bool
}

// run carries the workload out on a copy of the disk, with a fault.
// It returns the disk's record up to the end of the process: what a process after
// it may rely on, where a flush has failed and the file system was not mounted
// anew, is another question.
func (w *sweep) run(rule *faultfs.Rule) (*crashfs.Trace, *faultfs.FS, error) {
	disk := w.base.Settled(nil)
	fsys := faultfs.New(disk.Mount())
	if rule != nil {
		fsys.Add(*rule)
		fsys.OnFault = tellSyncs(disk)
	}
	s, err := filestore.Open(w.t.Context(), "disk", w.options(fsys))
	if err != nil {
		return disk.Trace(), fsys, w.surfaced(rule, "Open", err)
	}
	filestore.Still(s)
	values := w.at()
	for i, st := range w.steps() {
		values.begin(st)
		disk.Mark(mark{i, false})
		err = st.do(w.t.Context(), s)
		if errors.Is(err, driver.ErrNotFound) && slices.Contains(values[st.key], "") {
			err = nil // a removal of what an earlier fault has kept from being put
		}
		if err == nil {
			disk.Mark(mark{i, true})
			values.told(st)
		} else if err = w.surfaced(rule, fmt.Sprint("step ", i), err); err != nil {
			break
		}
	}
	if err == nil && len(fsys.Injected()) == 0 { // the fault is in the end, if anywhere
		if err = s.Close(); err != nil {
			err = w.surfaced(rule, "Close", err)
		}
	} else if fsys.Clear(); err == nil {
		err = values.check(w.t.Context(), s)
	}
	filestore.Kill(s)
	trace := disk.Trace()
	if err == nil {
		err = w.reopen(disk, values)
	}
	return trace, fsys, err
}

// tellSyncs tells the disk of the syncs that are made to fail: what they should
// have made durable is so with no later one.
func tellSyncs(disk *crashfs.Disk) func(faultfs.Event) {
	return func(e faultfs.Event) {
		switch e.Op {
		case faultfs.OpSyncAll:
			disk.SyncFailed("")
		case faultfs.OpSync, faultfs.OpSyncDir:
			disk.SyncFailed(e.Path)
		}
	}
}

// surfaced demands that an error is the one that was injected, or says that the
// store has stopped because of it.
func (w *sweep) surfaced(rule *faultfs.Rule, what string, err error) error {
	if rule == nil || !errors.Is(err, rule.Err) && !errors.Is(err, driver.ErrStopped) {
		return fmt.Errorf("%s gives %w", what, err)
	}
	return nil
}

// reopen opens the disk without faults, and finds what may be there, and nothing
// that is temporary.
func (w *sweep) reopen(disk *crashfs.Disk, values may) error {
	s, err := filestore.Open(w.t.Context(), "disk", w.options(faultfs.New(disk.Mount())))
	if err != nil {
		return fmt.Errorf("opening again: %w", err)
	}
	if err := values.check(w.t.Context(), s); err != nil {
		filestore.Kill(s)
		return fmt.Errorf("opened again: %w", err)
	}
	if err := s.Close(); err != nil {
		return fmt.Errorf("closing again: %w", err)
	}
	for _, e := range disk.Tree() {
		if strings.HasPrefix(path.Base(e.Name), ".tmp-") {
			return fmt.Errorf("%s is left", e.Name)
		}
	}
	return nil
}

// crash cuts the power at a moment after the fault, and judges one state of it.
func (w *sweep) crash(trace *crashfs.Trace, rng *rand.Rand, model crashfs.Model) error {
	at := rng.IntN(len(trace.Calls()) + 1)
	n := 0
	for p := range trace.Points(model) {
		if n++; n <= at {
			continue
		}
		var chosen *crashfs.State
		seen := 0
		for s := range p.States(&crashfs.Sampling{Seed: w.seed, Subsets: 4}) {
			if seen++; rng.IntN(seen) == 0 {
				chosen = &s
			}
			if seen == 40 {
				break
			}
		}
		if chosen == nil {
			return nil
		}
		values, steps := w.at(), w.steps()
		for _, v := range p.Marks() {
			if m := v.(mark); m.told {
				values.told(steps[m.step])
			} else {
				values.begin(steps[m.step])
			}
		}
		if err := w.reopen(chosen.Disk(nil), values); err != nil {
			return fmt.Errorf("%s: %w", chosen, err)
		}
		w.mu.Lock()
		w.Crashes++
		w.mu.Unlock()
		return nil
	}
	return nil
}

// ways are how a call may fail: five, for each.
func ways(op faultfs.Op, n int) []faultfs.Rule {
	var all []faultfs.Rule
	for _, sticky := range []bool{false, true} {
		for _, err := range []error{syscall.EIO, syscall.ENOSPC, syscall.EACCES, syscall.EMFILE} {
			all = append(all, faultfs.Rule{Op: op, Nth: n, Sticky: sticky, Err: err})
		}
		last := faultfs.Rule{Op: op, Nth: n, Sticky: sticky, Err: syscall.ESTALE}
		if op == faultfs.OpWrite || op == faultfs.OpWriteAt {
			last.Err, last.Short = syscall.ENOSPC, true
		}
		all = append(all, last)
	}
	return all
}

func TestFaultSweep(t *testing.T) {
	seed := rand.Uint64()
	if s := os.Getenv("HOLDFAST_SWEEP_SEED"); s != "" {
		var err error
		seed, err = strconv.ParseUint(s, 10, 64)
		must(t, err)
	}
	t.Logf("HOLDFAST_SWEEP_SEED=%d", seed)
	var total sweepFigures
	share := 1
	if testing.Short() || raceDetector {
		share = 10
	}
	for _, mode := range []filestore.Mode{filestore.Off, filestore.On} {
		t.Run("journal "+string(mode), func(t *testing.T) {
			w := &sweep{t: t, mode: mode, seed: seed}
			w.prepare()
			w.all(share)
			if share == 1 && w.Faults < w.Sites*10*98/100 {
				t.Errorf("%d faults, and %d were meant", w.Faults, w.Sites*10)
			}
			t.Logf("faults: %d injected over %d call sites (%d kinds) x 5 errors x 2, %d crash states", w.Faults, w.Sites, w.Kinds, w.Crashes)
			total.Faults, total.Sites = total.Faults+w.Faults, total.Sites+w.Sites
			total.Kinds, total.Crashes = total.Kinds+w.Kinds, total.Crashes+w.Crashes
		})
	}
	t.Logf("faults: %d injected over %d call sites x 5 errors x 2, %d crash states judged after them", total.Faults, total.Sites, total.Crashes)
	if share == 1 {
		if total.Faults < minFaults {
			t.Errorf("only %d faults, of at least %d", total.Faults, minFaults)
		}
		testtool.Figures(t, "faults", total)
	}
}

// all fails every call. share leaves out some, where there is less time.
func (w *sweep) all(share int) {
	_, fsys, err := w.run(nil)
	if err != nil {
		w.t.Fatalf("without a fault: %v", err)
	}
	counts := map[faultfs.Op]int{}
	for _, op := range faultfs.Ops() {
		counts[op] = fsys.Calls(op)
		w.Sites += counts[op]
	}
	w.Kinds = w.kinds()
	var wg sync.WaitGroup
	next := make(chan faultfs.Rule)
	for range 2 {
		wg.Go(func() {
			for rule := range next {
				w.one(rule)
			}
		})
	}
	i := 0
	for _, op := range faultfs.Ops() {
		for n := 1; n <= counts[op]; n++ {
			for _, rule := range ways(op, n) {
				if i++; (uint64(i)+w.seed)%uint64(share) == 0 && !w.t.Failed() {
					next <- rule
				}
			}
		}
	}
	close(next)
	wg.Wait()
}

// kinds counts the calls of a run by what is called on which kind of file.
func (w *sweep) kinds() int {
	var mu sync.Mutex
	kinds := map[string]bool{}
	fsys := faultfs.New(w.base.Settled(nil).Mount())
	fsys.OnCall = func(op faultfs.Op, name string) {
		mu.Lock()
		defer mu.Unlock()
		base := path.Base(name)
		if strings.HasPrefix(base, ".tmp-") {
			base = ".tmp"
		}
		kinds[string(op)+" "+path.Dir(plain(name))+" "+path.Ext(base)] = true
	}
	s, err := filestore.Open(w.t.Context(), "disk", w.options(fsys))
	must(w.t, err)
	filestore.Still(s)
	for _, st := range w.steps() {
		must(w.t, st.do(w.t.Context(), s))
	}
	must(w.t, s.Close())
	return len(kinds)
}

func (w *sweep) one(rule faultfs.Rule) {
	trace, fsys, err := w.run(&rule)
	for range 3 { // goroutines take turns: there may have been one call less
		if err == nil && len(fsys.Injected()) == 0 {
			trace, fsys, err = w.run(&rule)
		}
	}
	injected := fsys.Injected()
	if len(injected) == 0 {
		if err != nil {
			w.t.Errorf("with no fault injected: %v", err)
		}
		return
	}
	rng := rand.New(rand.NewPCG(w.seed, uint64(injected[0].Call)))
	for _, model := range crashfs.Models() {
		if err == nil {
			err = w.crash(trace, rng, model)
		}
	}
	w.mu.Lock()
	w.Faults++
	w.mu.Unlock()
	if err != nil {
		w.t.Errorf("%v\n  %v", injected[0], err)
	}
}
