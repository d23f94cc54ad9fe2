package watch_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/internal/watch"
)

func key(id string) driver.Key { return driver.Key{Entity: "signal/a", ID: id} }

// take returns the first n changes as text.
func take(t *testing.T, seq iter.Seq2[driver.Change, error], n int) []string {
	t.Helper()
	var got []string
	for c, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(c.Key, " ", c.Deleted))
		if len(got) == n {
			break
		}
	}
	return got
}

func TestWatchBeginsWithTheCall(t *testing.T) {
	var h watch.Hub
	h.Publish(key("before"), false)
	seq := h.Watch(t.Context(), "signal/a")
	h.Publish(key("b"), false)
	h.Publish(key("a"), true)
	want := []string{"signal/a a true", "signal/a b false"}
	if got := take(t, seq, 2); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLatestChangeOfAValueIsTold(t *testing.T) {
	var h watch.Hub
	seq := h.Watch(t.Context(), "signal/a")
	for i := range 1000 {
		h.Publish(key("a"), i%2 == 0)
	}
	h.Publish(key("b"), false)
	want := []string{"signal/a a false", "signal/a b false"}
	if got := take(t, seq, 2); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOtherEntitiesAreNotTold(t *testing.T) {
	var h watch.Hub
	seq := h.Watch(t.Context(), "signal/a")
	for _, e := range []string{"signal", "signal/a/b", "signal/ab", "Signal/a", ""} {
		h.Publish(driver.Key{Entity: e, ID: "0"}, false)
	}
	h.Publish(key("1"), false)
	if got := take(t, seq, 1); got[0] != "signal/a 1 false" {
		t.Errorf("got %q", got)
	}
}

func TestEveryWatcherIsTold(t *testing.T) {
	var h watch.Hub
	seqs := []iter.Seq2[driver.Change, error]{h.Watch(t.Context(), "signal/a"), h.Watch(t.Context(), "signal/a")}
	h.Publish(key("a"), false)
	for _, seq := range seqs {
		take(t, seq, 1)
	}
}

// A watcher that waits is woken by each change, by Close and by its context.
func TestWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h watch.Hub
		got := make(chan string, 10)
		go func() {
			for c, err := range h.Watch(t.Context(), "signal/a") {
				got <- fmt.Sprint(c.Key, " ", err)
			}
			close(got)
		}()
		for _, id := range []string{"a", "b", "a"} {
			synctest.Wait() // the watcher waits
			if len(got) != 0 {
				t.Fatalf("told of nothing: %s", <-got)
			}
			h.Publish(key(id), false)
			if told := <-got; told != "signal/a "+id+" <nil>" {
				t.Errorf("told %q", told)
			}
		}
		synctest.Wait()
		h.Close()
		if told := <-got; told != "  "+driver.ErrClosed.Error() {
			t.Errorf("after Close: told %q", told)
		}
		if _, more := <-got; more {
			t.Error("the sequence goes on after its error")
		}
	})
}

func TestContextEndsWatching(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h watch.Hub
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() {
			var last error
			for _, err := range h.Watch(ctx, "signal/a") {
				last = err
			}
			ended <- last
		}()
		synctest.Wait()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
	})
}

func TestWatchAfterClose(t *testing.T) {
	var h watch.Hub
	h.Close()
	h.Close()
	h.Publish(key("a"), false)
	for _, err := range h.Watch(t.Context(), "signal/a") {
		if !errors.Is(err, driver.ErrClosed) {
			t.Errorf("got %v", err)
		}
	}
}

// What was published before Close is told before ErrClosed.
func TestCloseLosesNothing(t *testing.T) {
	var h watch.Hub
	seq := h.Watch(t.Context(), "signal/a")
	h.Publish(key("a"), false)
	h.Close()
	var told []string
	for c, err := range seq {
		told = append(told, fmt.Sprint(c.Key.ID, err))
	}
	if want := []string{"a<nil>", driver.ErrClosed.Error()}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

// A publisher does not wait for watchers, those that never run included, and
// concurrent use is sound: every value's last state arrives.
func TestConcurrentUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const publishers, changes = 4, 100
		var h watch.Hub
		_ = h.Watch(t.Context(), "signal/a")
		seq := h.Watch(t.Context(), "signal/a")
		for p := range publishers {
			go func() {
				for i := range changes {
					h.Publish(key(fmt.Sprint(p)), i != changes-1)
				}
			}()
		}
		last := map[string]bool{}
		for c, err := range seq {
			if err != nil {
				t.Fatal(err)
			}
			if last[c.Key.ID] = !c.Deleted; len(last) == publishers && all(last) {
				break
			}
		}
	})
}

func all(m map[string]bool) bool {
	for _, v := range m {
		if !v {
			return false
		}
	}
	return true
}
