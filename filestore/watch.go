package filestore

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/holdfast-go/holdfast/driver"
)

// Watch implements driver.Watcher for the changes made through this Store. One
// that is open for reading alone makes none, and would be told of none of its
// owner's: errors.ErrUnsupported.
func (s *Store) Watch(ctx context.Context, entity string) iter.Seq2[driver.Change, error] {
	done, err := s.enter(ctx)
	if err != nil {
		return failing(err)
	}
	defer done()
	if s.opt.ReadOnly {
		return failing(fmt.Errorf("%w: a store that is open for reading alone is not told of changes", errors.ErrUnsupported))
	}
	if _, err := s.locateEntity(entity); err != nil {
		return failing(err)
	}
	return s.hub.Watch(ctx, entity)
}

func failing(err error) iter.Seq2[driver.Change, error] {
	return func(yield func(driver.Change, error) bool) { yield(driver.Change{}, err) }
}
