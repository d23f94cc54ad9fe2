package journal

import (
	"errors"
	"syscall"
)

// Errors of this package, for [errors.Is].
var (
	// ErrClosed says that the journal has been closed.
	ErrClosed = errors.New("journal is closed")

	// ErrFull says that the journal has reached its size and every segment
	// holds records that are not released. The batch at hand failed; writing
	// works again after [Journal.Release].
	ErrFull = errors.New("journal is full of records that are not released")

	// ErrTooLarge says that a payload is longer than [MaxPayload].
	ErrTooLarge = errors.New("payload is too large for the journal")

	// ErrGap says that the records a reader asked for are no longer there: their
	// space has been reused. The caller reloads its checkpoint and begins again.
	ErrGap = errors.New("the journal no longer has these records")

	// ErrVersion says that a segment was written by a newer version.
	ErrVersion = errors.New("journal was written by a newer version")
)

// FlushError says that a flush failed: whether its records will survive a power
// cut is unknown, and nobody can find out. It is final: they are not
// acknowledged, nothing is flushed again (the kernel reports a lost page once,
// and a second flush would answer nil for data that is gone), and the journal
// takes no further record until it is opened anew.
type FlushError struct{ Err error }

func (e *FlushError) Error() string {
	return "journal flush failed, durability unknown: " + e.Err.Error()
}

// Unwrap returns the file system's error.
func (e *FlushError) Unwrap() error { return e.Err }

// flushError marks a failed sync as final. A full disk or quota is not: a file
// system that allocates late says so at the sync, of a file that nobody
// has relied on yet.
func flushError(err error) error {
	if err == nil || isFull(err) {
		return err
	}
	return &FlushError{Err: err}
}

func isFlushError(err error) bool {
	var fe *FlushError
	return errors.As(err, &fe)
}

// isFull tells a full disk or quota.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
