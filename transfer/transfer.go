// Package transfer carries the values of one store over to another, whatever
// the two backends are: from files to a database, from a database back to
// files, from the state of yesterday's machine to today's.
//
// [Copy] never changes a value of the target unless it is told to, and says of
// every value that it could not carry over why. A copy that was interrupted, by
// kill -9 or a cut connection, is run again with [Keep]: what is equal on the
// target by then is passed over. [Verify] reads both sides and compares them.
//
// What is carried over is the value, not its history, revision or time: the
// target gives it its own.
package transfer

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/holdfast-go/holdfast"
)

// The sentinel errors, for errors.Is.
var (
	// ErrNotEmpty: the target holds values, and nobody said what to do with them.
	ErrNotEmpty = errors.New("the target is not empty")
	// ErrSame: source and target are one store.
	ErrSame = errors.New("source and target are the same store")
	// ErrDiffers: the target holds another value under that name.
	ErrDiffers = errors.New("the target holds another value")
	// ErrMissing: the target lacks a value that the source has.
	ErrMissing = errors.New("the target lacks it")
)

// Existing says what becomes of values that the target holds already.
type Existing string

// The choices.
const (
	Refuse    Existing = ""          // copy nothing if the target holds any value: ErrNotEmpty
	Keep      Existing = "keep"      // pass over what is equal, leave what differs and report it
	Overwrite Existing = "overwrite" // pass over what is equal, replace what differs
)

// MaxWriters is more than any backend is faster with.
const MaxWriters = 256

// Options of Copy and Verify. Nil stands for the zero value, which stands for
// the defaults.
type Options struct {
	// Entities to copy. Default: all, without those that leases are kept in:
	// who holds a lease is no state to be carried elsewhere.
	Entities []string
	// Existing values of the target. Default: Refuse.
	Existing Existing
	// Writers is how many batches are read and written at once, 1 to
	// MaxWriters. Default: 4.
	Writers int
	// Progress, if not nil, is told after each batch, by one goroutine at a
	// time, how many values are done with, and the bytes of their data.
	Progress func(values int, bytes int64)
	// Problem, if not nil, is told, by one goroutine at a time, of each value
	// that was not carried over, or is not the same. It is a *holdfast.Error
	// that names it, around ErrDamaged, ErrDiffers, ErrMissing, or what the
	// target has against it, such as ErrInvalidName.
	Problem func(error)
}

func (o *Options) filled() (Options, error) {
	var f Options
	if o != nil {
		f = *o
		f.Entities = slices.Clone(o.Entities)
	}
	if f.Writers == 0 {
		f.Writers = 4
	}
	if f.Progress == nil {
		f.Progress = func(int, int64) {}
	}
	if f.Problem == nil {
		f.Problem = func(error) {}
	}
	slices.Sort(f.Entities)
	f.Entities = slices.Compact(f.Entities)
	switch {
	case f.Writers < 1 || f.Writers > MaxWriters:
		return f, fmt.Errorf("%d writers: take a number from 1 to %d", f.Writers, MaxWriters)
	case f.Existing != Refuse && f.Existing != Keep && f.Existing != Overwrite:
		return f, fmt.Errorf("unknown choice %q for existing values", f.Existing)
	}
	return f, nil
}

// Summary counts what Copy did with the values of the source.
type Summary struct {
	Copied   int   `json:"copied"`   // written where there was none
	Replaced int   `json:"replaced"` // written over another value
	Equal    int   `json:"equal"`    // there already
	Differ   int   `json:"differ"`   // another value is there, and was left
	Damaged  int   `json:"damaged"`  // unreadable, at the source or at the target
	Refused  int   `json:"refused"`  // that the target cannot hold
	Bytes    int64 `json:"bytes"`    // of the data that was written
}

// Values is how many values of the source the summary tells of.
func (s Summary) Values() int {
	return s.Copied + s.Replaced + s.Equal + s.Differ + s.Damaged + s.Refused
}

// Complete tells whether all values are on the target now.
func (s Summary) Complete() bool { return s.Differ+s.Damaged+s.Refused == 0 }

// Copy copies the values of src to dst. What the summary counts as copied or
// replaced is as durable as dst makes it, also if an error is returned: then
// Copy with Keep goes on.
//
// A value is made only where none is at that moment, so that what others write
// to the target meanwhile is safe; where the target cannot write under
// conditions (Properties.Batch is "none") others must not write. What is changed
// at the source while it is copied is copied as it was or as it is.
//
// Damaged values, and those that the target refuses, are reported to
// Options.Problem and counted, and the rest is copied. Any other error ends it.
func Copy(ctx context.Context, src, dst *holdfast.Store, o *Options) (Summary, error) {
	opt, err := o.filled()
	if err == nil {
		err = different(src, dst)
	}
	if err != nil {
		return Summary{}, fail(err)
	}
	c := newCopier(src, dst, opt)
	if err := c.prepare(ctx); err != nil {
		return Summary{}, fail(err)
	}
	err = c.run(ctx, c.copyChunk)
	return c.summary, fail(err)
}

// different refuses to copy a store onto itself, and to where nothing can be written.
func different(src, dst *holdfast.Store) error {
	from, to := src.Properties(), dst.Properties()
	// What is neither durable nor shared lies in a process, wherever that says.
	lies := from.Durable || from.Shared
	if src == dst || lies && from.Location != "" && from.Location == to.Location && from.Backend == to.Backend {
		return fmt.Errorf("%w: %s", ErrSame, from.Location)
	}
	if to.ReadOnly {
		return fmt.Errorf("the target: %w", holdfast.ErrReadOnly)
	}
	return nil
}

func fail(err error) error {
	var already *holdfast.Error
	if err == nil || errors.As(err, &already) {
		return err
	}
	return &holdfast.Error{Op: "copy", Err: err}
}
