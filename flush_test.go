package holdfast_test

import (
	"context"
	"errors"
	"testing"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/memstore"
)

// flusher counts.
type flusher struct {
	*memstore.Store
	n   int
	err error
}

func (f *flusher) Flush(context.Context) error {
	f.n++
	return f.err
}

func TestFlush(t *testing.T) {
	must(t, newStore(t, memstore.New()).Flush(t.Context())) // nothing to flush

	f := &flusher{Store: memstore.New()}
	s := newStore(t, f)
	must(t, s.Flush(t.Context()))
	f.err = errors.New("the disk is full")
	err := s.Flush(t.Context())
	wantError(t, err, f.err)
	var e *holdfast.Error
	if !errors.As(err, &e) || e.Op != "flush" {
		t.Errorf("got %v", err)
	}
	if f.n != 2 {
		t.Errorf("flushed %d times", f.n)
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	wantError(t, s.Flush(done), context.Canceled)
	must(t, s.Close())
	wantError(t, s.Flush(t.Context()), holdfast.ErrClosed)

	// A store that is opened for reading alone writes no files either.
	ro, err := holdfast.New(f, &holdfast.Options{ReadOnly: true})
	must(t, err)
	must(t, ro.Flush(t.Context()))
	if f.n != 2 {
		t.Errorf("flushed %d times", f.n)
	}
}
