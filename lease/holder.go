package lease

import (
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast"
)

// Holder is who holds a lease.
type Holder struct {
	PID   int           // of its process, on its host
	Host  string        // "" if unknown
	ID    string        // of this one holding: random, never used again
	Since time.Time     // by the holder's clock
	TTL   time.Duration // its lease time
	Token uint64        // its fencing token
}

// String reads "process 123 on box since 2026-11-24T01:02:03Z".
func (h Holder) String() string {
	host := h.Host
	if host == "" {
		host = "an unknown host"
	}
	return fmt.Sprintf("process %d on %s since %s", h.PID, host, h.Since.UTC().Format(time.RFC3339))
}

// HeldError is an ErrLocked that names who holds the lease.
type HeldError struct {
	Name   string
	Holder Holder
	Cause  error // why the waiting ended; nil if there was none
}

// Error names the holder and the way out.
func (e *HeldError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "lease %q is held by %s", e.Name, e.Holder)
	if e.Cause != nil {
		fmt.Fprintf(&b, "; waiting ended: %v", e.Cause)
		return b.String()
	}
	b.WriteString(": stop that process, or wait for it")
	return b.String()
}

// Is makes errors.Is(err, ErrLocked) true.
func (e *HeldError) Is(target error) bool { return target == holdfast.ErrLocked }

// Unwrap gives errors.Is why the waiting ended.
func (e *HeldError) Unwrap() error { return e.Cause }

// FencedError is an ErrFenced that names who has the lease now.
type FencedError struct {
	Name  string
	Token uint64 // of the holder that was refused
	// By is the newer holder, the same one if it released the lease itself, and
	// the zero Holder if the record is gone or cannot be read.
	By Holder
}

// Error says what happened and what to do.
func (e *FencedError) Error() string {
	s := fmt.Sprintf("lease %q (token %d): fenced: ", e.Name, e.Token)
	switch {
	case e.By.ID == "":
		s += "its record was removed or replaced"
	case e.By.Token == e.Token:
		return s + "it was released before"
	default:
		s += fmt.Sprintf("taken over by %s (token %d)", e.By, e.By.Token)
	}
	return s + "; nothing was changed: stop this process, the state is no longer its own"
}

// Is makes errors.Is(err, ErrFenced) true.
func (e *FencedError) Is(target error) bool { return target == holdfast.ErrFenced }
