package mongostore

import (
	"bytes"
	"math"
	"strconv"
	"strings"
)

// sameDecimal tells whether two JSON numbers are the same value, as 1.10, 1.1
// and 11e-1 are. It is false where an exponent is too large to tell.
func sameDecimal(a, b string) bool {
	x, ok := decimalOf(a)
	y, ok2 := decimalOf(b)
	return ok && ok2 && x == y
}

// decimal is ±0.DIGITS times ten to the power of exp, without zeros at either
// end of the digits; zero has none.
type decimal struct {
	negative bool
	digits   string
	exp      int
}

func decimalOf(text string) (decimal, bool) {
	var d decimal
	mantissa, exp := text, 0
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		var err error
		if exp, err = strconv.Atoi(text[i+1:]); err != nil || exp > math.MaxInt32 || exp < math.MinInt32 {
			exp = math.MaxInt64 // of zero it does not matter
		}
		mantissa = text[:i]
	}
	mantissa, d.negative = strings.CutPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := whole + fraction
	significant := strings.TrimLeft(digits, "0")
	d.digits = strings.TrimRight(significant, "0")
	if d.digits == "" {
		return decimal{}, true
	}
	d.exp = exp + len(whole) - (len(digits) - len(significant))
	return d, exp != math.MaxInt64
}

// appendDouble appends a finite double as JSON writes it: the shortest text
// that is no other double.
func appendDouble(dst []byte, f float64) []byte {
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, format, -1, 64)
	if i := bytes.LastIndex(dst[start:], []byte("e-0")); i >= 0 { // e-09 is e-9
		dst = append(dst[:start+i+2], dst[start+i+3:]...)
	}
	return dst
}
