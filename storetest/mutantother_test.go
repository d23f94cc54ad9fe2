package storetest_test

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/holdfast-go/holdfast/driver"
)

var otherMutants = []mutant{
	{name: "put-ignores-context", seen: "Context/Put with a cancelled context changes nothing", twist: func(w *twisted) {
		w.put = func(ctx context.Context, k driver.Key, data []byte) error {
			return w.handle.Put(context.WithoutCancel(ctx), k, data)
		}
	}},
	{name: "put-reports-context-after-writing", seen: "Context/Put with a cancelled context changes nothing", twist: func(w *twisted) {
		w.put = func(ctx context.Context, k driver.Key, data []byte) error {
			return errors.Join(w.handle.Put(context.WithoutCancel(ctx), k, data), ctx.Err())
		}
	}},
	{name: "get-hides-context", seen: "Context/Get with a cancelled context changes nothing", twist: func(w *twisted) {
		w.get = func(ctx context.Context, k driver.Key) (driver.Record, error) {
			rec, err := w.handle.Get(ctx, k)
			if err != nil {
				err = fmt.Errorf("%w: %v", driver.ErrNotFound, err)
			}
			return rec, err
		}
	}},
	{name: "list-ignores-context", seen: "Context/IDs with a cancelled context changes nothing", twist: func(w *twisted) {
		w.ids = func(ctx context.Context, e string) iter.Seq2[string, error] {
			return w.handle.IDs(context.WithoutCancel(ctx), e)
		}
	}},
	{name: "put-keeps-slice", seen: "Ownership/Put does not keep or change the data it is given", twist: func(w *twisted) {
		given := map[driver.Key][]byte{}
		w.put = func(ctx context.Context, k driver.Key, data []byte) error {
			given[k] = data
			return w.handle.Put(ctx, k, data)
		}
		w.get = func(ctx context.Context, k driver.Key) (driver.Record, error) {
			rec, err := w.handle.Get(ctx, k)
			rec.Data = given[k]
			return rec, err
		}
	}},
	{name: "put-scribbles", seen: "Ownership/Put does not keep or change the data it is given", twist: func(w *twisted) {
		w.put = func(ctx context.Context, k driver.Key, data []byte) error {
			err := w.handle.Put(ctx, k, data)
			clear(data)
			return err
		}
	}},
	{name: "apply-keeps-slice", seen: "Ownership/Apply does not keep or change the data it is given", twist: func(w *twisted) {
		var given []driver.Op
		w.apply = func(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
			given = ops
			return w.handle.Apply(ctx, conds, ops)
		}
		w.get = func(ctx context.Context, k driver.Key) (driver.Record, error) {
			rec, err := w.handle.Get(ctx, k)
			if len(given) > 0 {
				rec.Data = given[0].Data
			}
			return rec, err
		}
	}},
	{name: "get-hands-out-its-own", seen: "Ownership/Get hands out copies", twist: func(w *twisted) {
		cache := map[driver.Key]driver.Record{}
		w.get = func(ctx context.Context, k driver.Key) (driver.Record, error) {
			if rec, ok := cache[k]; ok {
				return rec, nil
			}
			rec, err := w.handle.Get(ctx, k)
			cache[k] = rec
			return rec, err
		}
	}},
	{name: "says-read-only", seen: "Properties/ReadOnly is false where Put works", twist: func(w *twisted) {
		w.props = func() driver.Properties {
			p := w.handle.Properties()
			p.ReadOnly = true
			return p
		}
	}},
	{name: "no-location", seen: "Properties/Properties name the backend and a known scope", twist: func(w *twisted) {
		w.props = func() driver.Properties { return driver.Properties{Backend: "x"} }
	}},
	{name: "cuts-what-is-too-large", seen: "Properties/a value above MaxData is refused", twist: func(w *twisted) {
		const limit = 1 << 20
		w.props = func() driver.Properties {
			p := w.handle.Properties()
			p.MaxData = limit
			return p
		}
		w.put = func(ctx context.Context, k driver.Key, data []byte) error {
			return w.handle.Put(ctx, k, data[:min(len(data), limit)])
		}
	}},
	{name: "restart-loses-one", seen: "Restart/everything is there again", restart: func(c *core) {
		lost := false
		each(c, func(k driver.Key, _ string) {
			if !lost {
				_ = c.mem.Delete(context.Background(), k)
			}
			lost = true
		})
	}},
	{name: "restart-loses-one-and-model-sees-it", seen: "Model/a random run agrees with a map", restart: func(c *core) {
		each(c, func(k driver.Key, _ string) { _ = c.mem.Delete(context.Background(), k) })
	}},
	{name: "restart-touches", seen: "Restart/a restart without a change changes nothing", restart: func(c *core) {
		each(c, func(k driver.Key, data string) { _ = c.mem.Put(context.Background(), k, []byte(data)) })
	}},
	{name: "deleted-comes-back", seen: "Restart/what was deleted stays away", twist: func(w *twisted) { w.deleteInMind() }},
	{name: "acknowledges-after-close", seen: "Close/a closed backend takes no change", twist: func(w *twisted) {
		w.put = func(ctx context.Context, k driver.Key, data []byte) error {
			if err := w.handle.Put(ctx, k, data); !errors.Is(err, driver.ErrClosed) {
				return err
			}
			return nil
		}
	}},
	{name: "acknowledges-while-closing", seen: "Restart/what was acknowledged while closing is there", twist: func(w *twisted) {
		w.put = func(ctx context.Context, k driver.Key, data []byte) error {
			if err := w.handle.Put(ctx, k, data); !errors.Is(err, driver.ErrClosed) {
				return err
			}
			return nil
		}
	}},
}

// deleteInMind makes a store that forgets, with the process, what was deleted.
func (w *twisted) deleteInMind() {
	gone := map[driver.Key]bool{}
	w.del = func(_ context.Context, k driver.Key) error {
		gone[k] = true
		return nil
	}
	w.put = func(ctx context.Context, k driver.Key, data []byte) error {
		delete(gone, k)
		return w.handle.Put(ctx, k, data)
	}
	w.get = func(ctx context.Context, k driver.Key) (driver.Record, error) {
		if gone[k] {
			return driver.Record{}, driver.ErrNotFound
		}
		return w.handle.Get(ctx, k)
	}
	w.has = func(ctx context.Context, k driver.Key) (bool, error) {
		if gone[k] {
			return false, nil
		}
		return w.handle.Has(ctx, k)
	}
}
