package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"slices"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
)

func portableCases() []testCase {
	return []testCase{
		{"Keys are in natural order", lister, (*subject).portableOrder},
		{"All, Filter and Take keep that order", lister, (*subject).portableAll},
		{"a sequence may be left early", lister, (*subject).portableBreak},
		{"the consumer may change what it iterates over", lister | deleter, (*subject).portableWhileWriting},
		{"Len counts", lister | deleter, (*subject).portableLen},
		{"Update reads, changes and writes", applier, (*subject).portableUpdate},
		{"an error of Update's function changes nothing", applier, (*subject).portableUpdateError},
		{"Update over several entities happens whole or not at all", anyBatch, (*subject).portableBatch},
		{"Update over several entities is ErrUnsupported where batches are narrower", applier, (*subject).portableNarrow},
		{"what the backend lacks is ErrUnsupported", 0, (*subject).portableUnsupported},
		{"errors name operation, entity and id", 0, (*subject).portableErrors},
		{"ReadOnly refuses every change", 0, (*subject).portableReadOnly},
	}
}

func (s *subject) ints(p *holdfast.Store) *holdfast.Collection[int] {
	s.Helper()
	c, err := holdfast.NewCollection[int](p, "signal/strategy-a", nil)
	s.ok(err, "NewCollection")
	return c
}

// natural is a list in natural order: numbers by value, letters whatever their
// case and accents.
var natural = []string{"1", "2", "10", "alpha", "Beta", "gamma", "log-1", "log-2", "Log-3", "log-10", "log-20", "strategy-9-a", "strategy-10-a"}

func (s *subject) portableOrder() {
	c := s.ints(s.portable())
	s.shuffled(natural, func(id string) bool {
		s.ok(c.Put(s.ctx, id, 1), "Put %s", id)
		return true
	})
	if got := s.collect(c.Keys(s.ctx), "Keys"); !slices.Equal(got, natural) {
		s.Fatalf("Keys: got %q, want %q", got, natural)
	}
}

// numbered puts 1 to 12 under log-1 to log-12.
func (s *subject) numbered(c *holdfast.Collection[int]) {
	s.Helper()
	for i, id := range logs {
		s.ok(c.Put(s.ctx, id, i+1), "Put %s", id)
	}
}

var logs = []string{"log-1", "log-2", "log-3", "log-4", "log-5", "log-6", "log-7", "log-8", "log-9", "log-10", "log-11", "log-12"}

func (s *subject) values(seq iter.Seq2[holdfast.Entry[int], error], what string) []int {
	s.Helper()
	var values []int
	for e, err := range seq {
		s.ok(err, "%s", what)
		if e.ID != logs[e.Value-1] || e.Rev == "" || e.ModTime.IsZero() {
			s.Fatalf("%s: %+v", what, e)
		}
		values = append(values, e.Value)
	}
	return values
}

func (s *subject) portableAll() {
	c := s.ints(s.portable())
	s.numbered(c)
	odd := func(n int) bool { return n%2 == 1 }
	for _, x := range []struct {
		name string
		seq  iter.Seq2[holdfast.Entry[int], error]
		want []int
	}{
		{"All", c.All(s.ctx), []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}},
		{"Filter", c.Filter(s.ctx, odd), []int{1, 3, 5, 7, 9, 11}},
		{"Take 3", c.Take(s.ctx, 3, nil), []int{1, 2, 3}},
		{"Take 3 odd ones", c.Take(s.ctx, 3, odd), []int{1, 3, 5}},
		{"Take 0", c.Take(s.ctx, 0, nil), nil},
		{"Take 100", c.Take(s.ctx, 100, odd), []int{1, 3, 5, 7, 9, 11}},
	} {
		if got := s.values(x.seq, x.name); !slices.Equal(got, x.want) {
			s.Fatalf("%s: got %v, want %v", x.name, got, x.want)
		}
	}
}

func (s *subject) portableBreak() {
	c := s.ints(s.portable())
	s.numbered(c)
	for id, err := range c.Keys(s.ctx) {
		s.ok(err, "Keys")
		if id == "log-3" {
			break
		}
	}
	for e, err := range c.All(s.ctx) {
		s.ok(err, "All")
		if e.ID == "log-3" {
			break
		}
	}
	s.ok(c.Put(s.ctx, "log-3", 3), "Put")
}

func (s *subject) portableWhileWriting() {
	c := s.ints(s.portable())
	s.numbered(c)
	s.soon("All, while its consumer writes and deletes", func(ctx context.Context) error {
		for e, err := range c.All(ctx) {
			if err != nil {
				return err
			}
			if e.ID == "log-1" {
				err = errors.Join(c.Delete(ctx, "log-5"), c.Put(ctx, "log-6", 60), c.Put(ctx, "log-0", 0))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	n, err := c.Len(s.ctx)
	s.ok(err, "Len")
	if n != 12 {
		s.Fatalf("Len after one was deleted and one created: %d", n)
	}
}

func (s *subject) portableLen() {
	c := s.ints(s.portable())
	s.numbered(c)
	s.ok(c.Delete(s.ctx, "log-7"), "Delete")
	n, err := c.Len(s.ctx)
	s.ok(err, "Len")
	if n != 11 {
		s.Fatalf("Len: got %d, want 11", n)
	}
	s.ok(c.Clear(s.ctx), "Clear")
	if n, err = c.Len(s.ctx); n != 0 || err != nil {
		s.Fatalf("Len after Clear: %d, %v", n, err)
	}
}

func (s *subject) portableUpdate() {
	c := s.ints(s.portable())
	for want := range 3 {
		s.ok(c.Update(s.ctx, "a", func(old int, found bool) (int, error) {
			if old != want || found != (want > 0) {
				s.Errorf("Update %d: old is %d, found %v", want, old, found)
			}
			return old + 1, nil
		}), "Update")
	}
	s.wantValue(key("a"), `3`)
}

func (s *subject) portableUpdateError() {
	c := s.ints(s.portable())
	s.put(key("a"), `1`)
	mine := errors.New("of the function")
	s.unchanged("Update with an error", func() {
		s.is(c.Update(s.ctx, "a", func(int, bool) (int, error) { return 2, mine }), mine, "Update")
		s.is(c.Update(s.ctx, "b", func(int, bool) (int, error) { return 2, mine }), mine, "Update of an absent value")
	}, key("a"), key("b"))
}

func (s *subject) portableBatch() {
	p, keys := s.portable(), s.batchKeys()
	mine := errors.New("of the function")
	change := func(end error) func(*holdfast.Batch) error {
		return func(b *holdfast.Batch) error {
			return errors.Join(
				b.Put(keys[0].Entity, keys[0].ID, []byte(`"new 0"`)),
				b.Delete(keys[1].Entity, keys[1].ID),
				b.Put(keys[2].Entity, keys[2].ID, []byte(`"new 2"`)),
				end)
		}
	}
	s.unchanged("Update with an error", func() { s.is(p.Update(s.ctx, change(mine)), mine, "Update") }, keys...)
	s.ok(p.Update(s.ctx, change(nil)), "Update")
	s.wantValue(keys[0], `"new 0"`)
	s.wantAbsent(keys[1])
	s.wantValue(keys[2], `"new 2"`)
}

func (s *subject) portableNarrow() {
	if batchScope(s.store) == driver.BatchAny {
		s.Skip("Apply knows no limit")
	}
	p, keys := s.portable(), s.batchKeys()
	s.unchanged("Update over several entities", func() {
		s.is(p.Update(s.ctx, func(b *holdfast.Batch) error {
			return errors.Join(b.Put(keys[0].Entity, keys[0].ID, []byte(`1`)), b.Put(keys[2].Entity, keys[2].ID, []byte(`1`)))
		}), errors.ErrUnsupported, "Update")
	}, keys...)
}

func (s *subject) portableUnsupported() {
	p := s.portable()
	c := s.raw(p, "signal/strategy-a")
	s.put(key("there"), `1`)
	s.unchanged("what the backend lacks", func() {
		for _, x := range []struct {
			has  bool
			name string
			call func() error
		}{
			{is[driver.Deleter](s.store), "Delete", func() error { return c.Delete(s.ctx, "there") }},
			{is[driver.Deleter](s.store), "Clear", func() error { return c.Clear(s.ctx) }},
			{is[driver.Lister](s.store), "Keys", func() error { return firstError(c.Keys(s.ctx)) }},
			{is[driver.Lister](s.store), "All", func() error { return firstError(c.All(s.ctx)) }},
			{is[driver.Lister](s.store), "Entities", func() error { return firstError(p.Entities(s.ctx)) }},
			{is[driver.Applier](s.store), "Update", func() error { return c.Update(s.ctx, "there", zero) }},
			{is[driver.Historian](s.store), "History", func() error { return firstError(c.History(s.ctx, "there")) }},
			{is[driver.Watcher](s.store), "Watch", func() error { return firstError(c.Watch(s.ctx)) }},
			{is[driver.Checker](s.store), "Check", func() error { _, err := p.Check(s.ctx, nil); return err }},
		} {
			if !x.has {
				s.is(x.call(), errors.ErrUnsupported, "%s", x.name)
			}
		}
	}, key("there"))
}

func (s *subject) portableErrors() {
	c := s.raw(s.portable(), "signal/strategy-a")
	_, err := c.Get(s.ctx, "BTCUSDT")
	var e *holdfast.Error
	if !errors.As(err, &e) || e.Op != "get" || e.Entity != "signal/strategy-a" || e.ID != "BTCUSDT" {
		s.Fatalf("Get: got error %#v", err)
	}
	var twice *holdfast.Error
	if errors.As(e.Err, &twice) {
		s.Fatalf("Get: wrapped twice: %v", err)
	}
}

func (s *subject) portableReadOnly() {
	k := key("there")
	s.put(k, `1`)
	p, err := holdfast.New(s.store, &holdfast.Options{ReadOnly: true})
	s.ok(err, "holdfast.New")
	readOnly(s.T, p, k, json.RawMessage(s.get(k).Data))
}
