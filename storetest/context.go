package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/holdfast-go/holdfast/driver"
)

func contextCases() []testCase {
	var cases []testCase
	for _, c := range driverCalls() {
		cases = append(cases, testCase{c.name + " with a cancelled context changes nothing", c.needs,
			func(s *subject) { s.contextDone(c) }})
	}
	return append(cases,
		testCase{"the portable type refuses a cancelled context", 0, (*subject).contextPortable},
		testCase{"Put with a context cancelled meanwhile happens whole or not at all", 0, (*subject).contextMeanwhile})
}

// driverCall is a call of a driver's method on what is under "there".
type driverCall struct {
	name  string
	needs need
	call  func(ctx context.Context, d driver.Store) error
}

func driverCalls() []driverCall {
	there := key("there")
	return []driverCall{
		{"Init", 0, func(ctx context.Context, d driver.Store) error { return d.Init(ctx, there.Entity) }},
		{"Get", 0, func(ctx context.Context, d driver.Store) error {
			_, err := d.Get(ctx, there)
			return err
		}},
		{"Has", 0, func(ctx context.Context, d driver.Store) error {
			_, err := d.Has(ctx, there)
			return err
		}},
		{"Put", 0, func(ctx context.Context, d driver.Store) error { return d.Put(ctx, there, []byte(`2`)) }},
		{"Delete", deleter, func(ctx context.Context, d driver.Store) error {
			return d.(driver.Deleter).Delete(ctx, there)
		}},
		{"Clear", deleter, func(ctx context.Context, d driver.Store) error {
			return d.(driver.Deleter).Clear(ctx, there.Entity)
		}},
		{"IDs", lister, func(ctx context.Context, d driver.Store) error {
			return firstError(d.(driver.Lister).IDs(ctx, there.Entity))
		}},
		{"Entities", lister, func(ctx context.Context, d driver.Store) error {
			return firstError(d.(driver.Lister).Entities(ctx))
		}},
		{"Apply", applier, func(ctx context.Context, d driver.Store) error {
			return d.(driver.Applier).Apply(ctx, nil, []driver.Op{{Key: there, Data: []byte(`2`)}})
		}},
		{"Load", loader, func(ctx context.Context, d driver.Store) error {
			return d.(driver.Loader).Load(ctx, []driver.Value{{Key: key("absent"), Data: []byte(`2`)}})[0]
		}},
		{"Scan", scanner, func(ctx context.Context, d driver.Store) error {
			return firstError(d.(driver.Scanner).Scan(ctx, there.Entity))
		}},
		{"AppendGet", appender, func(ctx context.Context, d driver.Store) error {
			_, err := d.(driver.AppendGetter).AppendGet(ctx, there, nil)
			return err
		}},
		{"History", historian, func(ctx context.Context, d driver.Store) error {
			return firstError(d.(driver.Historian).History(ctx, there))
		}},
		{"Watch", watcher, func(ctx context.Context, d driver.Store) error {
			return firstError(d.(driver.Watcher).Watch(ctx, there.Entity))
		}},
		{"Check", checker, func(ctx context.Context, d driver.Store) error {
			_, err := d.(driver.Checker).Check(ctx, nil)
			return err
		}},
	}
}

func firstError[V any](seq iter.Seq2[V, error]) error {
	for _, err := range seq {
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *subject) contextDone(c driverCall) {
	s.put(key("there"), `1`)
	s.put(key("other"), `1`)
	cancelled, cancel := context.WithCancel(s.ctx)
	cancel()
	late, cancel := context.WithDeadline(s.ctx, time.Unix(0, 0))
	defer cancel()
	s.unchanged("a call with its context done", func() {
		s.soon(c.name, func(context.Context) error {
			if err := c.call(cancelled, s.store); !errors.Is(err, context.Canceled) {
				return fmt.Errorf("got error %v, want %w", err, context.Canceled)
			}
			if err := c.call(late, s.store); !errors.Is(err, context.DeadlineExceeded) {
				return fmt.Errorf("got error %v, want %w", err, context.DeadlineExceeded)
			}
			return nil
		})
	}, key("there"), key("other"), key("absent"))
	s.put(key("there"), `3`) // and nothing is stuck
	s.wantValue(key("there"), `3`)
}

func (s *subject) contextPortable() {
	s.put(key("there"), `1`)
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	p := s.portable()
	c := s.raw(p, "signal/strategy-a")
	s.unchanged("a call with its context done", func() {
		s.is(c.Put(ctx, "there", json.RawMessage(`2`)), context.Canceled, "Put")
		_, err := c.Get(ctx, "there")
		s.is(err, context.Canceled, "Get")
		_, err = c.Has(ctx, "there")
		s.is(err, context.Canceled, "Has")
		if is[driver.Deleter](s.store) {
			s.is(c.Delete(ctx, "there"), context.Canceled, "Delete")
			s.is(c.Clear(ctx), context.Canceled, "Clear")
		}
		if is[driver.Lister](s.store) {
			s.is(firstError(c.Keys(ctx)), context.Canceled, "Keys")
			s.is(firstError(c.All(ctx)), context.Canceled, "All")
			s.is(firstError(p.Entities(ctx)), context.Canceled, "Entities")
		}
		if is[driver.Applier](s.store) {
			s.is(c.Update(ctx, "there", zero), context.Canceled, "Update")
		}
	}, key("there"))
}

func zero(json.RawMessage, bool) (json.RawMessage, error) { return json.RawMessage(`0`), nil }

func (s *subject) contextMeanwhile() {
	k := key("a")
	s.put(k, `-1`)
	before := `-1`
	for i := range 30 {
		ctx, cancel := context.WithCancel(s.ctx)
		go cancel()
		data := fmt.Sprint(i)
		err := s.store.Put(ctx, k, []byte(data))
		cancel()
		got := string(s.get(k).Data)
		switch {
		case err == nil && got != data:
			s.Fatalf("Put of %s returned nil and Get finds %s", data, got)
		case err != nil && got != data && got != before:
			s.Fatalf("Put of %s over %s failed and Get finds %s", data, before, got)
		}
		before = got
	}
}
