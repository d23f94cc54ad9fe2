package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/vfs"
	"github.com/holdfast-go/holdfast/vfs/crashfs"
)

// Protocol is a workload whose every call is crashed.
type Protocol struct {
	Name string // unique, of letters

	// Before prepares the disk. It is not crashed: what it leaves is durable.
	// The store is open when it begins, and may be closed or not when it ends.
	Before func(w *Workload)

	// Run is what is crashed. The store is closed when it begins, so that it
	// is crashed while it opens; Run calls w.Open first.
	Run func(w *Workload)

	// After is what the next process does when a recovery is crashed in its
	// turn: it finds the store open. Default: two changes and a Flush.
	After func(w *Workload)

	// Models are those that the protocol is for. Default: all.
	Models []crashfs.Model

	// Recoveries is CrashOptions.Recoveries for this protocol, if that is less:
	// for one of very many calls.
	Recoveries int

	// Problems are what the report may tell of after a crash, beside leftover
	// temporary files. Default: nothing.
	Problems []driver.Problem

	// Judge adds to what every recovered state must be.
	Judge func(ctx context.Context, c *Crashed) error

	// Needs tells what the store must be able to do, else the protocol is
	// skipped. Default: everything.
	Needs func(s driver.Store) bool
}

// goOnAfter is the default of Protocol.After. The first change is so large that
// it may need new room.
func goOnAfter(w *Workload) {
	k := driver.Key{Entity: "signal/after", ID: "AFTER"}
	if len(w.touched) > 0 {
		k = w.touched[0]
	}
	w.Put(k, 3000)
	w.Flush()
	w.Put(driver.Key{Entity: k.Entity, ID: "AFTER"}, 50)
}

// Workload is a client of the store that writes down what it was told. A change
// that fails ends the test, unless CrashOptions.Wrap is there to make it fail.
//
// Concurrency: the changes may be called from many goroutines.
type Workload struct {
	*testing.T
	r     *crashRun
	disk  *crashfs.Disk
	store driver.Store
	after string // the state in which the process began, if it comes after a crash

	mu       sync.Mutex
	ops      int
	touched  []driver.Key
	evidence [][]byte
}

// Store is the store as it is open now.
func (w *Workload) Store() driver.Store { return w.store }

// Disk is the disk, to be changed behind the back of a closed store, in Before.
func (w *Workload) Disk() *crashfs.Disk { return w.disk }

// Open opens the store.
func (w *Workload) Open() {
	w.Helper()
	if err := w.TryOpen(); err != nil {
		w.Fatalf("open: %v", err)
	}
}

// TryOpen is Open for those who expect it to fail. Once the store is open, all
// values are read: what somebody has seen must not go back to what it was
// before, even if the process that wrote it was killed before it could tell.
func (w *Workload) TryOpen() error {
	var fsys vfs.FS = w.disk.Mount()
	if wrap := w.r.Wrap; wrap != nil {
		fsys = wrap(fsys.(*crashfs.FS))
	}
	s, err := w.r.open(w.Context(), fsys)
	if w.store = s; err != nil {
		w.store = nil
		return err
	}
	seen, v := w.r.read(w.Context(), s, w.touched)
	if v != nil {
		return v
	}
	w.saw(seen)
	return nil
}

// saw notes what was read of all keys.
func (w *Workload) saw(seen map[driver.Key]found) {
	var effects []effect
	for _, k := range w.touched {
		effects = append(effects, effect{k, []found{look(seen, k)}})
	}
	if len(effects) > 0 {
		op := &crashOp{what: "read", effects: effects}
		w.disk.Mark(begun{op})
		w.disk.Mark(ended{op, nil})
	}
}

// Close closes the store.
func (w *Workload) Close() {
	w.Helper()
	if c, ok := w.store.(io.Closer); ok && w.store != nil {
		if err := c.Close(); err != nil && w.r.Wrap == nil {
			w.Fatalf("close: %v", err)
		}
	}
	w.store = nil
}

// Kill ends the store as kill -9 does. Nothing is lost but what it had in mind.
func (w *Workload) Kill() {
	w.r.kill(w.store)
	w.disk.Mark(died{})
	w.store = nil
}

// Sleep lets time pass, and with it whatever the store does by itself.
func (w *Workload) Sleep(d time.Duration) { time.Sleep(d) }

// Flush is that of a driver.Flusher.
func (w *Workload) Flush() {
	w.Helper()
	if f, ok := w.store.(driver.Flusher); ok {
		if err := f.Flush(w.Context()); err != nil && w.r.Wrap == nil {
			w.Fatalf("flush: %v", err)
		}
	}
}

// Put puts a value: data with the number of the change in it, so that no two are
// alike.
func (w *Workload) Put(k driver.Key, size int) {
	w.Helper()
	data := w.value(size)
	w.do(fmt.Sprintf("put %s %.60s", k, data), []effect{{k, []found{found(data)}}}, func() error {
		return w.store.Put(w.Context(), k, []byte(data))
	})
}

// PutNull clears a value in backtest-kit's way.
func (w *Workload) PutNull(k driver.Key) {
	w.Helper()
	w.do(fmt.Sprintf("put %s null", k), []effect{{k, []found{"null"}}}, func() error {
		return w.store.Put(w.Context(), k, []byte("null"))
	})
}

// Delete removes a value, there or not.
func (w *Workload) Delete(k driver.Key) {
	w.Helper()
	w.do(fmt.Sprintf("delete %s", k), []effect{{k, []found{absent}}}, func() error {
		err := w.store.(driver.Deleter).Delete(w.Context(), k)
		if errors.Is(err, driver.ErrNotFound) {
			return nil // as durable an answer
		}
		return err
	})
}

// Clear removes all values of an entity.
func (w *Workload) Clear(entity string) {
	w.Helper()
	var effects []effect
	w.mu.Lock()
	for _, k := range w.touched {
		if k.Entity == entity {
			effects = append(effects, effect{k, []found{absent}})
		}
	}
	w.mu.Unlock()
	do := func() error { return w.store.(driver.Deleter).Clear(w.Context(), entity) }
	if d, ok := w.store.(driver.Describer); ok && !d.Properties().AtomicClear {
		w.doEach("clear "+entity, effects, do)
		return
	}
	w.do("clear "+entity, effects, do)
}

// Batch changes several values at once. An id that begins with "-" is deleted,
// others are put.
func (w *Workload) Batch(size int, keys ...driver.Key) {
	w.Helper()
	var ops []driver.Op
	var effects []effect
	var names []string
	for _, k := range keys {
		id, remove := strings.CutPrefix(k.ID, "-")
		k.ID = id
		op := driver.Op{Key: k, Delete: remove}
		to := absent
		if !remove {
			op.Data = []byte(w.value(size))
			to = found(op.Data)
		}
		ops, effects = append(ops, op), append(effects, effect{k, []found{to}})
		names = append(names, k.String())
	}
	w.do("batch "+strings.Join(names, " "), effects, func() error {
		return w.store.(driver.Applier).Apply(w.Context(), nil, ops)
	})
}

// Expect notes that a key has one of these values from now on, whatever was done
// to it before: somebody was at the disk behind the back of the store. "" stands
// for no value, "!" for a damaged one.
func (w *Workload) Expect(k driver.Key, values ...string) {
	e := effect{key: k}
	for _, v := range values {
		switch v {
		case "":
			e.to = append(e.to, absent)
		case "!":
			e.to = append(e.to, damaged)
		default:
			e.to = append(e.to, found(v))
		}
	}
	w.do(fmt.Sprintf("another hand at %s", k), []effect{e}, func() error { return nil })
}

// Keep notes bytes that must be somewhere on the disk, as the content of a whole
// file, from now on.
func (w *Workload) Keep(data []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.evidence = append(w.evidence, slices.Clone(data))
}

// Value returns what the store holds now.
func (w *Workload) Value(k driver.Key) string {
	w.Helper()
	rec, err := w.store.Get(w.Context(), k)
	if err != nil {
		w.Fatalf("get %s: %v", k, err)
	}
	return string(rec.Data)
}

// Together runs several clients at once and waits for them.
func (w *Workload) Together(clients ...func()) {
	var wg sync.WaitGroup
	for _, c := range clients {
		wg.Go(c)
	}
	wg.Wait()
}

// value makes a JSON value of about size bytes that no other change has.
func (w *Workload) value(size int) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ops++
	head := fmt.Sprintf(`{"n":%d,"pad":"`, w.ops)
	return head + strings.Repeat("x", max(size-len(head)-2, 0)) + `"}`
}

// do makes a change and marks the record with its beginning and end.
func (w *Workload) do(what string, effects []effect, f func() error) {
	w.Helper()
	w.touch(effects)
	op := &crashOp{what: what, effects: effects}
	w.disk.Mark(begun{op})
	err := f()
	w.disk.Mark(ended{op, err})
	w.check(what, err)
}

// doEach is do for a change that is one for each key.
func (w *Workload) doEach(what string, effects []effect, f func() error) {
	w.Helper()
	w.touch(effects)
	var ops []*crashOp
	for _, e := range effects {
		op := &crashOp{what: fmt.Sprintf("%s: %s", what, e.key), effects: []effect{e}}
		ops = append(ops, op)
		w.disk.Mark(begun{op})
	}
	err := f()
	for _, op := range ops {
		w.disk.Mark(ended{op, err})
	}
	w.check(what, err)
}

func (w *Workload) check(what string, err error) {
	w.Helper()
	switch {
	case err == nil || w.r.Wrap != nil:
	case w.after != "":
		w.Error(&verdict{Stuck, fmt.Sprintf("%s: %v, %s", what, err, w.after)})
	default:
		w.Errorf("%s: %v", what, err)
	}
}

func (w *Workload) touch(effects []effect) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range effects {
		if !slices.Contains(w.touched, e.key) {
			w.touched = append(w.touched, e.key)
		}
	}
}
