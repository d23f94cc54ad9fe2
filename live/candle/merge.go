package candle

import (
	"io"
	"slices"
)

// A Feed is a source of the candles of one symbol.
type Feed struct {
	// Symbol names what is traded, such as BTCUSDT. It is passed on as it is;
	// two feeds may have the same.
	Symbol string
	// Source gives the candles, earliest first. It must not be nil.
	Source Source
}

// A Merger reads several feeds as one, in time order. [Merge] makes it. It is
// for one goroutine at a time, as are the feeds' sources while it is in use.
type Merger struct {
	feeds []Feed
	heads []Candle // The candle of each feed that was read but not returned.
	queue []int    // The feeds that have a head, as a heap with the earliest on top.
	begun bool
	taken bool // The head of the feed on top was returned.

	symbol string
	err    error // What Next ended with, at the feed of symbol.
}

// Merge returns a Merger of the feeds. Nothing is read before the first call of
// Next. The Merger does not close the sources.
func Merge(feeds ...Feed) *Merger {
	return &Merger{
		feeds: slices.Clone(feeds),
		heads: make([]Candle, len(feeds)),
		queue: make([]int, 0, len(feeds)),
	}
}

// Next returns the earliest candle that is left in any feed, and the feed's
// symbol; of candles with the same time, that of the feed given first to
// [Merge]. At the end of all feeds it returns [io.EOF] and no symbol.
//
// An error of a source is returned as it is, with the feed's symbol and before
// any candle that has not been returned yet. After an error, io.EOF included,
// Next keeps returning it.
//
// The candles of a feed are returned in the order in which its source gives
// them. If a source's times decrease, so do those of the Merger; it is for the
// caller to notice.
//
// To tell which candle is earliest, Next needs one of each feed that has not
// ended: merging live pipes, it waits for each of them. A feed is read again
// only in the call after the one that returned its candle; until then, a
// [Reader]'s Line is that of this candle.
func (m *Merger) Next() (symbol string, c Candle, err error) {
	if m.err == nil {
		m.symbol, m.err = m.fill()
	}
	if m.err != nil {
		return m.symbol, Candle{}, m.err
	}
	top := m.queue[0]
	m.taken = true
	return m.feeds[top].Symbol, m.heads[top], nil
}

// fill reads the feeds that lack a head. If that fails it returns the symbol.
func (m *Merger) fill() (symbol string, err error) {
	if !m.begun {
		m.begun = true
		for i := range m.feeds {
			switch ok, err := m.read(i); {
			case err != nil:
				return m.feeds[i].Symbol, err
			case ok:
				m.queue = append(m.queue, i)
			}
		}
		for i := len(m.queue)/2 - 1; i >= 0; i-- {
			m.sink(i)
		}
	}
	if m.taken {
		m.taken = false
		top := m.queue[0]
		switch ok, err := m.read(top); {
		case err != nil:
			return m.feeds[top].Symbol, err
		case !ok:
			last := len(m.queue) - 1
			m.queue[0] = m.queue[last]
			m.queue = m.queue[:last]
		}
		m.sink(0)
	}
	if len(m.queue) == 0 {
		return "", io.EOF
	}
	return "", nil
}

// read reads the head of feed i. It reports false at the feed's end.
func (m *Merger) read(i int) (ok bool, err error) {
	c, err := m.feeds[i].Source.Next()
	if err == io.EOF {
		return false, nil
	}
	m.heads[i] = c
	return true, err
}

// sink moves the feed at place i of the queue down to where it belongs.
func (m *Merger) sink(i int) {
	for {
		first := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(m.queue); child++ {
			if m.before(child, first) {
				first = child
			}
		}
		if first == i {
			return
		}
		m.queue[i], m.queue[first] = m.queue[first], m.queue[i]
		i = first
	}
}

// before reports whether the feed at place a of the queue precedes that at b.
func (m *Merger) before(a, b int) bool {
	i, j := m.queue[a], m.queue[b]
	if m.heads[i].Time != m.heads[j].Time {
		return m.heads[i].Time < m.heads[j].Time
	}
	return i < j
}
