package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/holdfast-go/holdfast"
)

// stateRemoved is the state, beside those of a value, of one that was removed.
const stateRemoved = "removed"

// The types of values as the bytes that were put.
type (
	rawValues  = holdfast.Collection[json.RawMessage]
	rawVersion = holdfast.Version[json.RawMessage]
)

// state is what a value was at some time, as history, get, undo and diff
// describe it to programs.
type state struct {
	valueInfo
	Data json.RawMessage `json:"data,omitempty"` // none of a removed value
}

func stateOf(entity string, v rawVersion) state {
	s := state{valueInfo{
		Entity: entity, ID: v.ID, State: stateValue, Size: len(v.Value), ModTime: v.ModTime.UTC(), Rev: v.Rev,
	}, v.Value}
	switch {
	case v.Deleted:
		s.State = stateRemoved
	case isNull(v.Value):
		s.State = stateCleared
	}
	return s
}

// findState finds what a value was at a revision or a time. cmd is whose usage
// is wrong if text is neither.
func (a *app) findState(cmd *cobra.Command, c *rawValues, id, text string) (state, error) {
	ctx := cmd.Context()
	t, noTime := parseMoment(text, a.now())
	// Of what can be nothing but a time no revision is looked for, which would read
	// the whole history, damaged stretches that do not matter included.
	if noTime == nil && !isNumber(text) {
		return stateAt(ctx, c, id, t)
	}
	s, found, err := stateOfRevision(ctx, c, id, text)
	switch {
	case found:
		return s, nil
	case noTime == nil:
		if s, failed := stateAt(ctx, c, id, t); failed == nil || err == nil {
			return s, failed
		}
	case err == nil:
		err = misused(cmd, fmt.Errorf("%s: no revision in the history of %s %s, and no time: %w",
			quote(text), quote(c.Entity()), quote(id), noTime))
	}
	return state{}, err
}

// isNumber tells whether text is digits alone, as the revisions of some
// backends are. As a duration, 0 is that too.
func isNumber(text string) bool { return strings.Trim(text, "0123456789") == "" }

// stateOfRevision looks for a revision. It does not read on behind it.
func stateOfRevision(ctx context.Context, c *rawValues, id, rev string) (s state, found bool, err error) {
	for v, err := range c.History(ctx, id) {
		if err != nil {
			return state{}, false, err
		}
		if v.Rev == rev && !v.Deleted {
			return stateOf(c.Entity(), v), true, nil
		}
	}
	return state{}, false, nil
}

// stateAt finds what a value was at a time.
func stateAt(ctx context.Context, c *rawValues, id string, t time.Time) (state, error) {
	e, err := c.At(ctx, id, t)
	if errors.Is(err, holdfast.ErrNotFound) {
		return stateOf(c.Entity(), rawVersion{Entry: e, Deleted: true}), nil
	}
	if err != nil {
		return state{}, err
	}
	return stateOf(c.Entity(), rawVersion{Entry: e}), nil
}

// newest reads up to n states. That there are none is an error.
func newest(ctx context.Context, c *rawValues, id string, n int) ([]state, error) {
	var states []state
	for v, err := range c.History(ctx, id) {
		if err != nil {
			return nil, err
		}
		if states = append(states, stateOf(c.Entity(), v)); len(states) == n {
			break
		}
	}
	if len(states) == 0 {
		return nil, noStates(ctx, c, id)
	}
	return states, nil
}

// noStates says what it means that history has nothing.
func noStates(ctx context.Context, c *rawValues, id string) error {
	has, err := c.Has(ctx, id)
	switch {
	case err != nil:
		return err
	case has:
		err = fmt.Errorf("%w: there is a value, but no state of it is kept", holdfast.ErrNotKept)
	default:
		err = fmt.Errorf("%w, and no state of it is kept", holdfast.ErrNotFound)
	}
	return &holdfast.Error{Op: "history", Entity: c.Entity(), ID: id, Err: err}
}

// label is a state's time and revision in a line.
func (s state) label() string {
	switch {
	case s.State == stateRemoved && s.ModTime.IsZero():
		return "absent"
	case s.State == stateRemoved:
		return formatTime(s.ModTime) + "  removed"
	}
	return formatTime(s.ModTime) + "  revision " + oneLine(s.Rev)
}

// preview is a value on one line, without the white space between its tokens,
// cut to n characters.
func preview(data []byte, n int) string {
	var b bytes.Buffer
	if json.Compact(&b, data) != nil {
		b.Write(data) // a store's values are JSON; whatever this is, it is shown
	}
	// Four bytes hold any character: the rest would be cut anyway.
	return cut(oneLine(string(b.Bytes()[:min(b.Len(), 4*(n+1))])), n)
}

// cut shortens s to n characters, and shows that it did.
func cut(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:max(n-1, 0)]) + "…"
}

// columns is the width of what people look at: the terminal, else 80.
func (a *app) columns() int {
	const usual = 80
	f, ok := a.stdout.(*os.File)
	if !ok || !a.isTerminal(f) {
		return usual
	}
	if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
		return width
	}
	return usual
}
