package candle

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// The first and the last time accepted, in seconds since 1970-01-01 UTC: the
// beginnings of 2000 and of 2100. A thousandfold of the first is above the
// last, so that no number is in range in two units.
const (
	minSeconds = 946_684_800
	maxSeconds = 4_102_444_800
)

var (
	errNotTime  = errors.New("is neither a number nor an ISO 8601 time")
	errExponent = errors.New("has an exponent, with which digits may have been lost")
	errUnit     = errors.New("is not from 2000-01-01 to 2100-01-01 in seconds, ms, us or ns")
	errRange    = errors.New("is not from 2000-01-01 to 2100-01-01")
	errNoDate   = errors.New("is not a time that exists")
)

// parseTime reads a time as the comment on Reader describes, in milliseconds
// since 1970-01-01 UTC.
func parseTime(s []byte) (int64, error) {
	var ms int64
	var err error
	if len(s) > 4 && s[4] == '-' {
		ms, err = parseISO(s)
	} else {
		ms, err = parseUnix(s)
	}
	if err == nil && (ms < minSeconds*1000 || ms > maxSeconds*1000) {
		err = errRange
	}
	if err != nil {
		return 0, fmt.Errorf("time %s %w", shown(s), err)
	}
	return ms, nil
}

// parseUnix reads a count of seconds, ms, us or ns.
func parseUnix(s []byte) (int64, error) {
	n, rest := digits(s)
	if len(rest) == len(s) {
		return 0, notCount(s)
	}
	fraction := 0
	if len(rest) > 0 {
		var ok bool
		if fraction, rest, ok = parseFraction(rest); !ok || len(rest) > 0 {
			return 0, notCount(rest)
		}
	}
	within := func(unit int64) bool { return n >= minSeconds*unit && n <= maxSeconds*unit }
	switch {
	case within(1):
		return n*1000 + int64(fraction+500)/1000, nil
	case within(1e3):
		return n + int64(fraction+500_000)/1_000_000, nil
	case within(1e6):
		return (n + 500) / 1000, nil
	case within(1e9):
		return (n + 500_000) / 1_000_000, nil
	}
	return 0, errUnit
}

// notCount tells what is wrong with a number that goes on with rest.
func notCount(rest []byte) error {
	if len(rest) > 0 && (rest[0] == 'e' || rest[0] == 'E') {
		return errExponent
	}
	if len(rest) > 1 && rest[0] == '-' && isDigit(rest[1]) {
		return errUnit
	}
	return errNotTime
}

// digits reads the digits that s begins with as a number and returns what
// follows them. A number too large is given as the largest.
func digits(s []byte) (n int64, rest []byte) {
	for len(s) > 0 && isDigit(s[0]) {
		d := int64(s[0] - '0')
		if n > (math.MaxInt64-d)/10 {
			n = math.MaxInt64
		} else {
			n = n*10 + d
		}
		s = s[1:]
	}
	return n, s
}

// parseFraction reads a point and at least one digit as millionths, further
// digits not counted, and returns what follows.
func parseFraction(s []byte) (millionths int, rest []byte, ok bool) {
	if len(s) < 2 || s[0] != '.' || !isDigit(s[1]) {
		return 0, s, false
	}
	s = s[1:]
	for unit := 100_000; len(s) > 0 && isDigit(s[0]); unit /= 10 {
		millionths += int(s[0]-'0') * unit
		s = s[1:]
	}
	return millionths, s, true
}

// parseISO reads a date, with or without a time of day and an offset.
func parseISO(s []byte) (int64, error) {
	year, month, day := number2(s)*100+number2(s[2:]), 0, 0
	s = s[4:]
	if !field(&s, '-', &month) || !field(&s, '-', &day) || year < 0 {
		return 0, errNotTime
	}
	var hour, minute, second, millionths, offset int
	if len(s) > 0 {
		sep := s[0]
		if sep != 'T' && sep != 't' && sep != ' ' || !field(&s, sep, &hour) || !field(&s, ':', &minute) {
			return 0, errNotTime
		}
		if len(s) > 0 && s[0] == ':' {
			if !field(&s, ':', &second) {
				return 0, errNotTime
			}
			if len(s) > 0 && s[0] == '.' {
				var ok bool
				if millionths, s, ok = parseFraction(s); !ok {
					return 0, errNotTime
				}
			}
		}
		var err error
		if offset, err = parseOffset(trim(s)); err != nil {
			return 0, err
		}
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	if t.Month() != time.Month(month) || hour > 23 || minute > 59 || second > 59 {
		return 0, errNoDate
	}
	return (t.Unix()-int64(offset)*60)*1000 + int64(millionths+500)/1000, nil
}

// parseOffset reads what follows the time of day, in minutes east of UTC.
func parseOffset(s []byte) (minutes int, err error) {
	switch string(s) {
	case "", "Z", "z", "UTC":
		return 0, nil
	}
	sign, hour, minute := s[0], 0, 0
	if sign != '+' && sign != '-' || !field(&s, sign, &hour) {
		return 0, errNotTime
	}
	if len(s) > 0 && s[0] != ':' {
		if minute = number2(s); minute < 0 || len(s) != 2 {
			return 0, errNotTime
		}
	} else if len(s) > 0 && (!field(&s, ':', &minute) || len(s) > 0) {
		return 0, errNotTime
	}
	if hour > 23 || minute > 59 {
		return 0, errNoDate
	}
	if sign == '-' {
		return -hour*60 - minute, nil
	}
	return hour*60 + minute, nil
}

// field takes the mark and two digits off s.
func field(s *[]byte, mark byte, to *int) bool {
	if len(*s) < 3 || (*s)[0] != mark {
		return false
	}
	*to = number2((*s)[1:])
	*s = (*s)[3:]
	return *to >= 0
}

// number2 reads the first two bytes of s as digits; if they are not, the result
// is so far below 0 that twice its hundredfold and any digits stay below.
func number2(s []byte) int {
	if len(s) < 2 || !isDigit(s[0]) || !isDigit(s[1]) {
		return -1_000_000
	}
	return int(s[0]-'0')*10 + int(s[1]-'0')
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }
