package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
)

func closeCases() []testCase {
	return []testCase{
		{"a second Close is nil", 0, (*subject).closeTwice},
		{"a closed store answers ErrClosed", 0, (*subject).closePortable},
		{"a closed backend takes no change", closer, (*subject).closeDriver},
		{"Close while others read and write", closer, (*subject).closeRace},
	}
}

func (s *subject) closeTwice() {
	p := s.portable()
	s.ok(s.ints(p).Put(s.ctx, "a", 1), "Put")
	s.ok(p.Close(), "Close")
	s.ok(p.Close(), "second Close")
}

func (s *subject) closePortable() {
	p := s.portable()
	c := s.raw(p, "signal/strategy-a")
	s.ok(c.Put(s.ctx, "there", json.RawMessage(`1`)), "Put")
	s.ok(p.Close(), "Close")
	_, err := c.Get(s.ctx, "there")
	s.is(err, holdfast.ErrClosed, "Get")
	_, err = c.Has(s.ctx, "there")
	s.is(err, holdfast.ErrClosed, "Has")
	s.is(c.Init(s.ctx), holdfast.ErrClosed, "Init")
	s.is(c.Put(s.ctx, "there", json.RawMessage(`2`)), holdfast.ErrClosed, "Put")
	if is[driver.Deleter](s.store) {
		s.is(c.Delete(s.ctx, "there"), holdfast.ErrClosed, "Delete")
		s.is(c.Clear(s.ctx), holdfast.ErrClosed, "Clear")
	}
	if is[driver.Lister](s.store) {
		s.is(firstError(c.Keys(s.ctx)), holdfast.ErrClosed, "Keys")
		s.is(firstError(c.All(s.ctx)), holdfast.ErrClosed, "All")
		s.is(firstError(p.Entities(s.ctx)), holdfast.ErrClosed, "Entities")
	}
	if is[driver.Applier](s.store) {
		s.is(c.Update(s.ctx, "there", zero), holdfast.ErrClosed, "Update")
	}
	if is[driver.Watcher](s.store) {
		s.is(firstError(c.Watch(s.ctx)), holdfast.ErrClosed, "Watch")
	}
	if is[driver.Checker](s.store) {
		_, err := p.Check(s.ctx, nil)
		s.is(err, holdfast.ErrClosed, "Check")
	}
}

func (s *subject) closeDriver() {
	s.put(key("there"), `1`)
	s.ok(s.store.(io.Closer).Close(), "Close")
	for _, c := range driverCalls() {
		if s.lacks(s.store, c.needs) != "" {
			continue
		}
		s.soon(c.name, func(ctx context.Context) error {
			if err := c.call(ctx, s.store); !errors.Is(err, driver.ErrClosed) {
				return fmt.Errorf("got error %v, want %w", err, driver.ErrClosed)
			}
			return nil
		})
	}
}

// closeRace is for the race detector, and for what hangs.
func (s *subject) closeRace() {
	p := s.portable()
	c := s.raw(p, "signal/strategy-a")
	s.soon("Close while others read and write", func(ctx context.Context) error {
		errs := make(chan error)
		for i := range 4 {
			id := fmt.Sprint("k", i)
			go func() { errs <- useUntilClosed(ctx, c, id) }()
		}
		closing := p.Close()
		for range 4 {
			closing = errors.Join(closing, <-errs)
		}
		return closing
	})
}

func useUntilClosed(ctx context.Context, c *holdfast.Collection[json.RawMessage], id string) error {
	for {
		err := c.Put(ctx, id, json.RawMessage(`1`))
		if err == nil {
			_, err = c.Get(ctx, id)
		}
		switch {
		case errors.Is(err, holdfast.ErrClosed):
			return nil
		case err != nil:
			return err
		}
	}
}
