package pgstore

import "context"

// createFrom is how many values are made by one insertion. Below that the
// conditions are looked at first, as always: an insertion that is refused stands
// in the log of the server, and of few values many are (whoever comes second to a
// lease).
const createFrom = 8

// createsOnly tells whether all that a batch does is to make values where there
// is none: a condition of absence for each put, and none besides.
func (b *batch) createsOnly() bool {
	if len(b.deletes) > 0 || len(b.puts) < createFrom || len(b.conds) != len(b.puts) {
		return false
	}
	for i, c := range b.conds {
		if c.Rev != "" || b.stays[i] {
			return false
		}
	}
	return true // of conditions that are all different, on keys that are put
}

// create makes values by one insertion, in the order of their keys: so those who
// make the same wait for each other and do not deadlock. It is one statement and
// one transaction, as apply is: the primary key refuses it as a whole where one
// of the values is there.
func (s *Store) create(ctx context.Context, b *batch) error {
	entities, ids := columns(b.puts)
	_, err := s.change(ctx, &change{
		sql:  s.sql.create,
		args: func(token string) []any { return []any{entities, ids, b.data, token} },
		puts: b.puts,
	})
	return err
}
