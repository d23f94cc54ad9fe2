package storetest_test

import (
	"context"
	"iter"
	"slices"

	"github.com/holdfast-go/holdfast/driver"
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
}
