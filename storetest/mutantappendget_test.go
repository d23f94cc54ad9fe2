package storetest_test

import (
	"context"
	"errors"

	"github.com/holdfast-go/holdfast/driver"
)

// AppendGet is Get, unless it was replaced.
func (w *twisted) AppendGet(ctx context.Context, k driver.Key, dst []byte) (driver.Record, error) {
	if w.appendGet != nil {
		return w.appendGet(ctx, k, dst)
	}
	rec, err := w.get(ctx, k)
	if err != nil {
		return driver.Record{}, err
	}
	rec.Data = append(dst, rec.Data...)
	return rec, nil
}

type appendGetFunc func(ctx context.Context, k driver.Key, dst []byte) (driver.Record, error)

// appending makes a store whose AppendGet is what f makes of Get.
func appending(f func(w *twisted, rec driver.Record, dst []byte) driver.Record) func(*twisted) {
	return func(w *twisted) {
		w.appendGet = func(ctx context.Context, k driver.Key, dst []byte) (driver.Record, error) {
			rec, err := w.handle.Get(ctx, k)
			if err != nil {
				return driver.Record{}, err
			}
			return f(w, rec, dst), nil
		}
	}
}

var appendGetMutants = []mutant{
	{name: "append-get-forgets-before", seen: "AppendGet/AppendGet appends what Get finds", twist: appending(func(_ *twisted, rec driver.Record, dst []byte) driver.Record {
		rec.Data = append(dst[:0], rec.Data...)
		return rec
	})},
	{name: "append-get-without-revision", seen: "AppendGet/AppendGet appends what Get finds", twist: appending(func(_ *twisted, rec driver.Record, dst []byte) driver.Record {
		return driver.Record{Key: rec.Key, Data: append(dst, rec.Data...), ModTime: rec.ModTime}
	})},
	{name: "append-get-allocates", seen: "AppendGet/AppendGet uses the memory that it is given, and no more of it", twist: appending(func(_ *twisted, rec driver.Record, dst []byte) driver.Record {
		rec.Data = append(append([]byte(nil), dst...), rec.Data...)
		return rec
	})},
	{name: "append-get-fills-what-is-too-small", seen: "AppendGet/AppendGet uses the memory that it is given, and no more of it", twist: appending(func(_ *twisted, rec driver.Record, dst []byte) driver.Record {
		copy(dst[len(dst):cap(dst)], rec.Data)
		rec.Data = append(dst, rec.Data...)
		return rec
	})},
	{name: "append-get-misses-damage", seen: "AppendGet/AppendGet tells absent from damaged", twist: func(w *twisted) {
		w.appendGet = func(ctx context.Context, k driver.Key, dst []byte) (driver.Record, error) {
			rec, err := w.handle.Get(ctx, k)
			if errors.Is(err, driver.ErrDamaged) {
				err = driver.ErrNotFound
			}
			rec.Data = append(dst, rec.Data...)
			return rec, err
		}
	}},
	{name: "append-get-shares-memory", seen: "AppendGet/AppendGet hands out copies", twist: func(w *twisted) {
		shared := []byte(nil)
		appending(func(_ *twisted, rec driver.Record, dst []byte) driver.Record {
			if cap(dst)-len(dst) < len(rec.Data) {
				shared = append(shared[:0], rec.Data...)
				rec.Data = shared
				return rec
			}
			rec.Data = append(dst, rec.Data...)
			return rec
		})(w)
		put := w.put
		w.put = func(ctx context.Context, k driver.Key, data []byte) error {
			copy(shared, data)
			return put(ctx, k, data)
		}
	}},
}
