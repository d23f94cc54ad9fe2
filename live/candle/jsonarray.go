package candle

import (
	"errors"
	"fmt"
	"io"
)

// errCut is a JSON array without an end.
var errCut = errors.New("the JSON array is cut short: fetch or export it again")

// jsonArray reads a JSON array of rows, one row at a time.
type jsonArray struct {
	in     *input
	inside bool   // The array's first bracket is behind.
	buf    []byte // The row in work.
}

func (j *jsonArray) next() (Candle, error) {
	b, err := j.mark()
	if err != nil {
		return Candle{}, err
	}
	switch {
	case !j.inside: // What was read is the bracket that detect saw.
		j.inside = true
		if b, err = j.mark(); err != nil {
			return Candle{}, err
		}
	case b == ',':
		if b, err = j.mark(); err != nil {
			return Candle{}, err
		}
		if b == ']' {
			return Candle{}, errors.New("a row must follow the comma: remove the comma, or add the row that is missing")
		}
	case b != ']':
		return Candle{}, fmt.Errorf("%q stands where the array must go on with a comma or end with a bracket", b)
	}
	switch b {
	case ']':
		return Candle{}, j.end()
	case '[', '{':
		return j.row(b)
	}
	return Candle{}, badRow(fmt.Errorf("a row that begins with %q is neither a JSON array nor an object", b))
}

// mark returns the next byte that is not white space.
func (j *jsonArray) mark() (byte, error) {
	b, err := j.in.readMark()
	if err == io.EOF {
		err = errCut
	}
	return b, err
}

// row reads the row that begins with the bracket b.
func (j *jsonArray) row(b byte) (Candle, error) {
	start := j.in.row
	j.buf = append(j.buf[:0], b)
	var n nesting
	for n.take(b); n.depth > 0; n.take(b) {
		var err error
		if b, err = j.in.readByte(); err == io.EOF {
			return Candle{}, errCut
		} else if err != nil {
			return Candle{}, err
		}
		if len(j.buf) == maxRow {
			return Candle{}, errLong
		}
		j.buf = append(j.buf, b)
	}
	c, line, err := jsonCandle(j.buf)
	if err != nil {
		j.in.row = start + line
		return Candle{}, badRow(err)
	}
	return c, nil
}

// end returns io.EOF if the input ends with the array, as it must.
func (j *jsonArray) end() error {
	b, err := j.in.readMark()
	if err == nil {
		return fmt.Errorf("%q stands after the end of the JSON array: keep one array in a file", b)
	}
	return err
}
