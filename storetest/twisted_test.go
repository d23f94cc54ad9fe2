package storetest_test

import (
	"context"
	"iter"
	"sync"

	"github.com/holdfast-go/holdfast/driver"
)

// twisted is a handle of which single methods have been replaced.
type twisted struct {
	*handle
	mu        sync.Mutex // for the sabotage
	init      func(context.Context, string) error
	get       func(context.Context, driver.Key) (driver.Record, error)
	has       func(context.Context, driver.Key) (bool, error)
	put       func(context.Context, driver.Key, []byte) error
	del       func(context.Context, driver.Key) error
	clear     func(context.Context, string) error
	ids       func(context.Context, string) iter.Seq2[string, error]
	entities  func(context.Context) iter.Seq2[string, error]
	apply     func(context.Context, []driver.Cond, []driver.Op) error
	load      func(context.Context, []driver.Value) []error
	scan      func(context.Context, string) iter.Seq2[driver.Record, error]
	appendGet appendGetFunc
	history   func(context.Context, driver.Key) iter.Seq2[driver.Version, error]
	watch     func(context.Context, string) iter.Seq2[driver.Change, error]
	props     func() driver.Properties
}

func newTwisted(h *handle) *twisted {
	return &twisted{
		handle: h, init: h.Init, get: h.Get, has: h.Has, put: h.Put, del: h.Delete, clear: h.Clear,
		ids: h.IDs, entities: h.Entities, apply: h.Apply, load: h.Load, scan: h.Scan, history: h.History, watch: h.Watch, props: h.Properties,
	}
}

func (w *twisted) Init(ctx context.Context, e string) error { return w.init(ctx, e) }
func (w *twisted) Get(ctx context.Context, k driver.Key) (driver.Record, error) {
	return w.get(ctx, k)
}
func (w *twisted) Has(ctx context.Context, k driver.Key) (bool, error) { return w.has(ctx, k) }
func (w *twisted) Put(ctx context.Context, k driver.Key, data []byte) error {
	return w.put(ctx, k, data)
}
func (w *twisted) Delete(ctx context.Context, k driver.Key) error { return w.del(ctx, k) }
func (w *twisted) Clear(ctx context.Context, e string) error      { return w.clear(ctx, e) }
func (w *twisted) IDs(ctx context.Context, e string) iter.Seq2[string, error] {
	return w.ids(ctx, e)
}
func (w *twisted) Entities(ctx context.Context) iter.Seq2[string, error] { return w.entities(ctx) }
func (w *twisted) Apply(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
	return w.apply(ctx, conds, ops)
}
func (w *twisted) Load(ctx context.Context, values []driver.Value) []error {
	return w.load(ctx, values)
}
func (w *twisted) Scan(ctx context.Context, e string) iter.Seq2[driver.Record, error] {
	return w.scan(ctx, e)
}
func (w *twisted) History(ctx context.Context, k driver.Key) iter.Seq2[driver.Version, error] {
	return w.history(ctx, k)
}
func (w *twisted) Watch(ctx context.Context, e string) iter.Seq2[driver.Change, error] {
	return w.watch(ctx, e)
}
func (w *twisted) Properties() driver.Properties { return w.props() }

// renamed makes a store that keeps names as f makes them: k goes in as f(k),
// and lists as such.
func renamed(w *twisted, f func(driver.Key) driver.Key) {
	h := w.handle
	w.get = func(ctx context.Context, k driver.Key) (driver.Record, error) {
		rec, err := h.Get(ctx, f(k))
		rec.Key = k
		return rec, err
	}
	w.has = func(ctx context.Context, k driver.Key) (bool, error) { return h.Has(ctx, f(k)) }
	w.put = func(ctx context.Context, k driver.Key, data []byte) error { return h.Put(ctx, f(k), data) }
	w.del = func(ctx context.Context, k driver.Key) error { return h.Delete(ctx, f(k)) }
	w.init = func(context.Context, string) error { return nil }
}

// ids renamed by f alone.
func renamedIDs(f func(string) string) func(*twisted) {
	return func(w *twisted) {
		renamed(w, func(k driver.Key) driver.Key { return driver.Key{Entity: k.Entity, ID: f(k.ID)} })
	}
}

// entities renamed by f alone, listings included.
func renamedEntities(f func(string) string) func(*twisted) {
	return func(w *twisted) {
		renamed(w, func(k driver.Key) driver.Key { return driver.Key{Entity: f(k.Entity), ID: k.ID} })
		h := w.handle
		w.ids = func(ctx context.Context, e string) iter.Seq2[string, error] { return h.IDs(ctx, f(e)) }
		w.clear = func(ctx context.Context, e string) error { return h.Clear(ctx, f(e)) }
	}
}

// rerevised makes a store whose revisions are what rev says.
func rerevised(w *twisted, rev func(driver.Record) string) {
	h := w.handle
	w.get = func(ctx context.Context, k driver.Key) (driver.Record, error) {
		rec, err := h.Get(ctx, k)
		if err == nil {
			rec.Rev = rev(rec)
		}
		return rec, err
	}
}
