package journal_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"iter"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast-go/holdfast/atomicfile"
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/journal"
	"github.com/holdfast-go/holdfast/storetest"
	"github.com/holdfast-go/holdfast/vfs"
)

// logStore is the smallest store that this package makes: all values in memory,
// every change a record. Flush keeps them in a file and lets the journal have
// its space back.
type logStore struct {
	fsys vfs.FS
	j    *journal.Journal

	mu     sync.Mutex
	values map[driver.Key]string // what is durable
	last   uint64
}

// logFile is what Flush keeps.
type logFile struct {
	Last   uint64
	Values []logOp
}

// logOp is a change within a record.
type logOp struct {
	Entity, ID string
	Data       string `json:",omitempty"`
	Delete     bool   `json:",omitempty"`
}

const (
	logDir  = "journal"
	logName = "values.json"
)

func openLog(fsys vfs.FS) (driver.Store, error) {
	s := &logStore{fsys: fsys, values: map[driver.Key]string{}}
	if err := atomicfile.MkdirAll(fsys, logDir, 0o700); err != nil {
		return nil, err
	}
	if err := s.load(); err != nil {
		return nil, err
	}
	kept := s.last // by the file; what the journal alone has must stay there
	o := &journal.Options{MinSegment: 12 << 10, MaxSegment: 16 << 10, MaxSize: 40 << 10,
		Committed: s.committed, MakeRoom: s.keep}
	var err error
	s.j, err = journal.Open(fsys, logDir, o, journal.Replay{After: s.last, Record: func(r journal.Record) error {
		var ops []logOp
		err := json.Unmarshal(r.Payload, &ops)
		s.apply(ops)
		s.last = r.Seq
		return err
	}, Damage: func(d journal.Damage) error { return &journal.DamageError{Damage: d} }})
	if err != nil {
		return nil, err
	}
	s.j.Release(kept)
	return s, nil
}

func (s *logStore) load() error {
	f, err := s.fsys.OpenFile(logName, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	var all logFile
	if err := json.Unmarshal(data, &all); err != nil {
		return err
	}
	s.apply(all.Values)
	s.last = all.Last
	return s.fsys.SyncDir(".") // the journal gives up what this has
}

func (s *logStore) apply(ops []logOp) {
	for _, o := range ops {
		k := driver.Key{Entity: o.Entity, ID: o.ID}
		if o.Delete {
			delete(s.values, k)
		} else {
			s.values[k] = o.Data
		}
	}
}

// change is a record's item.
type change struct {
	seq chan uint64
	ops []logOp
}

func (s *logStore) committed(items []any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, item := range items {
		c := item.(change)
		s.apply(c.ops)
		s.last = <-c.seq
	}
}

func (s *logStore) append(ctx context.Context, ops []logOp) error {
	payload, err := json.Marshal(ops)
	if err != nil {
		return err
	}
	if err := s.j.Reserve(ctx, len(payload)); err != nil {
		return err
	}
	c := change{make(chan uint64, 1), ops}
	flush, seq := s.j.Enqueue(payload, epoch, c)
	c.seq <- seq
	return flush.Wait()
}

func (s *logStore) Init(context.Context, string) error { return nil }

func (s *logStore) Get(_ context.Context, k driver.Key) (driver.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.values[k]
	if !ok {
		return driver.Record{}, driver.ErrNotFound
	}
	return driver.Record{Key: k, Data: []byte(v)}, nil
}

func (s *logStore) Has(ctx context.Context, k driver.Key) (bool, error) {
	_, err := s.Get(ctx, k)
	return err == nil, nil
}

func (s *logStore) Put(ctx context.Context, k driver.Key, data []byte) error {
	return s.append(ctx, []logOp{{Entity: k.Entity, ID: k.ID, Data: string(data)}})
}

func (s *logStore) Delete(ctx context.Context, k driver.Key) error {
	if ok, _ := s.Has(ctx, k); !ok {
		return driver.ErrNotFound
	}
	return s.append(ctx, []logOp{{Entity: k.Entity, ID: k.ID, Delete: true}})
}

func (s *logStore) Clear(ctx context.Context, entity string) error {
	var ops []logOp
	for _, k := range s.keys() {
		if k.Entity == entity {
			ops = append(ops, logOp{Entity: k.Entity, ID: k.ID, Delete: true})
		}
	}
	if len(ops) == 0 {
		return nil
	}
	return s.append(ctx, ops)
}

func (s *logStore) Apply(ctx context.Context, _ []driver.Cond, ops []driver.Op) error {
	var all []logOp
	for _, o := range ops {
		all = append(all, logOp{Entity: o.Key.Entity, ID: o.Key.ID, Data: string(o.Data), Delete: o.Delete})
	}
	return s.append(ctx, all)
}

// Flush implements driver.Flusher.
func (s *logStore) Flush(context.Context) error {
	if err := s.keep(); err != nil {
		return err
	}
	return s.j.Trim()
}

// keep puts all values into the file, and lets the journal have its space back.
func (s *logStore) keep() error {
	s.mu.Lock()
	all := logFile{Last: s.last}
	for k, v := range s.values {
		all.Values = append(all.Values, logOp{Entity: k.Entity, ID: k.ID, Data: v})
	}
	s.mu.Unlock()
	data, err := json.Marshal(all)
	if err != nil {
		return err
	}
	if err := atomicfile.Write(s.fsys, logName, data, nil); err != nil {
		return err
	}
	s.j.Release(all.Last)
	return nil
}

func (s *logStore) keys() []driver.Key {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Keys(s.values), func(a, b driver.Key) int {
		return strings.Compare(a.String(), b.String())
	})
}

func (s *logStore) IDs(_ context.Context, entity string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, k := range s.keys() {
			if k.Entity == entity && !yield(k.ID, nil) {
				return
			}
		}
	}
}

func (s *logStore) Entities(context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		seen := map[string]bool{}
		for _, k := range s.keys() {
			if !seen[k.Entity] && !yield(k.Entity, nil) {
				return
			}
			seen[k.Entity] = true
		}
	}
}

func (s *logStore) Properties() driver.Properties {
	return driver.Properties{Backend: "log", Durable: true, ExactBytes: true, AtomicClear: true, Batch: driver.BatchAny}
}

func (s *logStore) Close() error { return s.j.Close() }

// The protocols that are the journal's own.
func logProtocols() []storetest.Protocol {
	k := func(id string) driver.Key { return driver.Key{Entity: "e", ID: id} }
	return []storetest.Protocol{
		{Name: "segments are filled, released and used again", Run: func(w *storetest.Workload) {
			w.Open()
			for range 3 {
				w.Put(k("a"), 2600)
				w.Put(k("b"), 900)
				w.Flush()
			}
			for range 4 {
				w.Put(k("c"), 2000)
			}
			w.Close()
		}},
		{Name: "records larger than a segment", Run: func(w *storetest.Workload) {
			w.Open()
			w.Put(k("a"), 20_000)
			w.Put(k("b"), 100)
			w.Put(k("a"), 13_000)
			w.Close()
		}},
		{Name: "eight writers in one flush", Run: func(w *storetest.Workload) {
			w.Open()
			var clients []func()
			for _, id := range strings.Split("abcdefgh", "") {
				clients = append(clients, func() { w.Put(k(id), 700); w.Put(k(id), 20) })
			}
			w.Together(clients...)
			w.Batch(300, k("a"), k("-b"), k("c"))
			w.Close()
		}},
	}
}

// minCrashStates is what a run that is whole may not fall below.
const minCrashStates = 20_000

// Every crash of a store that is little more than a journal.
func TestCrashStore(t *testing.T) {
	tally := &storetest.CrashTally{}
	t.Run("protocols", func(t *testing.T) {
		storetest.RunCrash(t, func(_ context.Context, fsys vfs.FS) (driver.Store, error) {
			return openLog(fsys)
		}, &storetest.CrashOptions{Protocols: slices.Concat(storetest.CrashProtocols(), logProtocols()), Tally: tally, Most: 10000})
	})
	tally.Report(t, "journal", minCrashStates)
}
