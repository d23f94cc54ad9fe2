package holdfast

import (
	"errors"
	"slices"
	"strings"

	"github.com/holdfast-go/holdfast/driver"
)

// The sentinel errors, for errors.Is: the same values as in package driver,
// where their meaning is written down.
var (
	ErrNotFound    = driver.ErrNotFound
	ErrDamaged     = driver.ErrDamaged
	ErrNotKept     = driver.ErrNotKept
	ErrLocked      = driver.ErrLocked
	ErrConflict    = driver.ErrConflict
	ErrFenced      = driver.ErrFenced
	ErrReadOnly    = driver.ErrReadOnly
	ErrInvalidName = driver.ErrInvalidName
	ErrInvalidJSON = driver.ErrInvalidJSON
	ErrInvalidURL  = driver.ErrInvalidURL
	ErrClosed      = driver.ErrClosed
	ErrStopped     = driver.ErrStopped
	ErrUnknown     = driver.ErrUnknown
)

// ErrCleared says that the value is the JSON null, and the type of the
// collection has no way to say so: it is not a pointer, map, slice or interface.
// Use a Collection[*T] where values are cleared.
var ErrCleared = errors.New("cleared (null)")

// sentinels are all of them.
var sentinels = []error{ErrNotFound, ErrDamaged, ErrNotKept, ErrLocked, ErrConflict, ErrFenced, ErrReadOnly,
	ErrInvalidName, ErrInvalidJSON, ErrInvalidURL, ErrClosed, ErrStopped, ErrUnknown, ErrCleared}

// Error tells which operation on which value failed. Every error of this
// package is one, wrapped once around what the backend said.
type Error struct {
	Op     string // "open", "get", "put", …
	Entity string // "" where the operation has none
	ID     string // "" where the operation has none
	Err    error
}

// Error reads "get signal/strategy-a BTCUSDT: not found".
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	for _, name := range []string{e.Entity, e.ID} {
		if name != "" {
			b.WriteString(" " + name)
		}
	}
	b.WriteString(": " + e.Err.Error())
	return b.String()
}

// Unwrap gives errors.Is and errors.As what the backend said.
func (e *Error) Unwrap() error { return e.Err }

// codecError is what a codec says of a value. The store says otherwise: to a codec
// that has found no key of its own, the value is there all the same. So none of
// what errors of a store are told by is found in it.
type codecError struct{ err error }

func (e codecError) Error() string { return e.err.Error() }

// Is finds what else is in the codec's error. (With Unwrap all of it would be.)
func (e codecError) Is(target error) bool {
	return !slices.Contains(sentinels, target) && errors.Is(e.err, target)
}

// As finds what else is in the codec's error.
func (e codecError) As(target any) bool {
	switch target.(type) {
	case **Error, **driver.DamagedError:
		return false
	}
	return errors.As(e.err, target)
}

// fail wraps err once; nil stays nil, and an *Error stays what it is.
func fail(op string, k driver.Key, err error) error {
	if err == nil {
		return nil
	}
	var already *Error
	if errors.As(err, &already) {
		return err
	}
	return &Error{Op: op, Entity: k.Entity, ID: k.ID, Err: err}
}
