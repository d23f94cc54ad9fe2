package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"syscall"
	"unicode"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/internal/shell"
)

// The exit status.
const (
	exitOK      = 0
	exitFailed  = 1
	exitUsage   = 2
	exitDamaged = 3
)

// usageError is a command line that cannot be carried out: exit status 2.
type usageError struct {
	command string // "holdfast ls"
	err     error
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// advised is an error with what to do next, for where only the place at which
// it arose knows that.
type advised struct {
	error
	next string
}

func (e *advised) Unwrap() error { return e.error }

func advise(err error, next string) error { return &advised{err, next} }

// reported is an error of which stderr has told already: it sets the exit
// status alone.
type reported struct{ error }

func (e *reported) Unwrap() error { return e.error }

func exitCode(err error) int {
	var usage *usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage), errors.Is(err, holdfast.ErrInvalidURL):
		return exitUsage
	case errors.Is(err, holdfast.ErrDamaged):
		return exitDamaged
	}
	return exitFailed
}

// complain writes err to stderr as one line: what failed, why, and what to do
// next.
func (a *app) complain(err error) {
	var told *reported
	if err == nil || errors.As(err, &told) {
		return
	}
	line := err.Error()
	if next := nextStep(err); next != "" {
		line += ": " + next
	}
	a.note(line)
}

// note writes one line to stderr that is not part of any result.
func (a *app) note(line string) {
	fmt.Fprintf(a.stderr, "holdfast: %s\n", oneLine(line))
}

// nextStep tells what to do about err, "" if its text says so itself.
func nextStep(err error) string {
	var usage *usageError
	var known *advised
	var damaged *driver.DamagedError
	var of *holdfast.Error
	errors.As(err, &of)
	switch {
	case errors.As(err, &usage):
		return fmt.Sprintf("see %q", usage.command+" --help")
	case errors.As(err, &known):
		return known.next
	case errors.Is(err, context.Canceled):
		return "interrupted: run it again"
	case errors.As(err, &damaged) && of != nil && of.ID == "":
		return "" // not a value but the place of many: its text knows better
	case of != nil && of.Op == "open" && errors.Is(err, fs.ErrPermission):
		return "run it as the user who owns the store; ls, get, history, diff, export and check only read"
	case of != nil && of.Op == "open" && errors.Is(err, syscall.EROFS):
		return "ls, get, history, diff, export and check only read" // the rest its text says
	case errors.As(err, &damaged):
		return `"holdfast check" lists all damage`
	case errors.Is(err, holdfast.ErrDamaged):
		return `run "holdfast check", then put a good value or remove it`
	case errors.Is(err, holdfast.ErrNotFound):
		return notFoundStep(err)
	case errors.Is(err, holdfast.ErrNotKept):
		return notKeptStep(of)
	case errors.Is(err, holdfast.ErrFenced):
		return "" // its text names who took over
	case errors.Is(err, holdfast.ErrUnknown):
		return "read the value to see, before you try again"
	case errors.Is(err, fs.ErrNotExist):
		return "name where the state lies with --store"
	case errors.Is(err, holdfast.ErrInvalidJSON):
		return "correct it and try again; nothing was changed"
	case errors.Is(err, errors.ErrUnsupported):
		return unsupportedStep(of)
	}
	return systemStep(err)
}

// notFoundStep names the listing in which the right id stands.
func notFoundStep(err error) string {
	var e *holdfast.Error
	if errors.As(err, &e) && e.Entity != "" {
		return "list what there is with: " + shell.Command("ls", e.Entity)
	}
	return "list what there is with: holdfast ls"
}

// notKeptStep names what there is of a value's history.
func notKeptStep(of *holdfast.Error) string {
	switch {
	case of == nil || of.ID == "":
		return `"holdfast check" says how far back history reaches`
	case of.Op == "undo":
		return "put what it was, or remove it with: " + shell.Command("rm", of.Entity, of.ID)
	}
	return "list what is kept with: " + shell.Command("history", of.Entity, of.ID)
}

// unsupportedStep says who can do what this backend cannot.
func unsupportedStep(of *holdfast.Error) string {
	if of != nil && (of.Op == "history" || of.Op == "undo" || of.Op == "get") { // get: of a time
		return "this store keeps no history; those of file: (with a journal) and mem: do"
	}
	return "this backend cannot do it; use another --store"
}

// systemStep is nextStep for errors of the operating system.
func systemStep(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "make room on the disk and try again; what was acknowledged before is safe"
	case errors.Is(err, syscall.EROFS):
		return "the file system is read-only: make it writable, or use ls, get, history, diff, export and check, which only read"
	case errors.Is(err, holdfast.ErrReadOnly):
		return "the store is opened for reading alone: leave out what asks for that in --store"
	case errors.Is(err, fs.ErrPermission):
		return "run it as the user who owns the store, or change the permissions"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "too many files are open: close some or raise the limit, and try again"
	case errors.Is(err, syscall.EIO):
		return "the disk failed to answer: look at the system log, then try again"
	case errors.Is(err, holdfast.ErrStopped), errors.Is(err, holdfast.ErrLocked):
		return ""
	}
	return ""
}

// oneLine folds line ends, with the white space around them, into one space,
// and spells out what would otherwise move the cursor of a terminal.
func oneLine(s string) string {
	lines := strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' })
	for i, line := range lines {
		lines[i] = strings.TrimSpace(line)
	}
	var b strings.Builder
	for _, r := range strings.Join(lines, " ") {
		if unicode.IsPrint(r) || r == ' ' {
			b.WriteRune(r)
			continue
		}
		escaped := strconv.QuoteRune(r)
		b.WriteString(escaped[1 : len(escaped)-1])
	}
	return b.String()
}
