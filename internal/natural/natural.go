// Package natural has the order in which Holdfast lists ids: a person's order,
// in which log-2 comes before log-10 and btc beside BTC.
//
// The order is that of JavaScript's
//
//	a.localeCompare(b, undefined, {numeric: true, sensitivity: "base"})
//
// in a Node with ICU and an en-US locale, so that two programs that share a
// directory list it alike. Ids that are equal there (a1, A1, á01) follow the
// order of their bytes, which makes the order total: Compare is 0 for
// identical ids only.
//
// # Keys, not runs
//
// An id is turned into a key, and keys are compared as bytes. It is tempting
// to cut both ids into runs of digits and runs of text instead, and to compare
// run with run. That is wrong, because the end of a run is not the end of the
// id: of the first runs of "a1" and "a_", "a" is the smaller, but "a_" sorts
// before "a1", since '_' sorts before digits. So the runs of an id are put
// together again, as weights of the Unicode Collation Algorithm (UTS #10):
//
//   - text gets the primary weights of golang.org/x/text/collate, in which
//     case, accents and width do not count;
//   - a run of decimal digits (Unicode category Nd, of any script) gets a
//     weight just below that of the digits themselves, then its length, then
//     its digits without leading zeros.
//
// The digits are done here because the numeric option of x/text compares runs
// of zeros otherwise than ICU does.
//
// # Where the order differs from ICU
//
// The tables of x/text are those of Unicode 6.2 (CLDR 23). Measured against
// ICU 78 (Unicode 17), random ids of these agree without exception: ASCII
// (controls too), Latin, Greek, Cyrillic, Hangul, kana, fullwidth forms,
// currency signs, emoji, combining and invisible characters, and the rest of
// the 22,000 characters outside Han that Unicode 6.2 gives a weight. Known to
// differ are
//
//   - Han: ICU sorts by radical and stroke, and the radicals and circled
//     ideographs with them; x/text by block and code point. In the main block
//     (U+4E00 to U+9FA5) that is almost the same, 2 of 1,000 pairs differ;
//     characters of the extension blocks come after it instead of among it;
//   - characters newer than Unicode 6.2, except the ones in the places table:
//     they sort last instead of within their script, their case and accents
//     count, and new combining marks count (U+037F, U+0528 to U+052F, Georgian
//     capitals, lower-case Cherokee, Latin Extended-D and -E, scripts encoded
//     since); also New Tai Lue, whose spelling rule changed in Unicode 8, and
//     some Tibetan vowel signs in a row;
//   - about 230 others that moved in Unicode since: numerals that are not
//     decimal digits in ancient and Indian scripts (and U+2180 to U+2188,
//     U+1372 to U+137C), Hebrew geresh and gershayim (U+05F3, U+05F4), the
//     Arabic letters U+0675 to U+0678, U+31AC and U+312C of Bopomofo, and
//     single letters of rare use;
//   - digits outside the Basic Multilingual Plane that follow another digit:
//     ICU's answer depends on what the two strings have in common and is no
//     order; here a digit is a digit;
//   - unassigned code points, which are not stable anywhere.
package natural

import (
	"bytes"
	"cmp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"
)

// Compare is negative if a sorts before b, positive if it sorts after b, and
// 0 if the two are identical. It takes any string, valid UTF-8 or not: a byte
// that is no part of a character sorts like U+FFFD. It may be called
// concurrently.
func Compare(a, b string) int {
	var bufA, bufB [128]byte // keys of usual ids stay on the stack
	keyA, keyB := appendKey(bufA[:0], a), appendKey(bufB[:0], b)
	return cmp.Or(bytes.Compare(keyA, keyB), strings.Compare(a, b))
}

// appendKey appends the key of id. An id of ASCII only, which is nearly every
// id, needs a table and no collator. Another one is done from its start, since
// what follows a character can change its weight.
func appendKey(key []byte, id string) []byte {
	weights, start := asciiWeights(), len(key)
	for i := 0; i < len(id); {
		c := id[i]
		if c >= utf8.RuneSelf {
			return appendUnicodeKey(key[:start], id)
		}
		if '0' <= c && c <= '9' {
			n := digitsIn(id[i:])
			key = appendNumber(key, id[i:i+n])
			i += n
			continue
		}
		if w := weights[c]; w != 0 {
			key = append(key, byte(w>>8), byte(w))
		}
		i++
	}
	return key
}

// digitsIn is the number of ASCII digits that s starts with.
func digitsIn(s string) int {
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	return n
}

// above is a byte that no weight of the collator starts with: they have two
// bytes or, starting with 0x80 to 0x9F, three. A weight with above and more
// bytes after it is one between that weight and the next.
const above = 0xFF

// numberLimit is the number of digits, leading zeros aside, after which ICU
// starts another number.
const numberLimit = 254

// appendNumber appends the weights of a run of digits. They sort below every
// other sign for a digit, such as ² or ⑦, and above all punctuation, and so
// are put between the weight of '0' and the one before it. A number is longer
// or shorter before it is greater or smaller; zero is one digit long.
func appendNumber[T string | []byte](key []byte, digits T) []byte {
	before := asciiWeights()['0'] - 1
	for len(digits) > 0 {
		for len(digits) > 1 && digits[0] == '0' {
			digits = digits[1:]
		}
		n := min(len(digits), numberLimit)
		key = append(key, byte(before>>8), byte(before), above, byte(n))
		key = append(key, digits[:n]...)
		digits = digits[n:]
	}
	return key
}

// asciiWeights has the primary weights of the ASCII characters, 0 for those
// that do not count: the controls, white space excepted. The table is made
// once, from the collator, and then only read.
var asciiWeights = sync.OnceValue(func() *[utf8.RuneSelf]uint16 {
	w := workers.Get().(*worker)
	defer workers.Put(w)
	var table [utf8.RuneSelf]uint16
	for c := range table {
		if key := w.weights([]byte{byte(c)}); len(key) == 2 {
			table[c] = uint16(key[0])<<8 | uint16(key[1])
		}
	}
	return &table
})

// A worker makes keys of ids that are not ASCII. It may not be shared: a
// Collator keeps its position in the text.
type worker struct {
	collator     *collate.Collator
	buf          collate.Buffer
	text, digits []byte // the run being read; one of them is empty
}

// workers holds idle workers, each of which is used by one goroutine at a
// time. They are kept because a new one costs 9 KiB and more time than a
// key does, and carry nothing from one id to the next.
var workers = sync.Pool{New: func() any {
	return &worker{collator: collate.New(language.AmericanEnglish, collate.Loose)}
}}

// weights is the key of text in a loose collation: primary weights and nothing
// else, not even a separator. It holds until the next call.
func (w *worker) weights(text []byte) []byte {
	w.buf.Reset()
	return w.collator.Key(&w.buf, text)
}

// appendUnicodeKey does what appendKey does for ids of any characters. A mark
// or an invisible character ends a run of digits, as it does in ICU.
func appendUnicodeKey(key []byte, id string) []byte {
	w := workers.Get().(*worker)
	for _, r := range norm.NFC.String(id) {
		if d, ok := digit(r); ok {
			key = w.endText(key)
			w.digits = append(w.digits, d)
			continue
		}
		if row, ok := place(r); ok {
			key = w.endDigits(w.endText(key))
			key = append(key, w.weights([]byte(string(places[row].after)))...)
			key = append(key, above, byte(row), byte(r>>16), byte(r>>8), byte(r))
			continue
		}
		key = w.endDigits(key)
		w.text = appendText(w.text, r)
	}
	key = w.endDigits(w.endText(key))
	workers.Put(w)
	return key
}

// endText appends the weights of the text read so far, if any.
func (w *worker) endText(key []byte) []byte {
	if len(w.text) > 0 {
		key = append(key, w.weights(w.text)...)
		w.text = w.text[:0]
	}
	return key
}

// endDigits appends the number read so far, if any.
func (w *worker) endDigits(key []byte) []byte {
	if len(w.digits) > 0 {
		key = appendNumber(key, w.digits)
		w.digits = w.digits[:0]
	}
	return key
}

// digit is the ASCII digit with the value of r, if r is a decimal digit. Those
// of a script are encoded together and in order from zero, so that each range
// of the table starts with a zero and holds tens.
func digit(r rune) (byte, bool) {
	if !unicode.IsDigit(r) {
		return 0, false
	}
	zero := rune('0')
	for _, x := range unicode.Nd.R16 {
		if rune(x.Lo) <= r {
			zero = rune(x.Lo)
		}
	}
	for _, x := range unicode.Nd.R32 {
		if rune(x.Lo) <= r {
			zero = rune(x.Lo)
		}
	}
	return '0' + byte((r-zero)%10), true
}

// places has symbols that the collator does not know or knows elsewhere, and
// the character they come after. Rows after the same character are in order,
// and the characters of a row in that of their code points. Rows are whole
// blocks where ICU orders the block so; an emoji added to one is at its place.
var places = [...]struct{ first, last, after rune }{
	{0x20BB, 0x20C1, 0x20BA},    // currency: ruble, bitcoin and so on
	{0x2308, 0x230B, 0x2046},    // ceiling and floor: brackets now
	{0x23F4, 0x23FF, 0x23F3},    // pause, stop, record
	{0x2700, 0x2700, 0x1F1FF},   // a pair of scissors, after the flags
	{0x2B4D, 0x2BFF, 0x2B4C},    // arrows and stars
	{0x1F300, 0x1F5FF, 0x1F0DF}, // pictographs, after the playing cards
	{0x1F900, 0x1F9FF, 0x1F0DF},
	{0x1FA70, 0x1FAFF, 0x1F0DF},
	{0x1F600, 0x1F6FF, 0x1F0DF}, // faces, transport
	{0x1F700, 0x1F7FF, 0x1F0DF}, // alchemy, shapes
	{0x1F800, 0x1F8FF, 0x1F0DF},
	{utf8.RuneError, utf8.RuneError, 0x10FFFE}, // last of all
}

// place is the row of r in places, if it has one.
func place(r rune) (int, bool) {
	for i, p := range places {
		if p.first <= r && r <= p.last {
			return i, true
		}
	}
	return 0, false
}

// joiner is the combining grapheme joiner: it has no weight, and keeps what is
// on its two sides from being taken together.
const joiner = "\u034f"

// appendText appends r as the collator is to see it: where ICU has since made
// a character equal to another one, as that one.
func appendText(text []byte, r rune) []byte {
	switch r {
	case '‘', '’', '‚', '‛', '＇':
		return append(text, '\'')
	case '“', '”', '„', '‟', '〝', '〞', '〟', '＂':
		return append(text, '"')
	case '₧':
		return append(text, "Pts"...)
	case '₨':
		return append(text, "Rs"...)
	case '﷼':
		return append(text, "ریال"...)
	case '\u061c', '\u180e', '\u2066', '\u2067', '\u2068', '\u2069':
		return append(text, joiner...) // marks of direction, a Mongolian separator
	case 'Й', 'й':
		return utf8.AppendRune(text, r)
	}
	switch {
	case 0x400 <= r && r <= 0x4FF:
		return appendCyrillic(text, r)
	case 0xAC00 <= r && r <= 0xD7A3:
		return appendHangul(text, r)
	}
	return utf8.AppendRune(text, r)
}

// appendHangul appends the letters of the syllable r. The collator would do
// so, at the cost of four allocations.
func appendHangul(text []byte, r rune) []byte {
	const vowels, finals = 21, 28 // no final letter counts as one
	n := r - 0xAC00
	text = utf8.AppendRune(text, 0x1100+n/(vowels*finals))
	text = utf8.AppendRune(text, 0x1161+n/finals%vowels)
	if n%finals != 0 {
		text = utf8.AppendRune(text, 0x11A7+n%finals)
	}
	return text
}

// appendCyrillic appends r without its accents. To the collator a Cyrillic
// letter with an accent is a letter of its own; in ICU only й still is. The
// joiner keeps an accent that follows from making it one again.
func appendCyrillic(text []byte, r rune) []byte {
	n := len(text)
	text = utf8.AppendRune(text, r)
	if parts := norm.NFD.Properties(text[n:]).Decomposition(); parts != nil {
		_, size := utf8.DecodeRune(parts)
		text = append(append(text[:n], parts[:size]...), joiner...)
	}
	return text
}
