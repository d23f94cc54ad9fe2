package candle

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A row is the text of each column of one candle, without quotes. An empty
// text is a value that is missing.
type row [columnCount][]byte

// candle reads the row's text. The candle it returns is valid, with a time in
// the range that parseTime accepts.
func (r *row) candle() (Candle, error) {
	for col := range requiredCount {
		r[col] = trim(r[col])
		if len(r[col]) == 0 {
			return Candle{}, r.missing()
		}
	}
	var c Candle
	var err error
	if c.Time, err = parseTime(r[colTime]); err != nil {
		return Candle{}, err
	}
	for col, to := range [...]*float64{&c.Open, &c.High, &c.Low, &c.Close} {
		if *to, err = parseNumber(colOpen+column(col), r[colOpen+column(col)]); err != nil {
			return Candle{}, err
		}
	}
	if v := trim(r[colVolume]); len(v) > 0 {
		if c.Volume, err = parseNumber(colVolume, v); err != nil {
			return Candle{}, err
		}
	}
	if err := c.Validate(); err != nil {
		return Candle{}, err
	}
	return c, nil
}

// missing names all required columns that have no value.
func (r *row) missing() error {
	var names []string
	for col := range requiredCount {
		if len(trim(r[col])) == 0 {
			names = append(names, col.String())
		}
	}
	return fmt.Errorf("the row lacks %s", strings.Join(names, ", "))
}

// parseNumber reads a decimal number, rounded to the nearest float64. It takes
// nothing but digits, a point, signs and an exponent, so that names such as
// NaN and Inf, hexadecimal and thousands separators are refused.
func parseNumber(col column, s []byte) (float64, error) {
	for _, b := range s {
		switch {
		case '0' <= b && b <= '9', b == '.', b == '-', b == '+', b == 'e', b == 'E':
		default:
			return 0, fmt.Errorf("%s %s is not a plain decimal number", col, shown(s))
		}
	}
	v, err := strconv.ParseFloat(string(s), 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, fmt.Errorf("%s %s is too large a number", col, shown(s))
	case err != nil:
		return 0, fmt.Errorf("%s %s is not a plain decimal number", col, shown(s))
	}
	return v, nil
}

// trim returns s without the spaces and tabs around it.
func trim(s []byte) []byte {
	for len(s) > 0 && isBlank(s[0]) {
		s = s[1:]
	}
	for len(s) > 0 && isBlank(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

// isBlank reports whether b is white space that may stand inside a line. A
// carriage return is: it may precede the end of the line.
func isBlank(b byte) bool { return b == ' ' || b == '\t' || b == '\r' }
