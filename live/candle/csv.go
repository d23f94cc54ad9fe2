package candle

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// errQuote is a quoted cell without an end, or with one in the wrong place.
var errQuote = errors.New("a quoted cell does not end with a quote and a separator on its line")

// csvRows reads CSV. The first line sets the separator and the columns.
type csvRows struct {
	in    *input
	sep   byte
	cells [][]byte         // Of the line in work.
	width int              // Cells in every line; 0 before the first line.
	at    [columnCount]int // The cell of each column, or -1.
}

func (c *csvRows) next() (Candle, error) {
	line, err := c.in.readText()
	if err != nil {
		return Candle{}, err
	}
	first := c.width == 0
	if first {
		c.sep = separator(line)
	}
	if err := c.split(line); err != nil {
		return Candle{}, badRow(err)
	}
	if first {
		header, err := c.start()
		if err != nil {
			return Candle{}, err
		}
		if header {
			return c.next()
		}
	}
	candle, err := c.candle()
	if err != nil {
		return Candle{}, badRow(err)
	}
	return candle, nil
}

// candle reads the row in c.cells.
func (c *csvRows) candle() (Candle, error) {
	if len(c.cells) != c.width {
		return Candle{}, fmt.Errorf("the row has %s where the first line has %d", columns(len(c.cells)), c.width)
	}
	var r row
	for col, at := range c.at {
		if at >= 0 {
			r[col] = c.cells[at]
		}
	}
	return r.candle()
}

// start sets up the columns by the first line, which is in c.cells, and reports
// whether that is a header.
func (c *csvRows) start() (header bool, err error) {
	c.width = len(c.cells)
	first := trim(c.cells[0])
	if len(first) > 0 && strings.IndexByte("0123456789+-.", first[0]) >= 0 {
		return false, c.order()
	}
	return true, c.header()
}

// order sets the columns of rows without a header.
func (c *csvRows) order() error {
	if c.width < int(requiredCount) {
		return fmt.Errorf("the first row has %s: it needs time, open, high, low, close and may have volume", columns(c.width))
	}
	for col := range c.at {
		c.at[col] = col
	}
	if c.width <= int(colVolume) {
		c.at[colVolume] = -1
	}
	return nil
}

// header sets the columns by the names in the cells.
func (c *csvRows) header() error {
	for col := range c.at {
		c.at[col] = -1
	}
	var p picker
	for i, name := range c.cells {
		col, take, err := p.offer(name)
		if err != nil {
			return fmt.Errorf("the header has %w: remove one", err)
		}
		if take {
			c.at[col] = i
		}
	}
	var missing []string
	for col := range requiredCount {
		if c.at[col] < 0 {
			missing = append(missing, col.String())
		}
	}
	if missing != nil {
		return fmt.Errorf("the header lacks %s: name these columns in it", strings.Join(missing, ", "))
	}
	return nil
}

// split divides line into cells, without quotes. It may write to line.
func (c *csvRows) split(line []byte) error {
	c.cells = c.cells[:0]
	if bytes.IndexByte(line, '"') >= 0 {
		return c.splitQuoted(line)
	}
	for {
		i := bytes.IndexByte(line, c.sep)
		if i < 0 {
			c.cells = append(c.cells, line)
			return nil
		}
		c.cells = append(c.cells, line[:i])
		line = line[i+1:]
	}
}

// splitQuoted is split for a line that contains quotes. A cell is quoted if a
// quote is the first thing in it; two quotes in it stand for one.
func (c *csvRows) splitQuoted(line []byte) error {
	for more := true; more; {
		var cell []byte
		if s := bytes.TrimLeft(line, " "); len(s) > 0 && s[0] == '"' {
			var err error
			if cell, line, more, err = c.unquote(s[1:]); err != nil {
				return err
			}
		} else {
			cell, line, more = bytes.Cut(line, []byte{c.sep})
		}
		c.cells = append(c.cells, cell)
	}
	return nil
}

// unquote takes a cell, whose opening quote precedes s, and its separator off
// s. It reports whether more cells follow.
func (c *csvRows) unquote(s []byte) (cell, rest []byte, more bool, err error) {
	n := 0
	for i := 0; i < len(s); i++ {
		if s[i] != '"' {
			s[n] = s[i]
			n++
			continue
		}
		if i+1 < len(s) && s[i+1] == '"' {
			s[n] = '"'
			n++
			i++
			continue
		}
		rest = bytes.TrimLeft(s[i+1:], " ")
		switch {
		case len(rest) == 0:
			return s[:n], nil, false, nil
		case rest[0] == c.sep:
			return s[:n], rest[1:], true, nil
		}
		break
	}
	return nil, nil, false, errQuote
}

// separator returns the separator that line has most of outside quotes.
func separator(line []byte) byte {
	var count [256]int
	quoted := false
	for _, b := range line {
		if b == '"' {
			quoted = !quoted
		} else if !quoted {
			count[b]++
		}
	}
	best := byte(',')
	for _, b := range []byte(";\t") {
		if count[b] >= count[best] && count[b] > 0 {
			best = b
		}
	}
	return best
}

// columns is n with its noun.
func columns(n int) string {
	if n == 1 {
		return "1 column"
	}
	return fmt.Sprintf("%d columns", n)
}
