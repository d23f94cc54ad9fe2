package pgstore

import (
	"context"

	"github.com/holdfast-go/holdfast/driver"
)

// Delete implements driver.Deleter. The trigger of the table notes the removal
// and tells those who watch.
func (s *Store) Delete(ctx context.Context, k driver.Key) error {
	if err := first(s.mayChange(ctx), driver.ValidateKey(k)); err != nil {
		return err
	}
	if err := s.life.enter(); err != nil {
		return err
	}
	defer s.life.leave()
	a, err := s.change(ctx, &change{
		sql:     s.sql.del,
		args:    func(token string) []any { return []any{k.Entity, k.ID, token} },
		deletes: []driver.Key{k},
	})
	switch {
	case err != nil:
		return s.ofChange(err)
	case a.rows == 0:
		return driver.ErrNotFound
	}
	return nil
}

// Clear implements driver.Deleter: as one transaction.
func (s *Store) Clear(ctx context.Context, entity string) error {
	if err := first(s.mayChange(ctx), driver.ValidateEntity(entity)); err != nil {
		return err
	}
	if err := s.life.enter(); err != nil {
		return err
	}
	defer s.life.leave()
	_, err := s.change(ctx, &change{
		sql:    s.sql.clear,
		args:   func(token string) []any { return []any{entity, token} },
		clears: entity,
	})
	return s.ofChange(err)
}
