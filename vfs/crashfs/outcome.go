package crashfs

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// outcome is what becomes of one pending change.
type outcome struct {
	fate fate
	at   int64 // where a write is torn
}

type fate byte

const (
	lost   fate = '-'
	kept   fate = '+'
	zeroed fate = '0' // the size is there, the bytes are zeros
	stale  fate = '?' // the size is there, the bytes are what the blocks held before
	head   fate = '<' // the bytes up to at
	padded fate = '=' // the bytes up to at, then zeros
	tail   fate = '>' // the bytes from at on
)

// choice is an outcome for each pending change.
type choice []outcome

// String is the last part of a state's key.
func (c choice) String() string {
	var b strings.Builder
	for _, o := range c {
		b.WriteByte(byte(o.fate))
		if o.torn() {
			b.WriteString(strconv.FormatInt(o.at, 10))
		}
	}
	return b.String()
}

func (o outcome) torn() bool { return o.fate == head || o.fate == padded || o.fate == tail }

func parseChoice(s string) (c choice, err error) {
	for len(s) > 0 {
		o := outcome{fate: fate(s[0])}
		if !strings.ContainsRune("-+0?<=>", rune(s[0])) {
			return nil, fmt.Errorf("crashfs: no outcome %q", s[:1])
		}
		s = s[1:]
		if o.torn() {
			end := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
			if end < 0 {
				end = len(s)
			}
			if o.at, err = strconv.ParseInt(s[:end], 10, 64); err != nil {
				return nil, err
			}
			s = s[end:]
		}
		c = append(c, o)
	}
	return c, nil
}

// describe says what the outcome does to the change.
func (o outcome) describe(ch *change) string {
	what := ch.call.String()
	if ch.kind == kindNames && ch.call.dir != ch.call.toDir && ch.call.toDir != 0 {
		half := "the old name"
		if ch.ino == ch.call.toDir {
			half = "the new name"
		}
		what = half + " of " + what
	}
	switch o.fate {
	case lost:
		return "lost: " + what
	case zeroed:
		return "zeros: " + what
	case stale:
		return "old bytes of the disk: " + what
	case head:
		return fmt.Sprintf("only the first %d bytes: %s", o.at, what)
	case padded:
		return fmt.Sprintf("only the first %d bytes, then zeros: %s", o.at, what)
	case tail:
		return fmt.Sprintf("only from byte %d on: %s", o.at, what)
	}
	return "kept: " + what
}

// variants are the outcomes of a write beside kept and lost. wide are those to be
// combined with other changes in fewer ways, since they are many.
func (ch *change) variants(m Model, rnd *rand.Rand) (few, wide []outcome) {
	n := ch.call.Size
	if ch.grows {
		few = append(few, outcome{fate: zeroed})
	}
	if m == Strict && ch.grows {
		few = append(few, outcome{fate: stale})
	}
	cuts := []int64{1, n / 2, n - 1}
	if n > 2 {
		cuts = append(cuts, 1+rnd.Int64N(n-1))
	}
	if m == Ext4 {
		for i, at := range cuts {
			cuts[i] = (ch.call.Off+at)/sectorSize*sectorSize - ch.call.Off
		}
	}
	slices.Sort(cuts)
	for _, at := range slices.Compact(cuts) {
		few = append(few, ch.tears(m, at)...)
	}
	for at := pageSize - ch.call.Off%pageSize; at < n; at += pageSize {
		wide = append(wide, ch.tears(m, at)...)
	}
	return few, wide
}

// tears are the ways in which a write is torn at a byte.
func (ch *change) tears(m Model, at int64) []outcome {
	if at <= 0 || at >= ch.call.Size {
		return nil
	}
	var all []outcome
	if m == Strict || !ch.grows || (ch.call.Off+at)%pageSize == 0 {
		all = append(all, outcome{head, at}) // ext4: a size that has grown ends with a page
	}
	if ch.grows {
		all = append(all, outcome{padded, at})
	}
	return append(all, outcome{tail, at})
}
