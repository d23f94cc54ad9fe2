package filestore

import (
	"context"

	"github.com/holdfast-go/holdfast/driver"
)

// Flush implements driver.Flusher: when it returns nil, the files hold what was
// acknowledged before the call, durably.
func (s *Store) Flush(ctx context.Context) error {
	done, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer done()
	if s.opt.ReadOnly {
		return driver.ErrReadOnly
	}
	if s.j == nil {
		return nil
	}
	return s.j.flushFiles(ctx)
}

// flushFiles runs a pass, and tells which file could not be written.
func (j *journaled) flushFiles(ctx context.Context) error {
	if err := j.checkpoint(ctx); err != nil {
		return err
	}
	return j.stuckFile()
}
