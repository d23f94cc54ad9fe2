package candle

import "fmt"

// A column is one of the values that make up a candle, in the order in which a
// row without names gives them.
type column int

const (
	colTime column = iota
	colOpen
	colHigh
	colLow
	colClose
	colVolume
	columnCount

	requiredCount = colVolume // The columns before it are required.
)

func (c column) String() string {
	return [columnCount]string{"time", "open", "high", "low", "close", "volume"}[c]
}

// spellings lists the names of each column in their plain form (see plain), the
// one to prefer first: some files give the time twice, as a number and as a
// date. A date alone comes last, for beside it a time may be the time of day,
// and to read that one fails, where the date alone would pass for midnight.
var spellings = [columnCount][]string{
	colTime:   {"opentime", "timestamp", "datetime", "unix", "ts", "time", "t", "date"},
	colOpen:   {"open", "o"},
	colHigh:   {"high", "h"},
	colLow:    {"low", "l"},
	colClose:  {"close", "c"},
	colVolume: {"volume", "vol", "v"},
}

// A spelling is what a plain name stands for; a lower rank is preferred.
type spelling struct {
	col  column
	rank int
}

var spellingOf = func() map[string]spelling {
	m := make(map[string]spelling)
	for col, names := range spellings {
		for i, name := range names {
			m[name] = spelling{column(col), 2*i + 1}
		}
	}
	return m
}()

// maxPlain is more than the length of any plain name.
const maxPlain = 16

// plain writes name to buf in lower case and without spaces, underscores and
// dashes. It reports whether name had upper case, and the length written, or -1
// if the result is too long to be a known name.
func plain(buf *[maxPlain]byte, name []byte) (n int, upper bool) {
	for _, b := range name {
		switch {
		case b == ' ' || b == '\t' || b == '_' || b == '-':
			continue
		case 'A' <= b && b <= 'Z':
			b += 'a' - 'A'
			upper = true
		}
		if n == maxPlain {
			return -1, upper
		}
		buf[n] = b
		n++
	}
	return n, upper
}

// A picker chooses among the names of a header or an object the ones to read
// the columns from. A name in lower case beats the same name with upper case,
// as Binance's stream names the open time t and the close time T.
type picker struct {
	rank [columnCount]int // Of the name chosen so far; 0 is none.
}

// offer reports whether the value under name is to be taken for column col, in
// place of one taken before. Two names equally good are an error, whose text
// completes "the row has".
func (p *picker) offer(name []byte) (col column, take bool, err error) {
	var buf [maxPlain]byte
	n, upper := plain(&buf, name)
	if n < 0 {
		return 0, false, nil
	}
	s, known := spellingOf[string(buf[:n])]
	if !known {
		return 0, false, nil
	}
	if upper {
		s.rank++
	}
	switch have := p.rank[s.col]; {
	case have == s.rank:
		return 0, false, fmt.Errorf("a second column for %s, %s", s.col, shown(name))
	case have != 0 && have < s.rank:
		return 0, false, nil
	}
	p.rank[s.col] = s.rank
	return s.col, true, nil
}
