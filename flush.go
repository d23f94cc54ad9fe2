package holdfast

import (
	"context"

	"github.com/holdfast-go/holdfast/driver"
)

// Flush makes what others see of the store current, such as its files for a
// program that reads them: everything that was acknowledged before the call.
// The values are durable without it. A backend that others see as it is has
// nothing to flush, and neither has a store opened for reading alone: nil.
func (s *Store) Flush(ctx context.Context) error {
	err := s.usable(ctx, true)
	if f, ok := driver.As[driver.Flusher](s.d); ok && err == nil && !s.readOnly {
		err = f.Flush(ctx)
	}
	return fail("flush", driver.Key{}, err)
}
