package journal

import (
	"fmt"
	"time"
)

// Damage is a stretch of the journal that cannot be read although its records
// were acknowledged. The file stays as it is until its space is asked for and
// [Journal.Release] has passed what it held.
type Damage struct {
	File   string // name of the segment in the journal's directory; "" if a whole segment is missing
	Offset int64  // where the stretch begins in the file, in bytes

	// The sequence numbers lost, both included. To is 0 if nobody can tell how
	// many, and From too if nobody can tell which.
	From, To uint64

	// The damaged record's payload, as it stands on disk, where its header is
	// sound: wrong in at least two bits, for the caller to salvage from. Nil
	// otherwise.
	Payload []byte
	Time    time.Time // of that record; zero if unknown

	Detail string // what is wrong, for people
}

// upTo reports whether all that is lost was at or below seq.
func (d *Damage) upTo(seq uint64) bool { return d.To != 0 && d.To <= seq }

// DamageError is a [Damage] as an error.
type DamageError struct{ Damage Damage }

// Error names the file, the place and the records, never what they held.
func (e *DamageError) Error() string {
	d := &e.Damage
	var which string
	switch {
	case d.From == 0:
		which = "unknown records"
	case d.To == 0:
		which = fmt.Sprintf("record %d and later", d.From)
	case d.To == d.From:
		which = fmt.Sprintf("record %d", d.From)
	default:
		which = fmt.Sprintf("records %d to %d", d.From, d.To)
	}
	where := "journal"
	if d.File != "" {
		where = fmt.Sprintf("%s at byte %d", d.File, d.Offset)
	}
	return fmt.Sprintf("%s: %s lost: %s", where, which, d.Detail)
}
