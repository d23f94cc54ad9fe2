package driver

import (
	"errors"
	"fmt"
	"time"
)

// The sentinel errors, for errors.Is. Package holdfast has them under the same
// names.
var (
	// ErrNotFound: there is no such value.
	ErrNotFound = errors.New("not found")
	// ErrDamaged: there is a value, but not one that can be read as it was
	// written. It stays so until it is repaired, overwritten or removed.
	ErrDamaged = errors.New("damaged")
	// ErrNotKept: history does not reach back to the state that is asked for, so
	// that it is not known whether there was a value.
	ErrNotKept = errors.New("not kept in history")
	// ErrLocked: another process has the store open for writing.
	ErrLocked = errors.New("locked by another process")
	// ErrConflict: a condition on a revision did not hold; nothing changed.
	ErrConflict = errors.New("changed meanwhile")
	// ErrFenced: a newer holder of the lease has taken over; nothing changed.
	ErrFenced = errors.New("fenced by a newer holder")
	// ErrReadOnly: the store was opened for reading alone.
	ErrReadOnly = errors.New("read-only")
	// ErrInvalidName: the backend cannot hold a value under that name.
	ErrInvalidName = errors.New("invalid name")
	// ErrInvalidJSON: the data is not exactly one JSON value in UTF-8.
	ErrInvalidJSON = errors.New("invalid JSON")
	// ErrInvalidURL: the URL of a store cannot be understood.
	ErrInvalidURL = errors.New("store URL")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("store is closed")
	// ErrStopped: a flush failed, so the store takes no further change until
	// it is opened again. What was acknowledged before is safe; the change
	// that met the failure is not acknowledged, and may or may not be there
	// after the next open.
	ErrStopped = errors.New("no writes after a failed flush; open the store again")
	// ErrUnknown: the answer to a change was lost, and it could not be found
	// out in time whether the change was made. It may also still happen. Read
	// the value before going on.
	ErrUnknown = errors.New("outcome unknown")
)

// LockedError is an ErrLocked that names who holds the store.
type LockedError struct {
	Path  string    // of the lock
	PID   int       // 0 if unknown
	Host  string    // "" if unknown
	Since time.Time // zero if unknown
}

// Error names the holder and the way out.
func (e *LockedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("%s is held by another process: stop it, or open for reading alone", e.Path)
	}
	return fmt.Sprintf("%s is held by process %d on %s since %s: stop that process, or open for reading alone",
		e.Path, e.PID, e.Host, e.Since.UTC().Format(time.RFC3339))
}

// Is makes errors.Is(err, ErrLocked) true.
func (e *LockedError) Is(target error) bool { return target == ErrLocked }

// DamagedError is an ErrDamaged that says what is wrong and where.
type DamagedError struct {
	Path   string // where the value should be, as the backend names it
	Reason string // what is wrong
	Kept   string // where the damaged bytes are kept; "" if in their place
	Way    string // the way out; "" stands for: put a good value, or remove it
}

// Error says what is wrong and the way out.
func (e *DamagedError) Error() string {
	s := "damaged: " + e.Path + ": " + e.Reason
	if e.Kept != "" {
		s += "; kept in " + e.Kept
	}
	if e.Way != "" {
		return s + ": " + e.Way
	}
	return s + ": put a good value, or remove it"
}

// Is makes errors.Is(err, ErrDamaged) true.
func (e *DamagedError) Is(target error) bool { return target == ErrDamaged }
