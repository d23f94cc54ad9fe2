package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
)

const racers = 16

func concurrencyCases() []testCase {
	return []testCase{
		{"readers see whole values of someone", 0, (*subject).raceWhole},
		{"one revision is one value", 0, (*subject).raceRevision},
		{"writers of different keys do not disturb each other", 0, (*subject).raceKeys},
		{"Update loses none", applier, (*subject).raceUpdate},
		{"of those that create batches only one succeeds", anyBatch, (*subject).raceCreations},
		{"of those that create only one succeeds", applier, (*subject).raceCreate},
		{"Update over several entities loses none", anyBatch, (*subject).raceTransfer},
		{"a batch is seen whole", anyBatch, (*subject).raceBatch},
	}
}

// all runs f on many goroutines at once, waits, and ends the test on an error.
func (s *subject) all(n int, f func(i int) error) {
	s.Helper()
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	wg.Wait()
	s.ok(errors.Join(errs...), "%d goroutines", n)
}

// sized is a document whose every part tells who wrote it.
func sized(who int) string {
	return fmt.Sprintf(`{"who":%d,"pad":"%s"}`, who, strings.Repeat(string(rune('a'+who)), who*300))
}

func (s *subject) raceWhole() {
	const readers = 4
	k := key("a")
	s.put(k, sized(0))
	var writing atomic.Int32
	writing.Store(racers - readers)
	s.all(racers, func(i int) error {
		if i < readers {
			for writing.Load() > 0 {
				if err := s.wholeValue(k); err != nil {
					return err
				}
				runtime.Gosched() // writers that wait for a disk come first
			}
			return s.wholeValue(k)
		}
		defer writing.Add(-1)
		for n := range 6 {
			if err := s.store.Put(s.ctx, k, []byte(sized((i+n)%racers))); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *subject) wholeValue(k driver.Key) error {
	rec, err := s.store.Get(s.ctx, k)
	if err != nil {
		return err
	}
	var v struct{ Who int }
	if err := json.Unmarshal(rec.Data, &v); err != nil || v.Who < 0 || v.Who >= racers {
		return fmt.Errorf("a reader saw %.80q, which nobody wrote", rec.Data)
	}
	if err := s.same(rec.Data, []byte(sized(v.Who))); err != nil {
		return fmt.Errorf("a reader saw what nobody wrote: %w", err)
	}
	if has, err := s.store.Has(s.ctx, k); err != nil || !has {
		return fmt.Errorf("of what is there throughout, Has says %v, %w", has, err)
	}
	return nil
}

func (s *subject) raceRevision() {
	k := key("a")
	s.put(k, `-1`)
	var seen sync.Map // revision → data
	s.all(racers, func(i int) error {
		for n := range 10 {
			if err := s.store.Put(s.ctx, k, []byte(fmt.Sprint(i*100+n))); err != nil {
				return err
			}
			rec, err := s.store.Get(s.ctx, k)
			if err != nil {
				return err
			}
			if other, _ := seen.LoadOrStore(rec.Rev, string(rec.Data)); other != string(rec.Data) {
				return fmt.Errorf("revision %q is both %s and %s", rec.Rev, other, rec.Data)
			}
		}
		return nil
	})
}

func (s *subject) raceKeys() {
	s.ok(s.init("signal/strategy-a"), "Init")
	s.all(racers, func(i int) error {
		k := key(fmt.Sprint("k", i))
		entity := fmt.Sprintf("risk/r%d", i%3)
		if err := s.store.Init(s.ctx, entity); err != nil { // by many at once
			return err
		}
		for n := range 10 {
			if err := s.store.Put(s.ctx, k, []byte(fmt.Sprint(n))); err != nil {
				return err
			}
			if err := s.store.Put(s.ctx, driver.Key{Entity: entity, ID: k.ID}, []byte(fmt.Sprint(n))); err != nil {
				return err
			}
		}
		return nil
	})
	for i := range racers {
		s.wantValue(key(fmt.Sprint("k", i)), `9`)
		s.wantValue(driver.Key{Entity: fmt.Sprintf("risk/r%d", i%3), ID: fmt.Sprint("k", i)}, `9`)
	}
	if is[driver.Lister](s.store) {
		s.wantEntities("risk/r0", "risk/r1", "risk/r2", "signal/strategy-a")
	}
}

func (s *subject) raceUpdate() {
	const each = 5
	c, err := holdfast.NewCollection[int](s.portable(), "signal/strategy-a", nil)
	s.ok(err, "NewCollection")
	s.all(racers, func(int) error {
		for range each {
			err := c.Update(s.ctx, "counter", func(old int, _ bool) (int, error) { return old + 1, nil })
			if err != nil {
				return err
			}
		}
		return nil
	})
	s.wantValue(key("counter"), fmt.Sprint(racers*each))
}

func (s *subject) raceCreate() {
	k := key("a")
	s.ok(s.init(k.Entity), "Init")
	var won atomic.Int32
	s.all(racers, func(i int) error {
		err := s.applier().Apply(s.ctx, []driver.Cond{{Key: k, Rev: ""}}, []driver.Op{put(k, fmt.Sprint(i))})
		if err == nil {
			won.Add(1)
		} else if !errors.Is(err, driver.ErrConflict) {
			return err
		}
		return nil
	})
	if won.Load() != 1 {
		s.Fatalf("%d of %d succeeded in creating the same value", won.Load(), racers)
	}
}

// accounts are in entities of their own.
func accounts(p *holdfast.Store) ([]*holdfast.Collection[int], error) {
	var cs []*holdfast.Collection[int]
	for i := range 3 {
		c, err := holdfast.NewCollection[int](p, fmt.Sprint("account/", i), nil)
		if err != nil {
			return nil, err
		}
		cs = append(cs, c)
	}
	return cs, nil
}

func (s *subject) raceTransfer() {
	p := s.portable()
	cs, err := accounts(p)
	s.ok(err, "NewCollection")
	for _, c := range cs {
		s.ok(c.Put(s.ctx, "balance", 100), "Put")
	}
	s.all(racers, func(i int) error {
		for n := range 4 {
			from, to := cs[(i+n)%3], cs[(i+n+1)%3]
			if err := transfer(s.ctx, p, from, to); err != nil {
				return err
			}
		}
		return nil
	})
	sum := 0
	for _, c := range cs {
		balance, err := c.Get(s.ctx, "balance")
		s.ok(err, "Get")
		sum += balance
	}
	if sum != 300 {
		s.Fatalf("after transfers among three accounts of 100 their sum is %d", sum)
	}
}

func transfer(ctx context.Context, p *holdfast.Store, from, to *holdfast.Collection[int]) error {
	return p.Update(ctx, func(b *holdfast.Batch) error {
		f, err := from.In(b).Get("balance")
		if err != nil {
			return err
		}
		t, err := to.In(b).Get("balance")
		if err != nil {
			return err
		}
		if err := from.In(b).Put("balance", f-1); err != nil {
			return err
		}
		return to.In(b).Put("balance", t+1)
	})
}

// raceBatch writes two keys together, first a then b, the number rising.
// Whoever reads a and after it b must find b no older than a.
func (s *subject) raceBatch() {
	a, b := key("a"), driver.Key{Entity: "risk/conservative", ID: "b"}
	s.put(a, `0`)
	s.put(b, `0`)
	var writing atomic.Bool
	writing.Store(true)
	s.all(4, func(i int) error {
		if i == 0 {
			defer writing.Store(false)
			for n := range 50 {
				data := fmt.Sprint(n + 1)
				if err := s.applier().Apply(s.ctx, nil, []driver.Op{put(a, data), put(b, data)}); err != nil {
					return err
				}
			}
			return nil
		}
		first, second := a, b
		if i == 2 {
			first, second = b, a
		}
		for writing.Load() {
			if err := s.noOlder(first, second); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *subject) noOlder(first, second driver.Key) error {
	var n [2]int
	for i, k := range []driver.Key{first, second} {
		rec, err := s.store.Get(s.ctx, k)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(rec.Data, &n[i]); err != nil {
			return err
		}
	}
	if n[1] < n[0] {
		return fmt.Errorf("half a batch was seen: %s is at %d, read later %s is at %d", first, n[0], second, n[1])
	}
	return nil
}
