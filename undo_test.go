package holdfast_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/memstore"
)

// undo takes the newest change back, and describes what came of it.
func undo(t *testing.T, c *holdfast.Collection[json.RawMessage], id string) string {
	t.Helper()
	v, err := c.Undo(t.Context(), id)
	if err != nil {
		return err.Error()
	}
	got, err := c.Get(t.Context(), id)
	if v.Deleted {
		wantError(t, err, holdfast.ErrNotFound)
		return "removed"
	}
	must(t, err)
	if string(got) != string(v.Value) || v.Rev == "" || v.ModTime.IsZero() {
		t.Errorf("Undo says %+v, and Get %s", v, got)
	}
	return string(got)
}

func TestUndoAndRedo(t *testing.T) {
	c := collection[json.RawMessage](t, newStore(t, memstore.New()), "e")
	put(t, c, "a", json.RawMessage("{ \"n\": 1.00 }\n"))
	put(t, c, "a", json.RawMessage("null"))
	must(t, c.Delete(t.Context(), "a"))
	for i, want := range []string{"null", "removed", "null", "removed"} {
		if got := undo(t, c, "a"); got != want {
			t.Errorf("undo %d: got %q, want %q", i+1, got, want)
		}
	}
	put(t, c, "a", json.RawMessage("2"))
	put(t, c, "a", json.RawMessage("{ \"n\": 1.00 }\n"))
	put(t, c, "a", json.RawMessage("3"))
	if got := undo(t, c, "a"); got != "{ \"n\": 1.00 }\n" {
		t.Errorf("not the very bytes: %q", got)
	}
	n := 0
	for range c.History(t.Context(), "a") {
		n++
	}
	if n != 11 {
		t.Errorf("%d states: history has lost what was undone", n)
	}
}

func TestUndoWithoutAStateBefore(t *testing.T) {
	c := collection[json.RawMessage](t, newStore(t, memstore.New()), "e")
	_, err := c.Undo(t.Context(), "a")
	wantError(t, err, holdfast.ErrNotFound)
	var e *holdfast.Error
	if !errors.As(err, &e) || e.Op != "undo" || e.ID != "a" {
		t.Errorf("got %v", err)
	}
	// The first Put that is kept may have changed a value as well as made it.
	put(t, c, "a", json.RawMessage("1"))
	_, err = c.Undo(t.Context(), "a")
	wantError(t, err, holdfast.ErrNotKept)
	if got, err := c.Get(t.Context(), "a"); err != nil || string(got) != "1" {
		t.Errorf("after a refused undo: %s, %v", got, err)
	}
}

// A value without any state in history is there all the same.
func TestUndoOfAValueThatHistoryDoesNotKnow(t *testing.T) {
	mem := memstore.New()
	c := collection[json.RawMessage](t, newStore(t, told{Store: mem}), "e")
	put(t, c, "a", json.RawMessage("1"))
	_, err := c.Undo(t.Context(), "a")
	wantError(t, err, holdfast.ErrNotKept)
}

func TestUndoStartsAgainAfterAConflict(t *testing.T) {
	h := &hooked{Store: memstore.New()}
	c := collection[json.RawMessage](t, newStore(t, h), "e")
	put(t, c, "a", json.RawMessage("1"))
	put(t, c, "a", json.RawMessage("2"))
	meanwhile, k := 3, driver.Key{Entity: "e", ID: "a"}
	h.apply = func(conds []driver.Cond, _ []driver.Op) error {
		if len(conds) > 0 && meanwhile > 0 {
			meanwhile--
			return h.Store.Put(t.Context(), k, []byte(strings.Repeat("9", 3-meanwhile)))
		}
		return nil
	}
	// Of 1, 2, 9, 99, 999 the newest is taken back, and not one is lost.
	if got := undo(t, c, "a"); got != "99" {
		t.Errorf("got %s", got)
	}
	var states []string
	for v, err := range c.History(t.Context(), "a") {
		must(t, err)
		states = append(states, string(v.Value))
	}
	if got := strings.Join(states, " "); got != "99 999 99 9 2 1" {
		t.Errorf("got %s", got)
	}
}

func TestUndoRefused(t *testing.T) {
	h := &hooked{Store: memstore.New()}
	c := collection[json.RawMessage](t, newStore(t, h), "e")
	put(t, c, "a", json.RawMessage("1"))
	put(t, c, "a", json.RawMessage("2"))
	h.apply = func([]driver.Cond, []driver.Op) error { return driver.ErrDamaged }
	_, err := c.Undo(t.Context(), "a")
	wantError(t, err, holdfast.ErrDamaged)

	s, err := holdfast.New(h, &holdfast.Options{ReadOnly: true})
	must(t, err)
	_, err = collection[json.RawMessage](t, s, "e").Undo(t.Context(), "a")
	wantError(t, err, holdfast.ErrReadOnly)

	// null is put back only where the type can say so.
	put(t, c, "b", json.RawMessage("null"))
	put(t, c, "b", json.RawMessage("2"))
	h.apply = nil
	_, err = collection[int](t, newStore(t, h), "e").Undo(t.Context(), "b")
	wantError(t, err, holdfast.ErrCleared)
	if got := undo(t, c, "b"); got != "null" {
		t.Errorf("got %s", got)
	}
}
