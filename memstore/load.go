package memstore

import (
	"context"
	"iter"

	"github.com/holdfast-go/holdfast/driver"
)

// Load implements driver.Loader.
func (s *Store) Load(ctx context.Context, values []driver.Value) []error {
	errs := make([]error, len(values))
	for i, v := range values {
		errs[i] = s.Apply(ctx, []driver.Cond{{Key: v.Key}}, []driver.Op{{Key: v.Key, Data: v.Data}})
	}
	return errs
}

// Scan implements driver.Scanner: of the ids of one moment what is there when
// they are reached.
func (s *Store) Scan(ctx context.Context, entity string) iter.Seq2[driver.Record, error] {
	return func(yield func(driver.Record, error) bool) {
		for id, err := range s.IDs(ctx, entity) {
			var rec driver.Record
			if err == nil {
				rec, err = s.Get(ctx, driver.Key{Entity: entity, ID: id})
			}
			if err == driver.ErrNotFound { // removed since
				continue
			}
			if !yield(rec, err) || err != nil {
				return
			}
		}
	}
}
