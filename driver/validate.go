package driver

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxName is the longest entity or id in bytes that any backend is asked to
// take. A backend may take less.
const MaxName = 1024

// MaxData is the largest value in bytes that any backend is asked to take.
const MaxData = 64 << 20

// ValidateKey refuses what no backend holds: an entity that ValidateEntity
// refuses, and an id that is empty, longer than MaxName, not UTF-8, or contains
// U+0000. Any other id is text, whatever it looks like: "../x", "CON" and
// "a/b" are ids like others, and it is the backend's task to keep them within
// bounds.
func ValidateKey(k Key) error {
	if err := ValidateEntity(k.Entity); err != nil {
		return err
	}
	return ValidateID(k.ID)
}

// ValidateID is ValidateKey for keys whose entity is known to be good.
func ValidateID(id string) error {
	if plainID(id) {
		return nil
	}
	return validateText("id", id)
}

// ValidateEntity refuses entity names that no backend holds: beside what is
// refused in ids, a path with an empty element, "." or "..", such as "a//b",
// "/a" or "signal/../x".
func ValidateEntity(entity string) error {
	if plainEntity(entity) {
		return nil
	}
	if err := validateText("entity", entity); err != nil {
		return err
	}
	for element := range strings.SplitSeq(entity, "/") {
		switch element {
		case "":
			return fmt.Errorf("%w: entity %q has an empty element: write names joined by single slashes", ErrInvalidName, entity)
		case ".", "..":
			return fmt.Errorf("%w: entity %q: an element may not be %q: rename it", ErrInvalidName, entity, element)
		}
	}
	return nil
}

// plainID tells of most ids that they are good: those of ASCII. Every call on a
// value asks, so that the others alone pay for the long way.
func plainID(id string) bool {
	for i := range len(id) {
		if c := id[i]; c-1 >= utf8.RuneSelf-1 { // U+0000 wraps around
			return false
		}
	}
	return 0 < len(id) && len(id) <= MaxName
}

// plainEntity is plainID for entities. An element that starts with a dot takes
// the long way, whether it may or not.
func plainEntity(entity string) bool {
	before := byte('/')
	for i := range len(entity) {
		c := entity[i]
		if c-1 >= utf8.RuneSelf-1 || before == '/' && (c == '/' || c == '.') {
			return false
		}
		before = c
	}
	return before != '/' && len(entity) <= MaxName
}

func validateText(what, s string) error {
	switch {
	case s == "":
		return fmt.Errorf("%w: %s is empty", ErrInvalidName, what)
	case len(s) > MaxName:
		return fmt.Errorf("%w: %s of %d bytes: %d is the limit", ErrInvalidName, what, len(s), MaxName)
	case !utf8.ValidString(s):
		return fmt.Errorf("%w: %s %q is not UTF-8", ErrInvalidName, what, s)
	case strings.IndexByte(s, 0) >= 0:
		return fmt.Errorf("%w: %s %q contains U+0000", ErrInvalidName, what, s)
	}
	return nil
}

// ValidateData refuses what is not exactly one JSON value in UTF-8 (RFC 8259;
// white space around it is part of the data), or is larger than MaxData.
func ValidateData(data []byte) error {
	if validJSON(data) {
		return nil
	}
	return jsonError(data)
}

// jsonError says why data is refused.
func jsonError(data []byte) error {
	switch {
	case len(data) > MaxData:
		return fmt.Errorf("%w: %d bytes: %d is the limit", ErrInvalidJSON, len(data), int64(MaxData))
	case len(bytes.TrimSpace(data)) == 0:
		return fmt.Errorf("%w: no value: write null to clear", ErrInvalidJSON)
	case !utf8.Valid(data):
		return fmt.Errorf("%w: not UTF-8", ErrInvalidJSON)
	}
	return fmt.Errorf("%w: %w", ErrInvalidJSON, syntaxError(data))
}

// syntaxError says where the JSON breaks, without repeating the data: it may
// be what must not stand in a log.
func syntaxError(data []byte) error {
	var v json.RawMessage
	err := json.Unmarshal(data, &v)
	if syntax, ok := err.(*json.SyntaxError); ok {
		return fmt.Errorf("it breaks at byte %d of %d", syntax.Offset, len(data))
	}
	return fmt.Errorf("it breaks off after %d bytes", len(data))
}
