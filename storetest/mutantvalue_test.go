package storetest_test

import (
	"context"
	"errors"
	"iter"
	"path"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/driver"
)

var valueMutants = []mutant{
	{name: "delete-of-absent-is-nil", seen: "Value/Delete of an absent value is ErrNotFound", twist: func(w *twisted) {
		w.del = func(ctx context.Context, k driver.Key) error {
			if err := w.handle.Delete(ctx, k); !errors.Is(err, driver.ErrNotFound) {
				return err
			}
			return nil
		}
	}},
	{name: "delete-clears-only", seen: "Value/Delete removes one", twist: func(w *twisted) {
		w.del = func(ctx context.Context, k driver.Key) error { return w.handle.Put(ctx, k, []byte(`null`)) }
	}},
	{name: "clear-by-prefix", seen: "Value/Clear removes all of an entity and of no other", twist: func(w *twisted) {
		w.clear = w.clearWhere(strings.HasPrefix)
	}},
	{name: "clear-by-glob", seen: "Value/Clear takes the entity's name as it stands", twist: func(w *twisted) {
		w.clear = w.clearWhere(func(entity, pattern string) bool {
			ok, err := path.Match(pattern, entity)
			return err == nil && ok || entity == pattern
		})
	}},
	{name: "init-once", seen: "Value/Init may be called again and by many", twist: func(w *twisted) {
		seen := map[string]bool{}
		w.init = func(ctx context.Context, e string) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			if seen[e] {
				return errors.New("exists")
			}
			seen[e] = true
			return w.handle.Init(ctx, e)
		}
	}},
	{name: "no-time", seen: "Value/ModTime is the time of the last change", twist: func(w *twisted) {
		w.get = func(ctx context.Context, k driver.Key) (driver.Record, error) {
			rec, err := w.handle.Get(ctx, k)
			rec.ModTime = time.Time{}
			return rec, err
		}
	}},
	{name: "no-key", seen: "Value/Put creates", twist: func(w *twisted) {
		w.get = func(ctx context.Context, k driver.Key) (driver.Record, error) {
			rec, err := w.handle.Get(ctx, k)
			rec.Key = driver.Key{}
			return rec, err
		}
	}},
	{name: "has-always", seen: "Value/Get of an absent value is ErrNotFound and Has false", twist: func(w *twisted) {
		w.has = func(context.Context, driver.Key) (bool, error) { return true, nil }
	}},
	{name: "null-is-absent", seen: "Null/a cleared value is there and not absent", twist: func(w *twisted) {
		w.get = func(ctx context.Context, k driver.Key) (driver.Record, error) {
			rec, err := w.handle.Get(ctx, k)
			if string(rec.Data) == "null" {
				return driver.Record{}, driver.ErrNotFound
			}
			return rec, err
		}
	}},
	{name: "put-of-null-deletes", seen: "Null/a cleared value is listed and deleted like others", twist: func(w *twisted) {
		w.put = func(ctx context.Context, k driver.Key, data []byte) error {
			if string(data) == "null" {
				return w.handle.Delete(ctx, k)
			}
			return w.handle.Put(ctx, k, data)
		}
	}},
	{name: "null-lost-at-restart", seen: "Null/a cleared value outlives a restart", restart: func(c *core) {
		each(c, func(k driver.Key, data string) {
			if data == "null" {
				_ = c.mem.Delete(context.Background(), k)
			}
		})
	}},
}

// clearWhere clears every entity of which match(entity, asked) is true.
func (w *twisted) clearWhere(match func(entity, asked string) bool) func(context.Context, string) error {
	return func(ctx context.Context, asked string) error {
		for entity, err := range w.Entities(ctx) {
			if err != nil {
				return err
			}
			if match(entity, asked) {
				if err := w.handle.Clear(ctx, entity); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

// each calls f with everything that a core holds.
func each(c *core, f func(k driver.Key, data string)) {
	ctx := context.Background()
	for entity := range c.mem.Entities(ctx) {
		for id := range c.mem.IDs(ctx, entity) {
			k := driver.Key{Entity: entity, ID: id}
			if rec, err := c.mem.Get(ctx, k); err == nil {
				f(k, string(rec.Data))
			}
		}
	}
}

const errDamaged = "Damage/Get and Has of a damaged value are ErrDamaged"

var damageMutants = []mutant{
	{name: "get-misses-damage", seen: errDamaged, twist: func(w *twisted) {
		w.get = func(ctx context.Context, k driver.Key) (driver.Record, error) {
			rec, err := w.handle.Get(ctx, k)
			if errors.Is(err, driver.ErrDamaged) {
				err = driver.ErrNotFound
			}
			return rec, err
		}
	}},
	{name: "has-false-on-damage", seen: errDamaged, twist: hasOnDamage(false)},
	{name: "has-true-on-damage", seen: errDamaged, twist: hasOnDamage(true)},
	{name: "damage-gone-once-told", seen: errDamaged, twist: func(w *twisted) {
		w.has = func(ctx context.Context, k driver.Key) (bool, error) {
			has, err := w.handle.Has(ctx, k)
			if errors.Is(err, driver.ErrDamaged) {
				_ = w.handle.Delete(ctx, k)
			}
			return has, err
		}
	}},
	{name: "damage-forgotten-at-restart", seen: "Damage/damage stays over a restart", restart: func(c *core) {
		for k := range c.damaged {
			_ = c.mem.Delete(context.Background(), k)
		}
		clear(c.damaged)
	}},
	{name: "damage-unlisted", seen: "Damage/a damaged value is listed", twist: func(w *twisted) {
		w.ids = func(ctx context.Context, e string) iter.Seq2[string, error] {
			return mapped(w.handle.IDs(ctx, e), func(id string) (string, bool) {
				_, err := w.handle.Has(ctx, driver.Key{Entity: e, ID: id})
				return id, err == nil
			})
		}
	}},
	{name: "refused-put-heals", seen: "Damage/a refused Put does not heal", twist: func(w *twisted) {
		w.put = func(ctx context.Context, k driver.Key, data []byte) error {
			if _, err := w.handle.Has(ctx, k); errors.Is(err, driver.ErrDamaged) {
				_ = w.handle.Delete(ctx, k)
			}
			return w.handle.Put(ctx, k, data)
		}
	}},
	{name: "damage-cannot-be-deleted", seen: "Damage/Delete removes what is damaged", twist: func(w *twisted) {
		w.del = func(ctx context.Context, k driver.Key) error {
			if _, err := w.handle.Has(ctx, k); err != nil {
				return err
			}
			return w.handle.Delete(ctx, k)
		}
	}},
	{name: "condition-on-damage-is-conflict", seen: "Damage/a condition on a damaged value is ErrDamaged", twist: func(w *twisted) {
		w.apply = func(ctx context.Context, conds []driver.Cond, ops []driver.Op) error {
			err := w.handle.Apply(ctx, conds, ops)
			if errors.Is(err, driver.ErrDamaged) {
				err = driver.ErrConflict
			}
			return err
		}
	}},
}

func hasOnDamage(answer bool) func(*twisted) {
	return func(w *twisted) {
		w.has = func(ctx context.Context, k driver.Key) (bool, error) {
			has, err := w.handle.Has(ctx, k)
			if errors.Is(err, driver.ErrDamaged) {
				return answer, nil
			}
			return has, err
		}
	}
}
