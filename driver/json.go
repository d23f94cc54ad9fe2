package driver

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// This file tells whether bytes are exactly one JSON value in UTF-8: what
// utf8.Valid and json.Valid say together, in one pass and without allocation.
// Every Put waits for it. That it accepts what encoding/json accepts, and
// nothing else, is tested against encoding/json.
//
// The functions take the position at which something is due and return the one
// behind it. Where it is not there they return broken, a position behind all
// data, so that the next of them fails too and few results need a look.

// maxNesting is how deep arrays and objects may lie in one another: the limit
// of encoding/json, which has to decode what was accepted here.
const maxNesting = 10_000

// levels is how many open arrays and objects one call of jsonValue keeps: the
// bits of a word.
const levels = 64

// broken stands for "not JSON".
const broken = 1 << 30

// Eight bytes in a word, the first lowest: a one in each, and the high bit of
// each.
const ones, highs = 0x0101010101010101, 0x8080808080808080

// validJSON tells whether data is one JSON value in UTF-8, with or without
// white space around it. Of more than MaxData bytes it says no.
func validJSON(data []byte) bool {
	return len(data) <= MaxData && skipSpace(data, jsonValue(data, 0, maxNesting)) == len(data)
}

// jsonValue passes a value in which arrays and objects lie nesting deep at the
// most. It calls itself once in 64 levels.
func jsonValue(data []byte, i, nesting int) int {
	var objects uint64 // what is open, the innermost lowest: 1 for an object, 0 for an array
	for open := 0; ; {
		i = skipSpace(data, i)
		if i >= len(data) {
			return broken
		}
		switch c := data[i]; {
		case c == '"':
			i = jsonString(data, i+1)
		case c == '-' || isDigit(c):
			i = jsonNumber(data, i)
		case c != '{' && c != '[':
			i = jsonLiteral(data, i)
		case open == nesting:
			return broken
		case open == levels:
			i = jsonValue(data, i, nesting-levels)
		default:
			i = skipSpace(data, i+1)
			if i < len(data) && data[i] == c+2 { // '}' of '{', ']' of '['
				i++
				break
			}
			objects, open = objects<<1|uint64(c>>5&1), open+1 // bit 5 is what '{' has and '[' has not
			if c == '{' {
				i = jsonName(data, i)
			}
			continue
		}
		if i, open, objects = jsonNext(data, i, open, objects); open == 0 {
			return i
		}
	}
}

// jsonNext passes what stands behind a value: brackets that close, then a comma
// and in an object the name of the next member. If nothing is open any more,
// the outermost value has ended.
func jsonNext(data []byte, i, open int, objects uint64) (int, int, uint64) {
	for open > 0 {
		i = skipSpace(data, i)
		if i >= len(data) {
			return broken, 0, 0
		}
		c := data[i]
		i++
		if c == ',' {
			if objects&1 != 0 {
				i = jsonName(data, i)
			}
			return i, open, objects
		}
		if c != ']'|byte(objects&1)<<5 { // ']' of an array, '}' of an object
			return broken, 0, 0
		}
		objects, open = objects>>1, open-1
	}
	return i, 0, 0
}

// skipSpace passes white space, if there is any.
func skipSpace(data []byte, i int) int {
	const space uint64 = 1<<' ' | 1<<'\t' | 1<<'\n' | 1<<'\r'
	for i < len(data) && data[i] <= ' ' && space>>data[i]&1 != 0 {
		i++
	}
	return i
}

// jsonName passes the name of a member and its colon.
func jsonName(data []byte, i int) int {
	i = skipSpace(data, i)
	if i >= len(data) || data[i] != '"' {
		return broken
	}
	i = skipSpace(data, jsonString(data, i+1))
	if i >= len(data) || data[i] != ':' {
		return broken
	}
	return i + 1
}

// jsonString passes what stands behind a quotation mark, the second one
// included.
func jsonString(data []byte, i int) int {
	for i < len(data) {
		if i+8 <= len(data) {
			special := specials(binary.LittleEndian.Uint64(data[i:]))
			if special == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(special) / 8
		}
		switch c := data[i]; {
		case c == '"':
			return i + 1
		case c == '\\':
			i = jsonEscape(data, i+1)
		case c >= utf8.RuneSelf:
			i = beyondASCII(data, i)
		case c < ' ':
			return broken
		default:
			i++
		}
	}
	return broken
}

// specials has a bit set for the lowest byte of w that is not plain text, and
// none below: a quotation mark, a backslash, a control character, or part of a
// character beyond ASCII.
//
// A subtraction leaves the high bit of a byte set that was less than what is
// taken from it: less than 1, hence a backslash turned to 0; or less than 0x21,
// hence a control character, or 0x20, which the quotation mark is turned to and
// the space is turned away from. A byte beyond ASCII had the bit, and one of
// the two leaves it. What is borrowed falsifies bytes above alone.
func specials(w uint64) uint64 {
	return (((w ^ 0x02*ones) - 0x21*ones) | ((w ^ '\\'*ones) - ones)) & highs
}

// beyondASCII passes characters of several bytes.
func beyondASCII(data []byte, i int) int {
	for i < len(data) && data[i] >= utf8.RuneSelf {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return broken
		}
		i += size
	}
	return i
}

// jsonEscape passes what stands behind a backslash.
func jsonEscape(data []byte, i int) int {
	if i >= len(data) {
		return broken
	}
	switch data[i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1
	case 'u':
		if i+4 < len(data) && isHex(data[i+1]) && isHex(data[i+2]) && isHex(data[i+3]) && isHex(data[i+4]) {
			return i + 5
		}
	}
	return broken
}

func isHex(c byte) bool {
	return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f'
}

func isDigit(c byte) bool { return c-'0' <= 9 }

// jsonLiteral passes true, false or null.
func jsonLiteral(data []byte, i int) int {
	switch rest := data[i:]; {
	case len(rest) >= 4 && (string(rest[:4]) == "null" || string(rest[:4]) == "true"):
		return i + 4
	case len(rest) >= 5 && string(rest[:5]) == "false":
		return i + 5
	}
	return broken
}

// jsonNumber passes a number.
func jsonNumber(data []byte, i int) int {
	if data[i] == '-' {
		i++
	}
	if i < len(data) && data[i] == '0' {
		i++ // and no digit behind it
	} else {
		i = jsonDigits(data, i)
	}
	if i < len(data) && data[i] == '.' {
		i = jsonDigits(data, i+1)
	}
	if i < len(data) && data[i]|0x20 == 'e' {
		i++
		if i < len(data) && (data[i] == '+' || data[i] == '-') {
			i++
		}
		i = jsonDigits(data, i)
	}
	return i
}

// jsonDigits passes digits, one at the least.
func jsonDigits(data []byte, i int) int {
	from := i
	for i < len(data) && isDigit(data[i]) {
		i++
	}
	if i == from {
		return broken
	}
	return i
}
