package candle_test

import (
	"errors"
	"io"
	"io/fs"
	"slices"
	"testing"

	"github.com/holdfast-go/holdfast/live/candle"
)

func TestFromSeq(t *testing.T) {
	want := []candle.Candle{row1, row2}
	s := candle.FromSeq(slices.Values(want))
	got, _, err := readAll(t, s)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.Next(); err != io.EOF {
		t.Errorf("closed after the end: %v", err)
	}
}

func TestFromSeqClose(t *testing.T) {
	released := false
	s := candle.FromSeq(func(yield func(candle.Candle) bool) {
		defer func() { released = true }()
		for yield(row1) {
		}
	})
	if c, err := s.Next(); c != row1 || err != nil {
		t.Fatal(c, err)
	}
	if released {
		t.Fatal("released before Close")
	}
	for range 2 {
		if err := s.Close(); err != nil || !released {
			t.Errorf("Close: %v, released: %v", err, released)
		}
	}
	if _, err := s.Next(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	unread := candle.FromSeq(func(func(candle.Candle) bool) { t.Error("the sequence ran") })
	unread.Close()
}
