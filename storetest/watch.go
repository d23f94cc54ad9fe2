package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
)

func watchCases() []testCase {
	return []testCase{
		{"a watcher is told of each change after it was made", watcher, (*subject).watchTold},
		{"a watcher is told of deletions", watcher | deleter, (*subject).watchDeleted},
		{"a watcher is told of batches", watcher | applier, (*subject).watchBatch},
		{"a watcher is told of batches of creations", watcher | anyBatch, (*subject).watchCreations},
		{"a watcher is told of what is loaded", watcher | loader, (*subject).watchLoaded},
		{"watching begins with the call", watcher, (*subject).watchBegins},
		{"watchers of other entities are not told", watcher, (*subject).watchOthers},
		{"a watcher is not told of what was refused", watcher, (*subject).watchRefused},
		{"watching ends with its context and says so", watcher, (*subject).watchEnds},
		{"watching may be left early", watcher, (*subject).watchBreak},
		{"a slow watcher holds up nobody and misses nothing", watcher, (*subject).watchSlow},
		{"watching ends when the store is closed", watcher | closer, (*subject).watchClose},
		{"the portable type watches", watcher, (*subject).watchPortable},
	}
}

// watch begins to watch, at once.
func (s *subject) watch(ctx context.Context, entity string) iter.Seq2[driver.Change, error] {
	s.Helper()
	s.ok(s.init(entity), "Init")
	return s.store.(driver.Watcher).Watch(ctx, entity)
}

// told collects changes until all of want have been told, by id and in the
// state that is the last; whether it was deleted is the value.
func told(changes iter.Seq2[driver.Change, error], entity string, want map[string]bool) error {
	got := map[string]bool{}
	for c, err := range changes {
		if err != nil {
			return fmt.Errorf("told of %v (deleted: %v), then: %w", got, want, err)
		}
		if _, ok := want[c.Key.ID]; !ok || c.Key.Entity != entity {
			return fmt.Errorf("told of %s, which did not change in %s", c.Key, entity)
		}
		got[c.Key.ID] = c.Deleted
		if equal(got, want) {
			return nil
		}
	}
	return errors.New("the sequence ended without an error")
}

func equal(a, b map[string]bool) bool {
	for k, v := range b {
		if got, ok := a[k]; !ok || got != v {
			return false
		}
	}
	return len(a) == len(b)
}

func (s *subject) watchTold() {
	entity := "signal/strategy-a"
	ctx, cancel := context.WithTimeout(s.ctx, s.Patience)
	defer cancel()
	next, stop := iter.Pull2(s.watch(ctx, entity))
	defer stop()
	for i := range 20 {
		k := key(fmt.Sprint("k", i%3))
		s.put(k, fmt.Sprint(i))
		c, err, ok := next()
		s.ok(err, "Watch after Put %d", i)
		if !ok || c.Key != k || c.Deleted {
			s.Fatalf("Watch after Put %s: got %+v, %v", k, c, ok)
		}
		s.wantValue(k, fmt.Sprint(i))
	}
}

func (s *subject) watchDeleted() {
	entity := "signal/strategy-a"
	ctx, cancel := context.WithTimeout(s.ctx, s.Patience)
	defer cancel()
	s.put(key("a"), `1`)
	s.put(key("b"), `1`)
	changes := s.watch(ctx, entity)
	s.delete(key("a"))
	s.ok(told(changes, entity, map[string]bool{"a": true}), "Watch of a deletion")

	s.put(key("a"), `1`)
	changes = s.watch(ctx, entity)
	s.clear(entity)
	s.put(key("c"), `1`)
	s.ok(told(changes, entity, map[string]bool{"a": true, "b": true, "c": false}), "Watch of Clear")
}

func (s *subject) watchBatch() {
	entity := "signal/strategy-a"
	ctx, cancel := context.WithTimeout(s.ctx, s.Patience)
	defer cancel()
	changes := s.watch(ctx, entity)
	s.ok(s.apply(nil, put(key("a"), `1`)), "Apply")
	s.ok(s.apply(nil, put(key("b"), `1`)), "Apply")
	s.ok(s.apply(nil, del(key("b"))), "Apply")
	s.ok(told(changes, entity, map[string]bool{"a": false, "b": true}), "Watch")
	if batchScope(s.store) != driver.BatchAny {
		return
	}
	changes = s.watch(ctx, entity)
	other := driver.Key{Entity: "risk/conservative", ID: "a"}
	s.ok(s.apply(nil, del(key("a")), put(other, `1`), put(key("c"), `1`)), "Apply")
	s.ok(told(changes, entity, map[string]bool{"a": true, "c": false}), "Watch")
}

// watchCreations is about the shorter way that backends have for them.
func (s *subject) watchCreations() {
	entity := "e1"
	ctx, cancel := context.WithTimeout(s.ctx, s.Patience)
	defer cancel()
	conds, ops := creations(30, `%d`)
	s.ok(s.init(entity), "Init")
	changes := s.watch(ctx, entity)
	s.ok(s.apply(conds, ops...), "Apply")
	want := map[string]bool{}
	for _, op := range ops {
		if op.Key.Entity == entity {
			want[op.Key.ID] = false
		}
	}
	s.ok(told(changes, entity, want), "Watch")
}

func (s *subject) watchLoaded() {
	entity := "signal/strategy-a"
	ctx, cancel := context.WithTimeout(s.ctx, s.Patience)
	defer cancel()
	changes := s.watch(ctx, entity)
	s.loaded(value(key("a"), `1`), value(driver.Key{Entity: "risk", ID: "b"}, `1`), value(key("c"), `1`))
	s.ok(told(changes, entity, map[string]bool{"a": false, "c": false}), "Watch")
}

func (s *subject) watchBegins() {
	entity := "signal/strategy-a"
	s.put(key("before"), `1`)
	ctx, cancel := context.WithTimeout(s.ctx, s.Patience)
	defer cancel()
	changes := s.watch(ctx, entity)
	s.put(key("a"), `1`) // before the sequence is first asked
	s.put(key("b"), `1`)
	s.ok(told(changes, entity, map[string]bool{"a": false, "b": false}), "Watch")
}

func (s *subject) watchOthers() {
	entity := "signal/strategy-a"
	ctx, cancel := context.WithTimeout(s.ctx, s.Patience)
	defer cancel()
	changes := s.watch(ctx, entity)
	for _, other := range []string{"signal", "signal/strategy-a/b", "signal/strategy-ab", "signal/strategy", "risk/conservative"} {
		s.put(driver.Key{Entity: other, ID: "a"}, `1`)
	}
	s.put(key("last"), `1`)
	s.ok(told(changes, entity, map[string]bool{"last": false}), "Watch")
}

func (s *subject) watchRefused() {
	entity := "signal/strategy-a"
	ctx, cancel := context.WithTimeout(s.ctx, s.Patience)
	defer cancel()
	changes := s.watch(ctx, entity)
	s.is(s.store.Put(s.ctx, key("a"), []byte(`{`)), driver.ErrInvalidJSON, "Put")
	s.put(key("last"), `1`) // told after a, by time and by byte order
	s.ok(told(changes, entity, map[string]bool{"last": false}), "Watch")
}

func (s *subject) watchEnds() {
	ctx, cancel := context.WithCancel(s.ctx)
	changes := s.watch(ctx, "signal/strategy-a")
	s.put(key("a"), `1`)
	s.soon("Watch, after its context was cancelled", func(context.Context) error {
		err := firstWith(changes, cancel)
		if !errors.Is(err, context.Canceled) {
			return fmt.Errorf("it ended with %v, want %w", err, context.Canceled)
		}
		return nil
	})
}

// firstWith runs a sequence, calls f on the first element, and returns the
// error that ends it.
func firstWith(changes iter.Seq2[driver.Change, error], f func()) error {
	var last error
	for _, err := range changes {
		f()
		last = err
	}
	return last
}

func (s *subject) watchBreak() {
	ctx, cancel := context.WithTimeout(s.ctx, s.Patience)
	defer cancel()
	changes := s.watch(ctx, "signal/strategy-a")
	s.put(key("a"), `1`)
	s.put(key("b"), `1`)
	for _, err := range changes {
		s.ok(err, "Watch")
		break
	}
	s.put(key("a"), `2`)
	s.wantValue(key("a"), `2`)
}

func (s *subject) watchSlow() {
	entity := "signal/strategy-a"
	want := map[string]bool{}
	ctx, cancel := context.WithTimeout(s.ctx, s.Patience)
	defer cancel()
	changes := s.watch(ctx, entity)
	s.soon("Put beside a watcher that does not read", func(ctx context.Context) error {
		for i := range 300 {
			id := fmt.Sprint("k", i%50)
			want[id] = false
			if err := s.store.Put(ctx, key(id), []byte(fmt.Sprint(i))); err != nil {
				return err
			}
		}
		return nil
	})
	s.ok(told(changes, entity, want), "Watch")
}

func (s *subject) watchClose() {
	changes := s.watch(s.ctx, "signal/strategy-a")
	s.put(key("a"), `1`)
	s.soon("Watch, after its store was closed", func(context.Context) error {
		var closing error
		_ = firstWith(changes, func() { closing = errors.Join(closing, s.closeOnce()) })
		return closing
	})
}

// closeOnce closes the store the first time it is called.
func (s *subject) closeOnce() error {
	if s.inits == nil {
		return nil
	}
	s.inits = nil
	return s.store.(io.Closer).Close()
}

func (s *subject) watchPortable() {
	ctx, cancel := context.WithTimeout(s.ctx, s.Patience)
	defer cancel()
	c, err := holdfast.NewCollection[int](s.portable(), "signal/strategy-a", nil)
	s.ok(err, "NewCollection")
	changes := c.Watch(ctx)
	s.ok(c.Put(s.ctx, "a", 1), "Put")
	for change, err := range changes {
		s.ok(err, "Watch")
		if change != (holdfast.Change{ID: "a"}) {
			s.Fatalf("Watch: got %+v", change)
		}
		cancel()
		break
	}
}
