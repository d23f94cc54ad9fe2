package pgstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/holdfast-go/holdfast/driver"
)

// The codes of errors, SQLSTATE, that mean something here.
const (
	dataCorrupted         = "XX001"
	indexCorrupted        = "XX002"
	insufficientPrivilege = "42501"
	undefinedTable        = "42P01"
	undefinedFunction     = "42883"
	readOnlyTransaction   = "25006"
	serializationFailure  = "40001"
	deadlockDetected      = "40P01"
	lockNotAvailable      = "55P03"
	queryCanceled         = "57014"
	tooManyConnections    = "53300"
	cannotConnectNow      = "57P03"
	adminShutdown         = "57P01"
	crashShutdown         = "57P02"
	cachedPlanInvalid     = "0A000" // "cached plan must not change result type"
	invalidText           = "22P02"
	uniqueViolation       = "23505"
	stackTooDeep          = "54001"
)

// code is the SQLSTATE of an error that the server has reported, else "".
func code(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

// verdict is what an error says about the transaction that it ended.
type verdict int

const (
	refused verdict = iota // the server has reported an error: nothing has changed, and again it would be the same
	again                  // nothing has changed, and another try may succeed
	lost                   // the connection broke, or it took too long: it is not known what happened
)

// judge tells what an error means. An ERROR that the server reports comes before
// the commit, or instead of it. FATAL may come behind it: the server is going
// down.
func judge(err error) verdict {
	var pg *pgconn.PgError
	var connect *pgconn.ConnectError
	switch {
	case errors.As(err, &connect):
		return judgeConnect(err)
	case errors.As(err, &pg) && pg.SeverityUnlocalized == "ERROR":
		switch pg.Code {
		case serializationFailure, deadlockDetected, lockNotAvailable, cachedPlanInvalid:
			return again
		}
		return refused
	case errors.Is(err, errNoConnection), pgconn.SafeToRetry(err):
		return again
	}
	return lost
}

// judgeConnect tells passing trouble, such as a server that starts, from what
// stays so: a wrong password.
func judgeConnect(err error) verdict {
	switch c := code(err); c {
	case "", tooManyConnections, cannotConnectNow, adminShutdown, crashShutdown:
		return again
	}
	return refused
}

// errNoConnection says that no connection could be had, so that nothing was
// sent.
var errNoConnection = errors.New("no connection")

// plainError is what pgx says, without its values: they hold the password.
type plainError struct {
	text string
	is   []error
}

func (e *plainError) Error() string   { return e.text }
func (e *plainError) Unwrap() []error { return e.is }

// plain keeps the text of an error, without the password, and which of the
// well-known errors it is.
func plain(err error, password string) error {
	p := &plainError{text: err.Error()}
	if password != "" {
		p.text = strings.ReplaceAll(p.text, password, "xxxxx")
	}
	for _, known := range []error{context.Canceled, context.DeadlineExceeded, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNREFUSED, syscall.ECONNRESET} {
		if errors.Is(err, known) {
			p.is = append(p.is, known)
		}
	}
	return p
}

// explain puts an error in the words of the contract. Nothing in it is secret.
func (s *Store) explain(err error) error {
	if err == nil {
		return nil
	}
	switch code(err) {
	case readOnlyTransaction:
		return fmt.Errorf("%w: the server takes no changes: %s", driver.ErrReadOnly, text(err))
	case insufficientPrivilege:
		return fmt.Errorf("%s: grant what is missing to the role of the URL: %w", text(err), fs.ErrPermission)
	case undefinedTable, undefinedFunction:
		return fmt.Errorf("%s: table %s was removed or changed while the store was open: open it again", text(err), s.names.table)
	case queryCanceled:
		return fmt.Errorf("%s after %v: raise it with ?timeout=", text(err), s.timeout)
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.SeverityUnlocalized == "ERROR" {
		return errors.New(text(err))
	}
	var connect *pgconn.ConnectError // holds the whole configuration
	password := s.config.pool.ConnConfig.Password
	if errors.As(err, &connect) || password != "" && strings.Contains(err.Error(), password) {
		return plain(err, password)
	}
	return err
}

// text is what the server says, in a line, without the data that it may have
// quoted in its detail.
func text(err error) string {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err.Error()
	}
	return fmt.Sprintf("PostgreSQL: %s (SQLSTATE %s)", pg.Message, pg.Code)
}

// refusedData tells whether the server has refused a value for what it is.
func refusedData(err error) error {
	switch code(err) {
	case invalidText:
		return fmt.Errorf("%w: PostgreSQL does not take it as json", driver.ErrInvalidJSON)
	case stackTooDeep:
		return fmt.Errorf("%w: nested deeper than the server's max_stack_depth allows", driver.ErrInvalidJSON)
	}
	return nil
}

// damaged is the error of a value that the server cannot read.
func (s *Store) damaged(k driver.Key, err error) error {
	d := &driver.DamagedError{Path: s.names.table + " " + k.String(), Reason: text(err)}
	if code(err) == indexCorrupted {
		d.Way = "run REINDEX TABLE " + s.names.table
	}
	return d
}

// isDamage tells whether the server could not read what it has stored.
func isDamage(err error) bool { c := code(err); return c == dataCorrupted || c == indexCorrupted }

// unknown is the error of a change whose answer was lost for good.
func unknown(cause error) error {
	if cause == nil {
		return driver.ErrUnknown
	}
	return fmt.Errorf("%w: the answer was lost: %w", driver.ErrUnknown, cause)
}

// tooLate says of a call that had no deadline of its own why it was given up.
func (s *Store) tooLate(caller context.Context, last error) error {
	if err := caller.Err(); err != nil {
		if last != nil && !errors.Is(last, err) {
			return fmt.Errorf("%w; last: %w", err, s.explain(last))
		}
		return err
	}
	if last == nil {
		last = context.DeadlineExceeded
	}
	return fmt.Errorf("gave up after %v (?timeout=): %w", s.timeout, s.explain(last))
}
