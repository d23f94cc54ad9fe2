//go:build unix

package mongostore_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/internal/testserver"
)

// A server that does not answer keeps nobody for longer than was agreed, and a
// change that it may still make is not called failed.
func TestServerThatHangs(t *testing.T) {
	h := newFerret(t, testserver.FerretOptions{})
	s := open(t, h.place(t).with("timeoutMS=1000"))
	must(t, s.Init(t.Context(), signals))
	must(t, s.Put(t.Context(), key("a"), []byte(`1`)))
	h.ferret.Pause()
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	for _, x := range []struct {
		name string
		want error
		call func() error
	}{
		{"Put", driver.ErrUnknown, func() error { return s.Put(t.Context(), key("a"), []byte(`2`)) }},
		{"Get", context.DeadlineExceeded, func() error { _, err := s.Get(t.Context(), key("a")); return err }},
		{"Get with a deadline", context.DeadlineExceeded, func() error { _, err := s.Get(short, key("a")); return err }},
	} {
		start := time.Now()
		if err := x.call(); !errors.Is(err, x.want) {
			t.Errorf("%s: %v, want %v", x.name, err, x.want)
		}
		// A bound against hanging, not a measurement: the limits add up to 6 s.
		if took := time.Since(start); took > 30*time.Second {
			t.Errorf("%s took %v", x.name, took)
		}
	}
	h.ferret.Resume()
	if rec := get(t, s, "a"); string(rec.Data) != `1` && string(rec.Data) != `2` {
		t.Errorf("afterwards there is %s", rec.Data)
	}
}
