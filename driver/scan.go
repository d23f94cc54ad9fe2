package driver

import (
	"context"
	"iter"
)

// Scanner reads whole entities, faster than one value after the other.
type Scanner interface {
	// Scan yields what Get finds of each id that IDs yields, in the same order,
	// and is a snapshot or a moving state like IDs. Of a value that is damaged
	// it yields ErrDamaged, with a Record that has the key alone, and goes on.
	// Any other error ends the sequence.
	Scan(ctx context.Context, entity string) iter.Seq2[Record, error]
}
