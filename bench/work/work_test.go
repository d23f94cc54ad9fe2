package work

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/bench/contender"
	"github.com/holdfast-go/holdfast/bench/row"
)

// fake is a contender in memory, that can be made to lie or to fail.
type fake struct {
	mu     sync.Mutex
	m      map[string]string
	drops  int // every so many puts are acknowledged and forgotten
	fails  int // every so many puts fail
	puts   int
	closed bool
}

var errFake = errors.New("the disk is on fire")

func newFake() *fake { return &fake{m: map[string]string{}} }

func (f *fake) Open(string) error { return nil }

func (f *fake) Put(key string, value []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.puts++
	switch {
	case f.fails > 0 && f.puts%f.fails == 0:
		return errFake
	case f.drops == 0 || f.puts%f.drops != 0:
		f.m[key] = string(value)
	}
	return nil
}

func (f *fake) Get(key string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	value, ok := f.m[key]
	if !ok {
		return nil, errors.New("absent")
	}
	return []byte(value), nil
}

func (f *fake) Close() error {
	f.closed = true
	return nil
}

func shortLoad(threads, keys int) contender.Load {
	return contender.Load{Threads: threads, Keys: keys, Warm: 5 * time.Millisecond, Measure: 20 * time.Millisecond}
}

// What the harness believes to be acknowledged is what is stored, whatever the
// numbers of writers and keys.
func TestWritersKnowWhatWasAcknowledged(t *testing.T) {
	for _, l := range []contender.Load{shortLoad(1, 1), shortLoad(1, 10), shortLoad(8, 8), shortLoad(7, 30)} {
		f := newFake()
		last := make([]int64, l.Keys)
		if err := putAll(t.Context(), f, l.Threads, last); err != nil {
			t.Fatal(err)
		}
		tally, err := writers(t.Context(), f, l, last)
		if err != nil {
			t.Fatal(err)
		}
		if tally.Ops == 0 || tally.Seconds <= 0 || tally.P50 > tally.P99 || tally.P99 > tally.Max {
			t.Errorf("%d writers, %d keys: %+v", l.Threads, l.Keys, tally)
		}
		written := int64(0)
		for key, seq := range last {
			if err := verifyOne(f, key, seq); err != nil {
				t.Errorf("%d writers, %d keys: %v", l.Threads, l.Keys, err)
			}
			written += seq
		}
		if written < tally.Ops+int64(l.Keys) {
			t.Errorf("%d writers, %d keys: %d writes measured, %d kept account of", l.Threads, l.Keys, tally.Ops, written)
		}
	}
}

// A store that forgets is found out.
func TestForgottenWriteIsSeen(t *testing.T) {
	f := newFake()
	last := make([]int64, 10)
	if err := putAll(t.Context(), f, 2, last); err != nil {
		t.Fatal(err)
	}
	f.drops = 1
	if err := putAll(t.Context(), f, 2, last); err != nil {
		t.Fatal(err)
	}
	if err := verifyOne(f, 3, last[3]); err == nil || !strings.Contains(err.Error(), "write 2") {
		t.Errorf("an old value was taken for the new one: %v", err)
	}
	delete(f.m, row.Key(4))
	if err := verifyOne(f, 4, last[4]); err == nil || !strings.Contains(err.Error(), "not there") {
		t.Errorf("a lost value was not missed: %v", err)
	}
}

func TestFailingWriteEndsTheMeasurement(t *testing.T) {
	f := newFake()
	f.fails = 50
	start := time.Now()
	l := shortLoad(4, 8)
	l.Measure = time.Minute
	if _, err := writers(t.Context(), f, l, make([]int64, 8)); !errors.Is(err, errFake) {
		t.Errorf("error %v", err)
	}
	if err := putAll(t.Context(), f, 4, make([]int64, 100)); !errors.Is(err, errFake) {
		t.Errorf("filling: error %v", err)
	}
	if time.Since(start) > 30*time.Second {
		t.Error("it went on after the failure")
	}
}

func TestInterruption(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l := shortLoad(2, 2)
	l.Measure = time.Minute
	if _, err := writers(ctx, newFake(), l, make([]int64, 2)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestReadersCount(t *testing.T) {
	f := newFake()
	if err := putAll(t.Context(), f, 1, make([]int64, 1)); err != nil {
		t.Fatal(err)
	}
	tally, err := readers(t.Context(), f, shortLoad(3, 1))
	if err != nil || tally.Ops == 0 || tally.Seconds <= 0 {
		t.Errorf("%+v, %v", tally, err)
	}
	f.m[row.Key(0)] = "short"
	if _, err := readers(t.Context(), f, shortLoad(3, 1)); !errors.Is(err, errWrongValue) {
		t.Errorf("a wrong value was read: %v", err)
	}
}

func TestListedRowsAreChecked(t *testing.T) {
	expect := []int64{1, 5, 2}
	good := func() []row.Row { return []row.Row{row.Make(2, 2), row.Make(0, 1), row.Make(1, 5)} }
	if err := verifyRows(good(), expect); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(rows []row.Row) []row.Row{
		"one is missing":   func(rows []row.Row) []row.Row { return rows[1:] },
		"one comes twice":  func(rows []row.Row) []row.Row { rows[0] = rows[1]; return rows },
		"one is old":       func(rows []row.Row) []row.Row { rows[2] = row.Make(1, 4); return rows },
		"one is foreign":   func(rows []row.Row) []row.Row { rows[2] = row.Make(7, 1); return rows },
		"one is no key":    func(rows []row.Row) []row.Row { rows[2].Symbol = "x"; return rows },
		"a field is wrong": func(rows []row.Row) []row.Row { rows[2].StopLoss++; return rows },
	} {
		if err := verifyRows(change(good()), expect); err == nil {
			t.Errorf("%s, and nobody has noticed", name)
		}
	}
}
