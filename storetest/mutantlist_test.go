package storetest_test

import (
	"context"
	"iter"
	"slices"
	"strings"

	"github.com/holdfast-go/holdfast/driver"
)

const order = "List/IDs are in byte order"

var listMutants = []mutant{
	{name: "list-drops-last", seen: order, twist: listed(func(ids []string) []string { return ids[:max(0, len(ids)-1)] })},
	{name: "list-repeats", seen: order, twist: listed(func(ids []string) []string { return append(ids, ids[:min(1, len(ids))]...) })},
	{name: "list-by-length", seen: order, twist: listed(func(ids []string) []string {
		slices.SortStableFunc(ids, func(a, b string) int { return len(a) - len(b) })
		return ids
	})},
	{name: "list-ignores-case", seen: order, twist: listed(func(ids []string) []string {
		slices.SortStableFunc(ids, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
		return ids
	})},
	{name: "entities-like-directories", seen: "List/Entities are in byte order", twist: func(w *twisted) {
		w.entities = func(ctx context.Context) iter.Seq2[string, error] {
			return sequence(w.handle.Entities(ctx), func(es []string) []string {
				slices.SortFunc(es, func(a, b string) int { return slices.Compare(strings.Split(a, "/"), strings.Split(b, "/")) })
				return es
			})
		}
	}},
	{name: "entities-once-asked-for", seen: "List/Entities are those that hold a value", twist: func(w *twisted) {
		asked := map[string]bool{}
		w.init = func(ctx context.Context, e string) error {
			asked[e] = true
			return w.handle.Init(ctx, e)
		}
		w.entities = func(ctx context.Context) iter.Seq2[string, error] {
			return sequence(w.handle.Entities(ctx), func(es []string) []string {
				for e := range asked {
					es = append(es, e)
				}
				slices.Sort(es)
				return slices.Compact(es)
			})
		}
	}},
	{name: "list-holds-lock", seen: "List/the consumer may write and delete", twist: func(w *twisted) {
		w.ids = func(ctx context.Context, e string) iter.Seq2[string, error] {
			return func(yield func(string, error) bool) {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.handle.IDs(ctx, e)(yield)
			}
		}
		w.put = func(ctx context.Context, k driver.Key, data []byte) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.handle.Put(ctx, k, data)
		}
	}},
	{name: "list-runs-once", seen: "List/a sequence may be left early and run again", twist: func(w *twisted) {
		w.ids = func(ctx context.Context, e string) iter.Seq2[string, error] {
			next, stop := iter.Pull2(w.handle.IDs(ctx, e))
			return func(yield func(string, error) bool) {
				defer stop()
				for id, err, ok := next(); ok && yield(id, err); id, err, ok = next() {
				}
			}
		}
	}},
}

// listed makes a store that lists the ids that f leaves.
func listed(f func([]string) []string) func(*twisted) {
	return func(w *twisted) {
		w.ids = func(ctx context.Context, e string) iter.Seq2[string, error] { return sequence(w.handle.IDs(ctx, e), f) }
	}
}

func sequence(seq iter.Seq2[string, error], f func([]string) []string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		var names []string
		for name, err := range seq {
			if err != nil {
				yield("", err)
				return
			}
			names = append(names, name)
		}
		for _, name := range f(names) {
			if !yield(name, nil) {
				return
			}
		}
	}
}
