package storetest_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"

	"github.com/holdfast-go/holdfast/driver"
)

type loadFunc = func(context.Context, []driver.Value) []error

func loading(f func(*twisted) loadFunc) func(*twisted) {
	return func(w *twisted) { w.load = f(w) }
}

var loadMutants = []mutant{
	{name: "load-makes-nothing", seen: "Load/Load makes what is absent", twist: loading(func(w *twisted) loadFunc {
		return func(_ context.Context, values []driver.Value) []error { return make([]error, len(values)) }
	})},
	{name: "load-overwrites", seen: "Load/Load leaves what is there, and makes the rest", twist: loading(func(w *twisted) loadFunc {
		return w.overwriting
	})},
	{name: "load-all-or-nothing", seen: "Load/Load leaves what is there, and makes the rest", twist: loading(func(w *twisted) loadFunc {
		return func(ctx context.Context, values []driver.Value) []error {
			for _, v := range values {
				if has, _ := w.handle.Has(ctx, v.Key); has {
					return driver.FailAll(values, driver.ErrConflict)
				}
			}
			return w.handle.Load(ctx, values)
		}
	})},
	{name: "load-over-null", seen: "Load/what was cleared is there", twist: loading(func(w *twisted) loadFunc {
		return func(ctx context.Context, values []driver.Value) []error {
			for _, v := range values {
				if rec, err := w.handle.Get(ctx, v.Key); err == nil && string(rec.Data) == "null" {
					return w.overwriting(ctx, values)
				}
			}
			return w.handle.Load(ctx, values)
		}
	})},
	{name: "load-over-damage", seen: "Load/Load leaves what is damaged", twist: loading(func(w *twisted) loadFunc {
		return func(ctx context.Context, values []driver.Value) []error {
			errs := w.handle.Load(ctx, values)
			for i, v := range values {
				if _, err := w.handle.Get(ctx, v.Key); errors.Is(err, driver.ErrDamaged) {
					errs[i] = w.handle.Put(ctx, v.Key, v.Data)
				}
			}
			return errs
		}
	})},
	{name: "load-stops-at-refused", seen: "Load/what is refused does not keep the rest from being made", twist: loading(func(w *twisted) loadFunc {
		return func(ctx context.Context, values []driver.Value) []error {
			for i, v := range values {
				if driver.ValidateKey(v.Key) != nil || driver.ValidateData(v.Data) != nil {
					made := w.handle.Load(ctx, values[:i+1])
					return append(made, driver.FailAll(values[i+1:], made[i])...)
				}
			}
			return w.handle.Load(ctx, values)
		}
	})},
	{name: "load-tells-of-one-only", seen: "Load/of several values of one key one is made", twist: loading(func(w *twisted) loadFunc {
		return func(ctx context.Context, values []driver.Value) []error {
			errs := w.handle.Load(ctx, values)
			for i := range errs {
				for j := range i {
					if values[i].Key == values[j].Key {
						errs[i] = nil
					}
				}
			}
			return errs
		}
	})},
	{name: "large-load-cut", seen: "Load/a large load is made", twist: loading(func(w *twisted) loadFunc {
		return func(ctx context.Context, values []driver.Value) []error {
			n := min(len(values), 1000)
			return append(w.handle.Load(ctx, values[:n]), make([]error, len(values)-n)...)
		}
	})},
	{name: "load-trims", seen: "Load/Load keeps values as Put does", twist: loading(func(w *twisted) loadFunc {
		return func(ctx context.Context, values []driver.Value) []error {
			values = slices.Clone(values)
			for i := range values {
				values[i].Data = []byte(strings.TrimSpace(string(values[i].Data)))
			}
			return w.handle.Load(ctx, values)
		}
	})},
	{name: "load-folds-names", seen: "Load/Load keeps names as Put does", twist: loading(func(w *twisted) loadFunc {
		return func(ctx context.Context, values []driver.Value) []error {
			values = slices.Clone(values)
			for i := range values {
				values[i].Key.ID = strings.ToLower(values[i].Key.ID)
			}
			w.handle.Load(ctx, values)
			return make([]error, len(values))
		}
	})},
	{name: "load-checks-then-acts", seen: "Load/of those that load a value one makes it", twist: loading(func(w *twisted) loadFunc {
		return func(ctx context.Context, values []driver.Value) []error {
			errs := make([]error, len(values))
			for i, v := range values {
				if has, _ := w.handle.Has(ctx, v.Key); has {
					errs[i] = driver.ErrConflict
				}
			}
			yieldOften()
			for i, v := range values {
				if errs[i] == nil {
					errs[i] = w.handle.Put(ctx, v.Key, v.Data)
				}
			}
			return errs
		}
	})},
	{name: "load-with-context-done", seen: "Context/Load with a cancelled context changes nothing", twist: loading(func(w *twisted) loadFunc {
		return func(ctx context.Context, values []driver.Value) []error {
			w.handle.Load(context.WithoutCancel(ctx), values)
			return driver.FailAll(values, ctx.Err())
		}
	})},
}

func (w *twisted) overwriting(ctx context.Context, values []driver.Value) []error {
	errs := make([]error, len(values))
	for i, v := range values {
		errs[i] = w.handle.Put(ctx, v.Key, v.Data)
	}
	return errs
}

// scanned makes a store whose Scan yields what f makes of the records.
func scanned(f func([]driver.Record) []driver.Record) func(*twisted) {
	return func(w *twisted) {
		w.scan = func(ctx context.Context, e string) iter.Seq2[driver.Record, error] {
			return func(yield func(driver.Record, error) bool) {
				var recs []driver.Record
				for rec, err := range w.handle.Scan(ctx, e) {
					if err != nil {
						yield(rec, err)
						return
					}
					recs = append(recs, rec)
				}
				for _, rec := range f(recs) {
					if !yield(rec, nil) {
						return
					}
				}
			}
		}
	}
}

var scanMutants = []mutant{
	{name: "scan-drops-last", seen: "Scan/Scan finds what Get finds, in the order of IDs", twist: scanned(func(recs []driver.Record) []driver.Record {
		return recs[:max(0, len(recs)-1)]
	})},
	{name: "scan-without-revision", seen: "Scan/Scan finds what Get finds, in the order of IDs", twist: scanned(func(recs []driver.Record) []driver.Record {
		for i := range recs {
			recs[i].Rev = ""
		}
		return recs
	})},
	{name: "scan-backwards", seen: "Scan/Scan finds what Get finds, in the order of IDs", twist: scanned(func(recs []driver.Record) []driver.Record {
		slices.Reverse(recs)
		return recs
	})},
	{name: "scan-one-page", seen: "Scan/Scan of many values finds each once", twist: scanned(func(recs []driver.Record) []driver.Record {
		return recs[:min(len(recs), 1000)]
	})},
	{name: "scan-ends-at-damage", seen: "Scan/a damaged value is told, and Scan goes on", twist: scanned(func(recs []driver.Record) []driver.Record {
		return recs
	})},
	{name: "scan-of-children-too", seen: "Scan/Scan of an empty entity is empty", twist: func(w *twisted) {
		w.scan = func(ctx context.Context, e string) iter.Seq2[driver.Record, error] { return w.handle.Scan(ctx, e+"/b") }
	}},
	{name: "scan-runs-once", seen: "Scan/a Scan may be left early and run again", twist: func(w *twisted) {
		w.scan = func(ctx context.Context, e string) iter.Seq2[driver.Record, error] {
			next, stop := iter.Pull2(w.handle.Scan(ctx, e))
			return func(yield func(driver.Record, error) bool) {
				defer stop()
				for rec, err, ok := next(); ok && yield(rec, err); rec, err, ok = next() {
				}
			}
		}
	}},
	{name: "scan-holds-lock", seen: "Scan/the consumer of a Scan may write and delete", twist: func(w *twisted) {
		w.scan = func(ctx context.Context, e string) iter.Seq2[driver.Record, error] {
			return func(yield func(driver.Record, error) bool) {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.handle.Scan(ctx, e)(yield)
			}
		}
		w.put = func(ctx context.Context, k driver.Key, data []byte) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.handle.Put(ctx, k, data)
		}
	}},
}
