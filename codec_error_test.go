package holdfast_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/memstore"
)

// keyless is a codec that needs a key from somewhere else, such as another store,
// and does not get it.
type keyless struct{ err error }

func (c keyless) Encode(v string) ([]byte, error)    { return json.Marshal(v) }
func (c keyless) Decode(data []byte) (string, error) { return "", fmt.Errorf("key of 2026: %w", c.err) }

// mute is a codec that cannot even encode.
type mute struct{ keyless }

func (c mute) Encode(string) ([]byte, error) { return nil, c.err }

var sentinels = []error{holdfast.ErrNotFound, holdfast.ErrDamaged, holdfast.ErrNotKept, holdfast.ErrLocked, holdfast.ErrConflict,
	holdfast.ErrFenced, holdfast.ErrReadOnly, holdfast.ErrInvalidName, holdfast.ErrInvalidJSON, holdfast.ErrInvalidURL,
	holdfast.ErrClosed, holdfast.ErrStopped, holdfast.ErrUnknown, holdfast.ErrCleared}

// P3: what a codec says of its own stores is not said of this one. A position that
// cannot be read because a key is missing is not absent, and is not replaced.
func TestErrorsOfACodecAreNotThoseOfTheStore(t *testing.T) {
	for _, sentinel := range sentinels {
		for _, err := range []error{sentinel, &holdfast.Error{Op: "get", Entity: "keys", ID: "2026", Err: sentinel}} {
			wantOwnError(t, sentinel, err)
		}
	}
	wantOwnError(t, holdfast.ErrDamaged, &driver.DamagedError{Path: "keys/2026.json"})
}

func wantOwnError(t *testing.T, sentinel, err error) {
	t.Helper()
	ctx := t.Context()
	s := newStore(t, memstore.New())
	plain := collection[string](t, s, "e")
	must(t, plain.Put(ctx, "x", "open position"))
	c, failed := holdfast.NewCollection(s, "e", &holdfast.CollectionOptions[string]{Codec: keyless{err}})
	must(t, failed)

	check := func(what string, got error) {
		t.Helper()
		var e *holdfast.Error
		var damaged *driver.DamagedError
		switch {
		case got == nil || errors.Is(got, sentinel):
			t.Errorf("%v: %s: %v", err, what, got)
		case !errors.As(got, &e) || e.Entity != "e" || e.ID != "x" || errors.As(got, &damaged):
			t.Errorf("%v: %s: %+v", err, what, e)
		case !strings.Contains(got.Error(), err.Error()):
			t.Errorf("%v: %s does not say so: %v", err, what, got)
		}
	}
	_, got := c.Get(ctx, "x")
	check("Get", got)
	n := 0
	for _, got := range c.All(ctx) {
		check("All", got)
		n++
	}
	if n != 1 {
		t.Errorf("%v: All yields %d values of one", err, n)
	}
	check("Update", c.Update(ctx, "x", func(string, bool) (string, error) { return "another", nil }))
	if v, got := plain.Get(ctx, "x"); got != nil || v != "open position" {
		t.Errorf("%v: the value is now %q, %v", err, v, got)
	}
	c, failed = holdfast.NewCollection(s, "e", &holdfast.CollectionOptions[string]{Codec: mute{keyless{err}}})
	must(t, failed)
	if got := c.Put(ctx, "x", "y"); got == nil || sentinel != holdfast.ErrInvalidJSON && errors.Is(got, sentinel) {
		t.Errorf("%v: Put: %v", err, got)
	}
}

// All else that a codec says is found in its errors.
func TestErrorsOfACodecAreTold(t *testing.T) {
	s := newStore(t, memstore.New())
	must(t, collection[string](t, s, "e").Put(t.Context(), "x", "v"))
	cause := &json.SyntaxError{Offset: 7}
	for _, err := range []error{context.Canceled, cause} {
		c, failed := holdfast.NewCollection(s, "e", &holdfast.CollectionOptions[string]{Codec: keyless{err}})
		must(t, failed)
		if _, got := c.Get(t.Context(), "x"); !errors.Is(got, err) {
			t.Errorf("%v is not in %v", err, got)
		}
	}
	c, failed := holdfast.NewCollection(s, "e", &holdfast.CollectionOptions[string]{Codec: keyless{cause}})
	must(t, failed)
	var syntax *json.SyntaxError
	if _, got := c.Get(t.Context(), "x"); !errors.As(got, &syntax) || syntax.Offset != 7 {
		t.Errorf("no syntax error in %v", got)
	}
}
