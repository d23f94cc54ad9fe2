package storetest_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/memstore"
)

// retold replaces the history by what f makes of all states, the newest first.
func retold(f func(driver.Key, []driver.Version) []driver.Version) func(*twisted) {
	return func(w *twisted) {
		w.history = func(ctx context.Context, k driver.Key) iter.Seq2[driver.Version, error] {
			return func(yield func(driver.Version, error) bool) {
				var versions []driver.Version
				for v, err := range w.handle.History(ctx, k) {
					if err != nil {
						yield(v, err)
						return
					}
					versions = append(versions, v)
				}
				for _, v := range f(k, versions) {
					if !yield(v, nil) {
						return
					}
				}
			}
		}
	}
}

var historyMutants = []mutant{
	{name: "history-oldest-first", seen: "History/history has every state, the newest first", twist: retold(func(_ driver.Key, vs []driver.Version) []driver.Version {
		slices.Reverse(vs)
		return vs
	})},
	{name: "history-without-removals", seen: "History/history has every state, the newest first", twist: retold(func(_ driver.Key, vs []driver.Version) []driver.Version {
		return slices.DeleteFunc(vs, func(v driver.Version) bool { return v.Deleted })
	})},
	{name: "history-lags", seen: "History/the newest state is what Get finds", twist: retold(func(_ driver.Key, vs []driver.Version) []driver.Version {
		return vs[min(1, len(vs)):]
	})},
	{name: "history-of-nothing", seen: "History/a value that never was has no history", twist: retold(func(k driver.Key, vs []driver.Version) []driver.Version {
		if len(vs) == 0 {
			vs = append(vs, driver.Version{Record: driver.Record{Key: k}, Deleted: true})
		}
		return vs
	})},
	{name: "history-shares-data", seen: "History/history hands out copies", twist: func(w *twisted) {
		shared := map[driver.Key][]driver.Version{}
		retold(func(k driver.Key, vs []driver.Version) []driver.Version {
			if len(shared[k]) != len(vs) {
				shared[k] = vs
			}
			return shared[k]
		})(w)
	}},
	{name: "history-ignores-context", seen: "Context/History with a cancelled context changes nothing", twist: func(w *twisted) {
		w.history = func(ctx context.Context, k driver.Key) iter.Seq2[driver.Version, error] {
			return w.handle.History(context.WithoutCancel(ctx), k)
		}
	}},
	{name: "history-time-goes-back", seen: "History/time never goes backwards along history", twist: retold(func(_ driver.Key, vs []driver.Version) []driver.Version {
		if n := len(vs); n > 2 {
			vs[n-1].ModTime = vs[0].ModTime.Add(time.Second) // a clock that was set back
		}
		return vs
	})},
	{name: "history-removals-without-time", seen: "History/time never goes backwards along history", twist: retold(func(_ driver.Key, vs []driver.Version) []driver.Version {
		for i := range vs {
			if vs[i].Deleted {
				vs[i].ModTime = time.Time{}
			}
		}
		return vs
	})},
	{name: "history-revisions-of-content", seen: "History/each put in history has a revision of its own", twist: retold(func(_ driver.Key, vs []driver.Version) []driver.Version {
		for i := range vs[min(1, len(vs)):] {
			if vs[i+1].Rev != "" && string(vs[i+1].Data) == string(vs[0].Data) {
				vs[i+1].Rev = vs[0].Rev
			}
		}
		return vs
	})},
	{name: "history-cleared-is-removed", seen: "History/a cleared value is a state and no removal", twist: retold(func(k driver.Key, vs []driver.Version) []driver.Version {
		for i, v := range vs {
			if string(v.Data) == "null" {
				vs[i] = driver.Version{Record: driver.Record{Key: k, ModTime: v.ModTime}, Deleted: true}
			}
		}
		return vs
	})},
	{name: "history-without-cleared", seen: "History/a cleared value is a state and no removal", twist: retold(func(_ driver.Key, vs []driver.Version) []driver.Version {
		return slices.DeleteFunc(vs, func(v driver.Version) bool { return string(v.Data) == "null" })
	})},
	{name: "history-without-clear", seen: "History/Clear is a removal of each value", twist: clearLeavesNoTrace},
	{name: "history-clear-of-everybody", seen: "History/Clear is a removal of each value", twist: func(w *twisted) {
		cleared := map[string]bool{}
		w.clear = func(ctx context.Context, e string) error {
			cleared[e] = true
			return w.handle.Clear(ctx, e)
		}
		retold(func(k driver.Key, vs []driver.Version) []driver.Version {
			if len(cleared) > 0 && !vs[0].Deleted {
				vs = slices.Insert(vs, 0, driver.Version{Record: driver.Record{Key: k, ModTime: vs[0].ModTime}, Deleted: true})
			}
			return vs
		})(w)
	}},
	{name: "history-of-half-a-batch", seen: "History/a batch is one state of each of its values", twist: func(w *twisted) {
		batches := map[driver.Key]bool{} // the keys of a batch, but its first
		w.apply = func(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
			for _, op := range ops[min(1, len(ops)):] {
				batches[op.Key] = true
			}
			return w.handle.Apply(ctx, conds, ops)
		}
		retold(func(k driver.Key, vs []driver.Version) []driver.Version {
			if batches[k] {
				return vs[1:]
			}
			return vs
		})(w)
	}},
	{name: "history-of-refused-changes", seen: "History/what changes nothing is no state", twist: func(w *twisted) {
		w.apply = func(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
			err := w.handle.Apply(ctx, conds, ops)
			for _, c := range conds {
				if rec, getErr := w.handle.Get(ctx, c.Key); err != nil && getErr == nil {
					err = errors.Join(err, w.handle.Put(ctx, c.Key, rec.Data)) // written, and put back
				}
			}
			return err
		}
	}},
	{name: "history-of-removals-of-nothing", seen: "History/what changes nothing is no state", twist: func(w *twisted) {
		removed := map[driver.Key]int{}
		w.apply = func(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
			for _, op := range ops {
				if has, err := w.handle.Has(ctx, op.Key); op.Delete && err == nil && !has {
					removed[op.Key]++
				}
			}
			return w.handle.Apply(ctx, conds, ops)
		}
		retold(func(k driver.Key, vs []driver.Version) []driver.Version {
			for range removed[k] {
				vs = slices.Insert(vs, 0, driver.Version{Record: driver.Record{Key: k, ModTime: time.Now()}, Deleted: true})
			}
			return vs
		})(w)
	}},
	{name: "history-moves-under-its-reader", seen: "History/history is that of one moment", twist: moving},
	{name: "history-ignores-break", seen: "History/history ends where its consumer stops", twist: func(w *twisted) {
		w.history = func(ctx context.Context, k driver.Key) iter.Seq2[driver.Version, error] {
			return func(yield func(driver.Version, error) bool) {
				w.handle.History(ctx, k)(func(v driver.Version, err error) bool {
					yield(v, err)
					return true
				})
			}
		}
	}},
	{name: "history-is-lost-at-restart", seen: "History/history outlives a restart", restart: forgetHistory},
	{name: "history-at-one-time", seen: "History/At finds the state of its time", twist: retold(func(_ driver.Key, vs []driver.Version) []driver.Version {
		for i := range vs {
			vs[i].ModTime = vs[0].ModTime // that of the file, for all of its states
		}
		return vs
	})},
	{name: "history-starts-anew-after-a-removal", seen: "History/Undo puts back what was changed or removed", twist: retold(func(_ driver.Key, vs []driver.Version) []driver.Version {
		for i, v := range vs {
			if v.Deleted {
				return vs[:i+1]
			}
		}
		return vs
	})},
	{name: "undo-is-history-of-nothing", seen: "History/Undo puts back what was changed or removed", twist: retold(func(k driver.Key, vs []driver.Version) []driver.Version {
		if len(vs) == 0 {
			gone := driver.Version{Record: driver.Record{Key: k}, Deleted: true}
			vs = []driver.Version{gone, gone}
		}
		return vs
	})},
}

// clearLeavesNoTrace hides the removals that Clear makes.
func clearLeavesNoTrace(w *twisted) {
	cleared := map[string]bool{}
	w.clear = func(ctx context.Context, e string) error {
		cleared[e] = true
		return w.handle.Clear(ctx, e)
	}
	retold(func(k driver.Key, vs []driver.Version) []driver.Version {
		return slices.DeleteFunc(vs, func(v driver.Version) bool { return v.Deleted && cleared[k.Entity] })
	})(w)
}

// moving looks again at every step, as if nothing had happened in between.
func moving(w *twisted) {
	w.history = func(ctx context.Context, k driver.Key) iter.Seq2[driver.Version, error] {
		return func(yield func(driver.Version, error) bool) {
			for step := 0; ; step++ {
				i, found := 0, false
				for v, err := range w.handle.History(ctx, k) {
					if i == step {
						found = true
						if !yield(v, err) {
							return
						}
						break
					}
					i++
				}
				if !found || step == 20 {
					return
				}
			}
		}
	}
}

// forgetHistory keeps the values and their present state alone.
func forgetHistory(c *core) {
	ctx, fresh := context.Background(), memstore.New()
	for entity := range c.mem.Entities(ctx) {
		for id := range c.mem.IDs(ctx, entity) {
			k := driver.Key{Entity: entity, ID: id}
			if rec, err := c.mem.Get(ctx, k); err == nil {
				_ = fresh.Put(ctx, k, rec.Data)
			}
		}
	}
	c.mem = fresh
}
