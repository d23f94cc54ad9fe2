package candle

import "io"

// A Reader reads the candles of one input. Which of these formats it is in
// shows from the input's first bytes:
//
//   - CSV, separated by commas, semicolons or tabs, whichever the first line
//     has most of. A first line whose first cell does not begin with a digit, a
//     sign or a point is a header; it may name the columns in any order.
//     Without a header the order is time, open, high, low, close, volume. All
//     rows need as many columns as the first line. Cells may be quoted, but may
//     not contain a line end.
//   - A JSON array whose elements are rows, on as many lines as one likes.
//   - Newline-delimited JSON: one row a line.
//
// A JSON row is an array in the order given above or an object with the names
// of a header for its keys. Its values are numbers or strings.
//
// Not every exchange's rows without names are in that order. Where the prices
// are in another, a row soon turns up invalid; another value in the volume's
// place is not noticed. Such rows need a header or keys.
//
// The names are open_time, timestamp, datetime, unix, ts, time, t or date for
// the time; open or o, high or h, low or l, close or c; and volume, vol or v.
// Case, spaces, underscores and dashes do not matter. Of several names for the
// same value the earliest in this list counts, and of two names that differ
// only in case the one in lower case. All but the volume are required; a volume
// that is missing, empty or null is 0. What else a row contains is ignored.
//
// Times are numbers or ISO 8601 and mean when the candle opened. A number
// counts seconds, milliseconds, microseconds or nanoseconds since 1970-01-01
// UTC. Each row's unit is told by its magnitude, in which the four do not
// overlap, for only times from 2000-01-01 to 2100-01-01 are accepted:
//
//	seconds       946684800           to 4102444800
//	milliseconds  946684800000        to 4102444800000
//	microseconds  946684800000000     to 4102444800000000
//	nanoseconds   946684800000000000  to 4102444800000000000
//
// It may have a fraction but no exponent. An ISO 8601 time is a date, such as
// 2023-03-01, alone or followed by T or a space and a time of day with or
// without seconds and their fraction, and then by Z, UTC or an offset such as
// +01:00, +0100 or +01; without those it is UTC. Times are rounded to the
// nearest millisecond.
//
// Prices and volumes are plain decimal numbers, with an exponent if need be,
// and become the nearest float64.
//
// The input may begin with a UTF-8 byte order mark and lines may end in CR LF.
// Blank lines, and outside a JSON array lines that start with #, are passed
// over. No line, and no row of a JSON array, may be over 1 MiB.
//
// A Reader does not read ahead of the row in work: a candle from a pipe is
// returned as soon as the end of its line, or of its element in a JSON array,
// has arrived. It does not judge the order of the candles and does not close
// the input. It is for one goroutine at a time.
type Reader struct {
	name string
	in   *input
	rows rows // Nil until the format is known.
	line int
	err  error
}

// rows reads the rows of one format. Its errors are for the line in.row; the
// end of the input is io.EOF.
type rows interface {
	next() (Candle, error)
}

// NewReader returns a Reader of r. The name, such as that of the file, is for
// error messages. Nothing is read before the first call of Next.
func NewReader(r io.Reader, name string) *Reader {
	return &Reader{name: name, in: newInput(r)}
}

// Next returns the next candle, which is valid as [Candle.Validate] has it. At
// the end it returns [io.EOF]. Any other error is a *[RowError]; this includes
// failures to read the input, which it wraps, and an input that is cut short
// within a row or a JSON array. A CSV file cut short within its last cell
// cannot be told from a whole one. After an error Next keeps returning it.
func (r *Reader) Next() (Candle, error) {
	if r.err != nil {
		return Candle{}, r.err
	}
	c, err := r.read()
	switch {
	case err == io.EOF:
		r.err = err
	case err != nil:
		r.err = &RowError{Name: r.name, Line: r.in.row, Err: err}
	default:
		r.line = r.in.row
		return c, nil
	}
	return Candle{}, r.err
}

// Line returns the line on which the last candle returned by [Reader.Next]
// began, counted from 1, or 0 if there was none.
func (r *Reader) Line() int { return r.line }

func (r *Reader) read() (Candle, error) {
	if r.rows == nil {
		rows, err := detect(r.in)
		if err != nil {
			return Candle{}, err
		}
		r.rows = rows
	}
	return r.rows.next()
}

// detect passes over blank lines and comments and tells the format of what
// follows without reading it.
func detect(in *input) (rows, error) {
	if err := in.skipMagic(); err != nil {
		return nil, err
	}
	for {
		switch b, at := in.peekMark(0, false); b {
		case '\n', '#':
			if _, err := in.readLine(); err != nil {
				return nil, err
			}
		case '{':
			return &jsonLines{in: in}, nil
		case '[':
			// What stands in the bracket tells an array of rows from a row.
			// If nothing does, jsonArray finds out why.
			switch b, _ := in.peekMark(at+1, true); b {
			case '[', '{', ']', 0:
				return &jsonArray{in: in}, nil
			}
			return &jsonLines{in: in}, nil
		default:
			return &csvRows{in: in}, nil
		}
	}
}
