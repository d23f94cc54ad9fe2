package main

import (
	"context"
	"encoding/json"
	"iter"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/memstore"
)

// shelf is a store in memory that one invocation leaves to the next, by the URL
// test:NAME, and that reports what the test says.
type shelf struct {
	*memstore.Store
	report  driver.Report
	bare    bool // no history
	shared  bool // several processes may use it
	damaged bool // every value
	intact  int  // states before a damaged stretch of history, 0: there is none
}

func (s *shelf) Close() error          { return nil }
func (s *shelf) Report() driver.Report { return s.report }
func (s *shelf) Properties() driver.Properties {
	p := s.Store.Properties()
	p.Location, p.Shared = "the shelf", s.shared
	return p
}

func (s *shelf) Has(ctx context.Context, k driver.Key) (bool, error) {
	if s.damaged {
		return false, &driver.DamagedError{Path: k.String(), Reason: "by the test"}
	}
	return s.Store.Has(ctx, k)
}

func (s *shelf) Apply(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
	if s.damaged && len(conds) > 0 {
		return &driver.DamagedError{Path: conds[0].Key.String(), Reason: "by the test"}
	}
	return s.Store.Apply(ctx, conds, ops)
}

// History breaks off where the test says.
func (s *shelf) History(ctx context.Context, k driver.Key) iter.Seq2[driver.Version, error] {
	return func(yield func(driver.Version, error) bool) {
		n := 0
		for v, err := range s.Store.History(ctx, k) {
			if s.intact > 0 && n == s.intact {
				yield(driver.Version{}, &driver.DamagedError{Path: "journal/1", Reason: "by the test", Way: "newer states are told before it"})
				return
			}
			if n++; !yield(v, err) {
				return
			}
		}
	}
}

// Check tells of the same findings, as what opening would do.
func (s *shelf) Check(context.Context, func(int)) (driver.Report, error) {
	r := driver.Report{Entities: s.report.Entities, Values: s.report.Values}
	for _, f := range s.report.Findings {
		f.Planned = true
		r.Findings = append(r.Findings, f)
	}
	return r, nil
}

var shelves sync.Map // name → *shelf

func openShelf(_ context.Context, u *url.URL, _ driver.OpenOptions) (driver.Store, error) {
	s, _ := shelves.LoadOrStore(u.Opaque, &shelf{Store: memstore.New()})
	if sh := s.(*shelf); sh.bare {
		return struct{ driver.Store }{sh}, nil
	}
	return s.(*shelf), nil
}

// newShelf makes a store that keeps history, and its flag.
func newShelf(t *testing.T) (flag string, s *shelf) {
	t.Helper()
	name := strings.ReplaceAll(t.Name(), "/", "-")
	s = &shelf{Store: memstore.New()}
	shelves.Store(name, s)
	t.Cleanup(func() { shelves.Delete(name) })
	return "--store=test:" + name, s
}

// stateDoc is a state as the commands describe it with --json.
type stateDoc struct {
	Entity, ID, State, Rev string
	Size                   int
	ModTime                time.Time
	Data                   json.RawMessage
}

// at is its time as history prints it.
func (v stateDoc) at() string { return v.ModTime.Format(timeFormat) }

// historyOf reads all states of e a, the newest first.
func historyOf(t *testing.T, store string, args ...string) []stateDoc {
	t.Helper()
	var states []stateDoc
	for line := range strings.Lines(invoke(t, "", append([]string{store, "--json", "history", "e", "a"}, args...)...).ok(t)) {
		var v stateDoc
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatal(err)
		}
		states = append(states, v)
	}
	return states
}

// shelved holds e a with the states 1.50, null, removed and a signal, each of
// its own millisecond.
func shelved(t *testing.T) (store string, states []stateDoc) {
	t.Helper()
	store, _ = newShelf(t)
	for _, args := range []string{`{"price": 1.50}`, "null", "", "{ \"price\": 2, \"note\": \"a <long> one\", \"levels\": [1, 2, 3] }\n"} {
		if args == "" {
			invoke(t, "", store, "rm", "e", "a").ok(t)
		} else {
			put(t, store, "e", "a", args)
		}
		time.Sleep(3 * time.Millisecond)
	}
	return store, historyOf(t, store)
}
