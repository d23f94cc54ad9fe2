package candle

import (
	"errors"
	"fmt"
	"io"
)

// A RowError tells where in an input a [Reader] had to stop, and why.
type RowError struct {
	// Name is the input's name as given to [NewReader].
	Name string
	// Line is the line on which the bad row begins, counted from 1. Blank
	// lines, comments and the header count.
	Line int
	// Err is what is wrong and, where that helps, what to do about it. If
	// reading the input failed, it wraps the failure.
	Err error
}

// Error returns one line such as
//
//	BTCUSDT.csv: line 17: high 12.5 is below low 13: correct or remove the row
func (e *RowError) Error() string {
	where := fmt.Sprintf("line %d: %v", e.Line, e.Err)
	if e.Name == "" {
		return where
	}
	return e.Name + ": " + where
}

// Unwrap returns e.Err.
func (e *RowError) Unwrap() error { return e.Err }

// badRow adds to err, the fault of a single row, what its owner can do.
func badRow(err error) error {
	return fmt.Errorf("%w: correct or remove the row", err)
}

// readFailure describes err, with which the input's Read failed. It hides an
// io.EOF wrapped in err: nobody may take the failure for a clean end.
func readFailure(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("reading failed: %v", err)
	}
	return fmt.Errorf("reading failed: %w", err)
}

// shown is s, or as much of it as fits in a message, quoted.
func shown(s []byte) string {
	const most = 40
	if len(s) > most {
		return fmt.Sprintf("%q...", s[:most])
	}
	return fmt.Sprintf("%q", s)
}
