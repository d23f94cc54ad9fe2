package holdfast_test

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/memstore"
)

// told is a backend whose history is what the test says.
type told struct {
	*memstore.Store
	versions []driver.Version // the newest first
	err      error            // behind the last
}

func (d told) History(context.Context, driver.Key) iter.Seq2[driver.Version, error] {
	return func(yield func(driver.Version, error) bool) {
		for _, v := range d.versions {
			if !yield(v, nil) {
				return
			}
		}
		if d.err != nil {
			yield(driver.Version{}, d.err)
		}
	}
}

// minute is a time within one hour.
func minute(n int) time.Time { return time.Date(2026, 1, 2, 10, n, 0, 0, time.UTC) }

func stated(data string, n int) driver.Version {
	k := driver.Key{Entity: "e", ID: "a"}
	if data == "" {
		return driver.Version{Record: driver.Record{Key: k, ModTime: minute(n)}, Deleted: true}
	}
	return driver.Version{Record: driver.Record{Key: k, Data: []byte(data), Rev: "r", ModTime: minute(n)}}
}

func TestAtFindsTheStateOfItsTime(t *testing.T) {
	d := told{Store: memstore.New(), versions: []driver.Version{stated("4", 40), stated("", 30), stated("2", 20), stated("1", 10)}}
	c := collection[int](t, newStore(t, d), "e")
	for _, x := range []struct {
		at   time.Time
		want int
		err  error
		word string
	}{
		{minute(9), 0, holdfast.ErrNotKept, "the oldest state kept is of 2026-01-02T10:10:00.000Z"},
		{minute(10).Add(-1), 0, holdfast.ErrNotKept, "get e a"},
		{minute(10), 1, nil, ""},
		{minute(19), 1, nil, ""},
		{minute(20), 2, nil, ""},
		{minute(30), 0, holdfast.ErrNotFound, "removed at 2026-01-02T10:30:00.000Z"},
		{minute(39), 0, holdfast.ErrNotFound, "removed at 2026-01-02T10:30:00.000Z"},
		{minute(40), 4, nil, ""},
		{time.Now().Add(time.Hour), 4, nil, ""},
	} {
		e, err := c.At(t.Context(), "a", x.at)
		if e.Value != x.want || !errors.Is(err, x.err) || e.ID != "a" {
			t.Errorf("at %s: got %+v, %v", x.at, e, err)
		}
		if err != nil && !strings.Contains(err.Error(), x.word) {
			t.Errorf("at %s: error %q lacks %q", x.at, err, x.word)
		}
		if errors.Is(err, holdfast.ErrNotFound) && !e.ModTime.Equal(minute(30)) {
			t.Errorf("at %s: removed at %s", x.at, e.ModTime)
		}
	}
}

// Nothing is known of the time before the first state that is kept, a removal
// included: there may have been a value.
func TestAtNeverSaysNotFoundOfWhatIsNotKept(t *testing.T) {
	for name, versions := range map[string][]driver.Version{
		"nothing": nil, "a put": {stated("1", 10)}, "a removal": {stated("", 10)},
	} {
		c := collection[int](t, newStore(t, told{Store: memstore.New(), versions: versions}), "e")
		_, err := c.At(t.Context(), "a", minute(5))
		wantError(t, err, holdfast.ErrNotKept)
		if errors.Is(err, holdfast.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Without a state in history, only Get knows, and only of now.
func TestAtOfNowWithoutHistory(t *testing.T) {
	h := told{Store: memstore.New()}
	c := collection[int](t, newStore(t, h), "e")
	_, err := c.At(t.Context(), "a", time.Now().Add(time.Hour))
	wantError(t, err, holdfast.ErrNotFound)
	put(t, c, "a", 1)
	if e, err := c.At(t.Context(), "a", time.Now().Add(time.Hour)); err != nil || e.Value != 1 {
		t.Errorf("got %+v, %v", e, err)
	}
	_, err = c.At(t.Context(), "a", time.Now().Add(-time.Hour))
	wantError(t, err, holdfast.ErrNotKept)
}

func TestHistoryThatBreaksOff(t *testing.T) {
	mine := errors.New("the disk failed")
	c := collection[int](t, newStore(t, told{Store: memstore.New(), versions: []driver.Version{stated("2", 20)}, err: mine}), "e")
	_, err := c.At(t.Context(), "a", minute(10))
	wantError(t, err, mine)
	_, err = c.Undo(t.Context(), "a")
	wantError(t, err, mine)
	if errors.Is(err, holdfast.ErrNotKept) {
		t.Error("a failure to read is taken for what is not kept")
	}
	if e, err := c.At(t.Context(), "a", minute(20)); err != nil || e.Value != 2 {
		t.Errorf("what stands before the failure: %+v, %v", e, err)
	}
}

// A state of another type is told as such, and those behind it are reached.
func TestHistoryOfAnotherType(t *testing.T) {
	d := told{Store: memstore.New(), versions: []driver.Version{stated("3", 30), stated(`"two"`, 20), stated("null", 15), stated("1", 10)}}
	c := collection[int](t, newStore(t, d), "e")
	var got []string
	for v, err := range c.History(t.Context(), "a") {
		switch {
		case errors.Is(err, holdfast.ErrCleared):
			got = append(got, v.ID+" cleared")
		case err != nil:
			got = append(got, v.ID+" error")
		default:
			got = append(got, v.ID+" value")
		}
	}
	if want := "a value,a error,a cleared,a value"; strings.Join(got, ",") != want {
		t.Errorf("got %q", got)
	}
	if e, err := c.At(t.Context(), "a", minute(12)); err != nil || e.Value != 1 {
		t.Errorf("behind it: %+v, %v", e, err)
	}
	_, err := c.At(t.Context(), "a", minute(16))
	wantError(t, err, holdfast.ErrCleared)
	// It is not put back either: what comes of it is not a T.
	_, err = c.Undo(t.Context(), "a")
	if err == nil || !strings.Contains(err.Error(), "decode as int") {
		t.Errorf("got %v", err)
	}
}

func TestHistoryWhereThereIsNone(t *testing.T) {
	c := collection[json.RawMessage](t, newStore(t, struct{ driver.Store }{memstore.New()}), "e")
	for _, err := range c.History(t.Context(), "a") {
		wantError(t, err, errors.ErrUnsupported)
	}
	_, err := c.At(t.Context(), "a", time.Now())
	wantError(t, err, errors.ErrUnsupported)
	_, err = c.Undo(t.Context(), "a")
	wantError(t, err, errors.ErrUnsupported)
}
