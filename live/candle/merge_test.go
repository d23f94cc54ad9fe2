package candle_test

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/live/candle"
)

// made is a Source of candles that then ends with err.
type made struct {
	candles []candle.Candle
	err     error
	reads   int
}

func (m *made) Next() (candle.Candle, error) {
	m.reads++
	if len(m.candles) == 0 {
		return candle.Candle{}, m.err
	}
	c := m.candles[0]
	m.candles = m.candles[1:]
	return c, nil
}

func at(times ...int64) *made {
	m := &made{err: io.EOF}
	for _, t := range times {
		m.candles = append(m.candles, candle.Candle{Time: t, Open: 1, High: 1, Low: 1, Close: 1})
	}
	return m
}

// merged returns what m yields as "symbol time" and the error that ended it.
func merged(t *testing.T, m *candle.Merger) (got []string, symbol string, err error) {
	t.Helper()
	for {
		s, c, err := m.Next()
		if err != nil {
			if s2, c2, err2 := m.Next(); s2 != s || c2 != c || err2 != err || c != (candle.Candle{}) {
				t.Errorf("after %s %v %v Next returned %s %v %v", s, c, err, s2, c2, err2)
			}
			return got, s, err
		}
		got = append(got, fmt.Sprint(s, " ", c.Time))
	}
}

func TestMerge(t *testing.T) {
	broken := errors.New("broken")
	fails := func(m *made) *made { m.err = broken; return m }
	tests := []struct {
		name  string
		feeds []*made // Of the symbols A, B, ...
		want  string
		ends  string
	}{
		{"none", nil, "", " EOF"},
		{"empty", []*made{at(), at()}, "", " EOF"},
		{"one", []*made{at(1, 2, 2, 3)}, "A 1, A 2, A 2, A 3", " EOF"},
		{"ties", []*made{at(1, 2), at(1, 2), at(1, 2)}, "A 1, B 1, C 1, A 2, B 2, C 2", " EOF"},
		{"ties of a feed", []*made{at(1, 1), at(1)}, "A 1, A 1, B 1", " EOF"},
		{"apart", []*made{at(5, 6), at(1, 7), at()}, "B 1, A 5, A 6, B 7", " EOF"},
		{"first read fails", []*made{at(1), fails(at()), fails(at())}, "", "B broken"},
		{"later read fails", []*made{at(1, 2, 3), fails(at(2)), at(1, 2, 3)}, "A 1, C 1, A 2, B 2", "B broken"},
		{"decreasing", []*made{at(5, 1), at(4, 6)}, "B 4, A 5, A 1, B 6", " EOF"},
	}
	for _, tt := range tests {
		var feeds []candle.Feed
		for i, m := range tt.feeds {
			feeds = append(feeds, candle.Feed{Symbol: string(rune('A' + i)), Source: m})
		}
		m := candle.Merge(feeds...)
		clear(feeds) // The Merger has its own.
		for _, f := range tt.feeds {
			if f.reads != 0 {
				t.Errorf("%s: Merge read a feed", tt.name)
			}
		}
		got, symbol, err := merged(t, m)
		if s := strings.Join(got, ", "); s != tt.want || fmt.Sprint(symbol, " ", err) != tt.ends {
			t.Errorf("%s: got %s; %s %v", tt.name, s, symbol, err)
		}
	}
}

// TestMergeRandom compares the Merger with a stable sort of all candles.
func TestMergeRandom(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		type event struct {
			symbol string
			time   int64
		}
		var want []event
		var feeds []candle.Feed
		for i := range rnd.IntN(12) {
			var times []int64
			for now := int64(0); rnd.IntN(20) > 0; now += rnd.Int64N(3) {
				times = append(times, now)
				want = append(want, event{fmt.Sprint(i), now})
			}
			feeds = append(feeds, candle.Feed{Symbol: fmt.Sprint(i), Source: at(times...)})
		}
		slices.SortStableFunc(want, func(a, b event) int { return cmp.Compare(a.time, b.time) })
		m := candle.Merge(feeds...)
		for i, w := range want {
			if s, c, err := m.Next(); s != w.symbol || c.Time != w.time || err != nil {
				t.Fatalf("candle %d of %d feeds: got %s %d, %v, want %v", i, len(feeds), s, c.Time, err, w)
			}
		}
		if _, _, err := m.Next(); err != io.EOF {
			t.Fatal(err)
		}
	}
}

// TestMergeLine sees to it that after Next the line of the symbol's Reader is
// that of the candle returned.
func TestMergeLine(t *testing.T) {
	readers := map[string]*candle.Reader{
		"A": newReader(csv1 + csv2),
		"B": newReader("\n\n" + csv1 + "\n" + csv2),
	}
	m := candle.Merge(candle.Feed{Symbol: "A", Source: readers["A"]}, candle.Feed{Symbol: "B", Source: readers["B"]})
	for _, want := range []string{"A 1", "B 3", "A 2", "B 5"} {
		s, _, err := m.Next()
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(s, " ", readers[s].Line()); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
