package mongostore

import (
	"errors"
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"

	"github.com/holdfast-go/holdfast/driver"
)

// Codes of errors that servers answer with.
const (
	codeUnauthorized     = 13
	codeMaxTimeExpired   = 50
	codeInvalidNamespace = 73
	codeIndexConflict    = 85
	codeIndexKeyConflict = 86
	codeTimeLimit        = 262
)

// serverError is an error of the driver or the server, in words that hold no
// secret.
type serverError struct {
	text string
	err  error
}

func (e *serverError) Error() string { return e.text }
func (e *serverError) Unwrap() error { return e.err }

// fault makes an error of the driver one of ours: on one line, without the
// password that the driver may repeat.
func (s *Store) fault(err error) error {
	if err == nil {
		return nil
	}
	for _, ours := range []error{driver.ErrConflict, driver.ErrDamaged, driver.ErrClosed} {
		if errors.Is(err, ours) {
			return err
		}
	}
	if errors.Is(err, mongo.ErrClientDisconnected) {
		return driver.ErrClosed
	}
	if already := (*serverError)(nil); errors.As(err, &already) {
		return err
	}
	text := "mongodb: " + strings.Join(strings.Fields(err.Error()), " ")
	if errors.As(err, new(topology.ServerSelectionError)) {
		text = "mongodb: no server to be reached at " + s.location + ": " + strings.TrimPrefix(text, "mongodb: ")
	}
	return &serverError{redact(text, s.secrets), err}
}

func redact(text string, secrets []string) string {
	for _, secret := range secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	return text
}

func hasCode(err error, codes ...int) bool {
	var e mongo.ServerError
	if !errors.As(err, &e) {
		return false
	}
	for _, code := range codes {
		if e.HasErrorCode(code) {
			return true
		}
	}
	return false
}

// refused tells whether an error means that a change was certainly not made: the
// server said no, or it was never sent. Of all others it is not known.
func refused(err error) bool {
	if errors.As(err, new(topology.ServerSelectionError)) || errors.As(err, new(topology.WaitQueueTimeoutError)) {
		return true
	}
	var connection topology.ConnectionError
	if errors.As(err, &connection) {
		// The type does not say so otherwise.
		return strings.Contains(connection.Error(), "during connection handshake")
	}
	var write mongo.WriteException
	if errors.As(err, &write) {
		// A write that the server could not make safe in time has been made, and
		// may yet be rolled back.
		return write.WriteConcernError == nil && len(write.WriteErrors) > 0
	}
	var command mongo.CommandError
	if errors.As(err, &command) {
		return command.Code != 0 && !hasCode(err, codeMaxTimeExpired, codeTimeLimit) &&
			!command.HasErrorLabel("RetryableWriteError") && !command.HasErrorLabel("NetworkError") &&
			!command.HasErrorLabel("UnknownTransactionCommitResult")
	}
	var argument mongo.InvalidArgumentError
	return errors.As(err, &argument)
}

// unknown is an error for a change of which it could not be found out whether
// it was made.
func (s *Store) unknown(found string, err error) error {
	return fmt.Errorf("%w: %s: %w", driver.ErrUnknown, found, s.fault(err))
}
