package driver

import "context"

// Value is one that is to be made.
type Value struct {
	Key  Key
	Data []byte // JSON
}

// Loader makes many values at once, each for itself: as a copy does that fills a
// store. A backend whose Apply does as much in one step needs none.
type Loader interface {
	// Load makes each value where there is none, as Apply does under the
	// condition that it is absent, and answers for each: errs[i] is about
	// values[i]. Nil says that it was made, with the atomicity and durability of
	// Put; ErrConflict that there is one, damaged or not, and that nothing of
	// it was changed. Of several values of one key one is made at the most.
	//
	// All are looked at before any is written. What is refused then
	// (ErrInvalidName, ErrInvalidJSON) does not keep the others from being made.
	//
	// It is not one step: after a crash, or an error, some are there and others
	// are not, but none is there in part. ErrUnknown means of each value what it
	// means for Put.
	Load(ctx context.Context, values []Value) (errs []error)
}

// FailAll is Load's answer where one error is that of all values.
func FailAll(values []Value, err error) []error {
	errs := make([]error, len(values))
	for i := range errs {
		errs[i] = err
	}
	return errs
}
