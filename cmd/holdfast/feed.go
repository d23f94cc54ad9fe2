package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/holdfast-go/holdfast/live/candle"
)

// feeds are the candles of all symbols of one run.
type feeds struct {
	feeds   []candle.Feed
	closers []io.Closer
	size    int64        // bytes of all inputs, 0 if unknown
	read    atomic.Int64 // of them, so far
	waits   bool         // an input is stdin, and may be silent for hours
}

// openFeeds opens the candles of each symbol.
func (a *app) openFeeds(ctx context.Context, candles, symbols []string) (*feeds, error) {
	f := &feeds{}
	known := true
	for i, from := range candles {
		size, err := f.open(ctx, a, from, symbols[i])
		if err != nil {
			f.close()
			return nil, err
		}
		known = known && size > 0
		f.size += size
	}
	if !known {
		f.size = 0
	}
	return f, nil
}

func (f *feeds) open(ctx context.Context, a *app, from, symbol string) (size int64, err error) {
	if rest, demo := strings.CutPrefix(from, "demo:"); demo || from == "demo" {
		if !demo {
			rest = ""
		}
		source, err := demoCandles(rest)
		f.feeds = append(f.feeds, candle.Feed{Symbol: symbol, Source: source})
		return 0, err
	}
	in, name, size, err := a.input(ctx, []string{from})
	if err != nil {
		return 0, err
	}
	f.closers = append(f.closers, in)
	reader := candle.NewReader(countingReader{in, &f.read}, name)
	var source candle.Source = &sorted{Reader: reader, name: name}
	if from == "-" { // what is live may send candles once more
		f.waits, source = true, reader
	}
	f.feeds = append(f.feeds, candle.Feed{Symbol: symbol, Source: source})
	return size, nil
}

// sorted refuses a file whose rows go back in time, newest first for example:
// all but one of them would be passed over as older than the last one handled.
type sorted struct {
	*candle.Reader
	name string
	last int64
	err  error
}

func (s *sorted) Next() (candle.Candle, error) {
	if s.err != nil {
		return candle.Candle{}, s.err
	}
	c, err := s.Reader.Next()
	if err == nil && c.Time < s.last {
		s.err = &candle.RowError{Name: s.name, Line: s.Line(),
			Err: fmt.Errorf("%s comes after %s: sort the rows by time, oldest first", minute(c.Time), minute(s.last))}
		return candle.Candle{}, s.err
	}
	s.last = c.Time
	return c, err
}

func (f *feeds) close() {
	for _, c := range f.closers {
		c.Close()
	}
}

type countingReader struct {
	io.Reader
	n *atomic.Int64
}

func (c countingReader) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// maxDemo is more demo candles than anybody waits for: two hundred years of
// minutes would leave the time that a candle may have.
const maxDemo = 10_000_000

// demoCandles reads what stands behind "demo:".
func demoCandles(settings string) (candle.Source, error) {
	count, seed := uint64(candle.DemoCount), candle.DemoSeed
	q, err := url.ParseQuery(strings.TrimPrefix(settings, "?"))
	if err != nil || settings != "" && settings[0] != '?' {
		return nil, errDemo
	}
	for name, values := range q {
		to, ok := map[string]*uint64{"candles": &count, "seed": &seed}[name]
		if !ok || len(values) > 1 {
			return nil, errDemo
		}
		if *to, err = strconv.ParseUint(values[0], 10, 64); err != nil {
			return nil, errDemo
		}
	}
	if count > maxDemo {
		return nil, fmt.Errorf("%w: at most %d candles", errDemo, maxDemo)
	}
	return candle.DemoSource(int(count), seed), nil
}

var errDemo = errors.New("demo: write demo:?candles=N&seed=N, both of them whole numbers, or demo: alone")

// next is a candle on its way to its runner.
type next struct {
	symbol string
	candle candle.Candle
	err    error // instead: io.EOF at the end
}

// stream reads the candles in time order, in a goroutine of its own, so that a
// signal is heeded while an input is silent. It ends with the input, or when
// done is closed; a Read that never returns keeps it until the process ends.
func (f *feeds) stream(done <-chan struct{}) <-chan next {
	out := make(chan next)
	merged := candle.Merge(f.feeds...)
	go func() {
		for {
			var n next
			n.symbol, n.candle, n.err = merged.Next()
			select {
			case out <- n:
			case <-done:
				return
			}
			if n.err != nil {
				return
			}
		}
	}()
	return out
}
