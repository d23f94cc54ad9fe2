package storetest_test

import (
	"context"
	"errors"
	"iter"

	"github.com/holdfast-go/holdfast/driver"
)

type changes = iter.Seq2[driver.Change, error]

func watched(f func(*twisted, context.Context, string) changes) func(*twisted) {
	return func(w *twisted) {
		w.watch = func(ctx context.Context, e string) changes { return f(w, ctx, e) }
	}
}

var watchMutants = []mutant{
	{name: "watch-never-tells", seen: "Watch/a watcher is told of each change after it was made", twist: watched(func(w *twisted, ctx context.Context, _ string) changes {
		return w.handle.Watch(ctx, "nothing happens here")
	})},
	{name: "watch-skips-deletions", seen: "Watch/a watcher is told of deletions", twist: watched(func(w *twisted, ctx context.Context, e string) changes {
		return kept(w.handle.Watch(ctx, e), func(c driver.Change) bool { return !c.Deleted })
	})},
	{name: "watch-begins-late", seen: "Watch/watching begins with the call", twist: watched(func(w *twisted, ctx context.Context, e string) changes {
		return func(yield func(driver.Change, error) bool) { w.handle.Watch(ctx, e)(yield) }
	})},
	{name: "watch-tells-of-prefixes", seen: "Watch/watchers of other entities are not told", twist: watched(func(w *twisted, ctx context.Context, e string) changes {
		other, own := w.handle.Watch(ctx, e+"/b"), w.handle.Watch(ctx, e)
		return func(yield func(driver.Change, error) bool) {
			for c, err := range other {
				if !yield(c, err) {
					return
				}
				break
			}
			own(yield)
		}
	})},
	{name: "watch-tells-of-refused", seen: "Watch/a watcher is not told of what was refused", twist: func(w *twisted) {
		w.put = func(ctx context.Context, k driver.Key, data []byte) error {
			if err := driver.ValidateData(data); err != nil {
				return errors.Join(w.handle.Put(ctx, k, []byte(`1`)), w.handle.Delete(ctx, k), err)
			}
			return w.handle.Put(ctx, k, data)
		}
	}},
	{name: "watch-ends-in-silence", seen: "Watch/watching ends with its context and says so", twist: watched(func(w *twisted, ctx context.Context, e string) changes {
		return func(yield func(driver.Change, error) bool) {
			for c, err := range w.handle.Watch(ctx, e) {
				if err != nil || !yield(c, nil) {
					return
				}
			}
		}
	})},
	{name: "watch-ignores-context", seen: "Watch/watching ends with its context and says so", twist: watched(func(w *twisted, ctx context.Context, e string) changes {
		return w.handle.Watch(context.WithoutCancel(ctx), e)
	})},
	{name: "watch-has-a-small-buffer", seen: "Watch/a slow watcher holds up nobody and misses nothing", twist: watched(func(w *twisted, ctx context.Context, e string) changes {
		n := 0
		return kept(w.handle.Watch(ctx, e), func(driver.Change) bool { n++; return n <= 16 })
	})},
	{name: "watch-outlives-close", seen: "Watch/watching ends when the store is closed", twist: watched(func(w *twisted, ctx context.Context, e string) changes {
		return w.mem.Watch(ctx, e)
	})},
}

func kept(seq changes, keep func(driver.Change) bool) changes {
	return func(yield func(driver.Change, error) bool) {
		for c, err := range seq {
			if (err != nil || keep(c)) && !yield(c, err) {
				return
			}
		}
	}
}
