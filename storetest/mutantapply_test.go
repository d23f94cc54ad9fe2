package storetest_test

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"runtime"
	"slices"
	"sync/atomic"

	"github.com/holdfast-go/holdfast/driver"
)

var revisionMutants = []mutant{
	{name: "rev-empty", seen: "Revision/a revision is never empty", twist: func(w *twisted) {
		rerevised(w, func(driver.Record) string { return "" })
	}},
	{name: "rev-constant", seen: "Revision/each Put makes a new revision, of equal data too", twist: func(w *twisted) {
		rerevised(w, func(driver.Record) string { return "1" })
	}},
	{name: "rev-is-content-hash", seen: "Revision/a value that comes back has a new revision", twist: func(w *twisted) {
		rerevised(w, func(rec driver.Record) string { return fmt.Sprint(crc32.ChecksumIEEE(rec.Data)) })
	}},
	{name: "rev-is-seconds", seen: "Revision/each Put makes a new revision, of equal data too", twist: func(w *twisted) {
		rerevised(w, func(rec driver.Record) string { return fmt.Sprint(rec.ModTime.Unix() / 60) })
	}},
	{name: "rev-counts-versions", seen: "Revision/a value deleted and made again has a new revision", twist: func(w *twisted) {
		versions := w.countPuts()
		w.del = func(ctx context.Context, k driver.Key) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			delete(versions, k)
			return w.handle.Delete(ctx, k)
		}
	}},
	{name: "rev-counts-from-start", seen: "Revision/no revision comes again after a restart", twist: func(w *twisted) {
		w.countPuts()
	}},
	{name: "rev-of-process", seen: "Revision/a revision outlives a restart", twist: func(w *twisted) {
		rerevised(w, func(rec driver.Record) string { return fmt.Sprintf("%p-%s", w, rec.Rev) })
	}},
	{name: "rev-rises-with-reads", seen: "Revision/a revision stays while nothing changes", twist: func(w *twisted) {
		n := 0
		rerevised(w, func(rec driver.Record) string {
			n++
			return fmt.Sprint(rec.Rev, "-", n)
		})
	}},
	{name: "refused-apply-touches", seen: "Revision/a refused change keeps the revision", twist: func(w *twisted) {
		w.apply = func(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
			err := w.handle.Apply(ctx, conds, ops)
			if rec, getErr := w.handle.Get(ctx, ops[0].Key); err != nil && getErr == nil {
				return errors.Join(err, w.handle.Put(ctx, ops[0].Key, rec.Data))
			}
			return err
		}
	}},
	{name: "apply-keeps-rev", seen: "Revision/Apply makes new revisions", twist: func(w *twisted) {
		w.apply = func(context.Context, []driver.Cond, []driver.Op) error { return nil }
	}},
}

// countPuts makes the revision of a value the number of its Puts.
func (w *twisted) countPuts() map[driver.Key]int {
	versions := map[driver.Key]int{}
	w.put = func(ctx context.Context, k driver.Key, data []byte) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		versions[k]++
		return w.handle.Put(ctx, k, data)
	}
	rerevised(w, func(rec driver.Record) string {
		w.mu.Lock()
		defer w.mu.Unlock()
		return fmt.Sprint(versions[rec.Key])
	})
	return versions
}

type applyFunc = func(context.Context, []driver.Cond, []driver.Op) error

func applied(f func(*twisted) applyFunc) func(*twisted) {
	return func(w *twisted) { w.apply = f(w) }
}

var applyMutants = []mutant{
	{name: "apply-half-done", seen: "Apply/one bad op and nothing changes", twist: applied(func(w *twisted) applyFunc {
		return w.oneByOne
	})},
	{name: "apply-checks-as-it-goes", seen: "Apply/one false condition and nothing changes", twist: applied(func(w *twisted) applyFunc {
		return func(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
			for i, op := range ops {
				if err := w.handle.Apply(ctx, conds[min(i, len(conds)):min(i+1, len(conds))], []driver.Op{op}); err != nil {
					return err
				}
			}
			return nil
		}
	})},
	{name: "conditions-ignored", seen: "Apply/the condition of a revision holds or is ErrConflict", twist: applied(func(w *twisted) applyFunc {
		return func(ctx context.Context, _ []driver.Cond, ops []driver.Op) error {
			return w.handle.Apply(ctx, nil, ops)
		}
	})},
	{name: "conditions-elsewhere-ignored", seen: "Apply/a condition may be on a key that does not change", twist: applied(func(w *twisted) applyFunc {
		return func(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
			conds = slices.DeleteFunc(slices.Clone(conds), func(c driver.Cond) bool {
				return !slices.ContainsFunc(ops, func(op driver.Op) bool { return op.Key == c.Key })
			})
			return w.handle.Apply(ctx, conds, ops)
		}
	})},
	{name: "absence-ignored", seen: "Apply/the empty revision means absent", twist: applied(func(w *twisted) applyFunc {
		return func(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
			conds = slices.DeleteFunc(slices.Clone(conds), func(c driver.Cond) bool { return c.Rev == "" })
			return w.handle.Apply(ctx, conds, ops)
		}
	})},
	{name: "null-counts-as-absent", seen: "Apply/a cleared value is not absent", twist: applied(func(w *twisted) applyFunc {
		return func(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
			conds = slices.Clone(conds)
			for i, c := range conds {
				if rec, err := w.handle.Get(ctx, c.Key); err == nil && c.Rev == "" && string(rec.Data) == "null" {
					conds[i].Rev = rec.Rev
				}
			}
			return w.handle.Apply(ctx, conds, ops)
		}
	})},
	{name: "conditions-alone-skipped", seen: "Apply/conditions alone are checked", twist: applied(func(w *twisted) applyFunc {
		return func(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
			if len(ops) == 0 {
				return nil
			}
			return w.handle.Apply(ctx, conds, ops)
		}
	})},
	{name: "first-op-counts", seen: "Apply/the last op on a key counts", twist: applied(func(w *twisted) applyFunc {
		return func(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
			ops = slices.Clone(ops)
			slices.Reverse(ops)
			return w.handle.Apply(ctx, conds, ops)
		}
	})},
	{name: "apply-delete-of-absent-fails", seen: "Apply/deleting what is absent is no error", twist: applied(func(w *twisted) applyFunc {
		return func(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
			for _, op := range ops {
				if has, err := w.handle.Has(ctx, op.Key); op.Delete && err == nil && !has {
					return driver.ErrNotFound
				}
			}
			return w.handle.Apply(ctx, conds, ops)
		}
	})},
	{name: "large-batch-cut", seen: "Apply/a large batch happens whole", twist: applied(func(w *twisted) applyFunc {
		return func(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
			return w.handle.Apply(ctx, conds, ops[:min(len(ops), 100)])
		}
	})},
	{name: "creations-beside-what-is-there", seen: "Apply/a batch of creations happens whole or not at all", twist: applied(func(w *twisted) applyFunc {
		return func(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
			if len(conds) < 2 || len(conds) != len(ops) {
				return w.handle.Apply(ctx, conds, ops)
			}
			failed := error(nil)
			for i, op := range ops {
				if err := w.handle.Apply(ctx, conds[i:i+1], []driver.Op{op}); err != nil {
					failed = err
				}
			}
			return failed
		}
	})},
	{name: "creations-cut", seen: "Apply/a batch of creations happens whole or not at all", twist: applied(func(w *twisted) applyFunc {
		return func(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
			return w.handle.Apply(ctx, conds[:min(len(conds), 1000)], ops[:min(len(ops), 1000)])
		}
	})},
	{name: "creations-over-damage", seen: "Apply/a batch of creations over a damaged value is ErrDamaged", twist: applied(func(w *twisted) applyFunc {
		return func(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
			if err := w.handle.Apply(ctx, conds, ops); err != nil {
				return driver.ErrConflict
			}
			return nil
		}
	})},
	{name: "creations-one-by-one", seen: "Concurrency/of those that create batches only one succeeds", twist: applied(func(w *twisted) applyFunc {
		return w.checkThenAct
	})},
	{name: "batch-refused-though-promised", seen: "Apply/Apply changes several entities", twist: applied(func(w *twisted) applyFunc {
		return func(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
			if len(ops) > 1 {
				return errors.ErrUnsupported
			}
			return w.handle.Apply(ctx, conds, ops)
		}
	})},
	{name: "wide-batch-half-done", seen: "Apply/what is wider than Properties.Batch is ErrUnsupported", twist: func(w *twisted) {
		w.props = func() driver.Properties {
			p := w.handle.Properties()
			p.Batch = driver.BatchKey
			return p
		}
		w.apply = func(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
			return errors.Join(w.handle.Apply(ctx, conds, ops[:min(1, len(ops))]), errors.ErrUnsupported)
		}
	}},
	{name: "lost-update", seen: "Concurrency/Update loses none", twist: applied(func(w *twisted) applyFunc { return w.checkThenAct })},
	{name: "created-by-many", seen: "Concurrency/of those that create only one succeeds", twist: applied(func(w *twisted) applyFunc { return w.checkThenAct })},
	{name: "batch-seen-half", seen: "Concurrency/a batch is seen whole", twist: func(w *twisted) {
		awaitReads := w.readsAwaited()
		w.apply = func(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
			err := w.handle.Apply(ctx, conds, ops[:1])
			awaitReads()
			return errors.Join(err, w.handle.Apply(ctx, nil, ops[1:]))
		}
	}},
	{name: "put-in-two-steps", seen: "Concurrency/readers see whole values of someone", twist: func(w *twisted) {
		awaitReads := w.readsAwaited()
		w.put = func(ctx context.Context, k driver.Key, data []byte) error {
			err := w.handle.Put(ctx, k, []byte(`"half"`))
			awaitReads()
			return errors.Join(err, w.handle.Put(ctx, k, data))
		}
	}},
}

func (w *twisted) oneByOne(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
	for _, op := range ops {
		if err := w.handle.Apply(ctx, conds, []driver.Op{op}); err != nil {
			return err
		}
		conds = nil
		yieldOften()
	}
	return nil
}

func (w *twisted) checkThenAct(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
	if err := w.handle.Apply(ctx, conds, nil); err != nil {
		return err
	}
	yieldOften()
	return w.handle.Apply(ctx, nil, ops)
}

// readsAwaited makes a function that waits until others have read, if they do.
func (w *twisted) readsAwaited() func() {
	var reads atomic.Int64
	w.get = func(ctx context.Context, k driver.Key) (driver.Record, error) {
		defer reads.Add(1)
		return w.handle.Get(ctx, k)
	}
	return func() {
		enough := reads.Load() + 8
		for i := 0; i < 10_000 && reads.Load() < enough; i++ {
			runtime.Gosched()
		}
	}
}

// yieldOften lets the others in.
func yieldOften() {
	for range 500 {
		runtime.Gosched()
	}
}
