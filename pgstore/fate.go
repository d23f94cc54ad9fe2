package pgstore

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast-go/holdfast/driver"
)

// What became of a change whose answer was lost is found out in two steps.
//
// First its session must have ended, so that what was not done is not done any
// more: the server has begun anew, or no longer lists the session. (Behind a
// pooler nobody can tell; then only what is found counts, not what is not.)
//
// Then the rows tell. What the change has put bears its token as the revision,
// what it has removed as the revision of the removal: one of them, and all of it
// was done, as it was one transaction. If one of its keys has stayed untouched
// since it was begun (its last change is older than the mark), nothing was.
//
// Between the two lie keys that somebody has changed meanwhile. If it was this
// store, and the lost change was a put without a condition, the put counts as
// done: its value would have been overwritten by one put at the same time or
// later, and nobody could tell the difference. If it was somebody else, nobody
// knows.

// fateOf is what became of a change.
type fateOf int

const (
	nobodyKnows fateOf = iota
	happened
	didNot
)

// fate asks until it knows, or the caller's time is over.
func (s *Store) fate(ctx context.Context, c *change, m mark, on *session) fateOf {
	for attempt := 0; ; attempt++ {
		f, ended := nobodyKnows, false
		err := s.onConn(ctx, func(conn *pgx.Conn) (err error) {
			if ended, err = s.hasEnded(ctx, conn, on); err == nil {
				f, err = s.traces(ctx, conn, c, m)
			}
			return err
		})
		switch {
		case err == nil && f == happened:
			return happened
		case err == nil && ended:
			return f
		case err == nil && on.pooled:
			return nobodyKnows
		}
		if s.pause(ctx, attempt) != nil {
			return nobodyKnows
		}
	}
}

// hasEnded tells whether a session can do nothing more. It is asked before the
// rows are, in a statement of its own: what a session does before it ends must
// be seen by those.
func (s *Store) hasEnded(ctx context.Context, conn *pgx.Conn, on *session) (bool, error) {
	now := sessionOf(conn.PgConn())
	switch {
	case on.pooled:
		return false, nil
	case !now.incarnation.Equal(on.incarnation):
		return true, nil
	}
	var running bool
	err := conn.QueryRow(ctx, s.sql.running, int64(on.pid), on.began).Scan(&running)
	return !running, err
}

// trace is what is left on one key.
type trace struct {
	revision, removal *string // of the row, and of the last removal
	xmin, transaction *int64
}

// traces looks for those of a change.
func (s *Store) traces(ctx context.Context, conn *pgx.Conn, c *change, m mark) (fateOf, error) {
	if c.clears != "" {
		return s.cleared(ctx, conn, c, m)
	}
	keys := append(append([]driver.Key{}, c.puts...), c.deletes...)
	entities, ids := columns(keys)
	rows, err := conn.Query(ctx, s.sql.fate, entities, ids)
	if err != nil {
		return nobodyKnows, err
	}
	defer rows.Close()
	untouched, overtaken := false, 0
	f := nobodyKnows
	for rows.Next() {
		var n int
		var t trace
		if err := rows.Scan(&n, &t.revision, &t.xmin, &t.removal, &t.transaction); err != nil {
			return nobodyKnows, err
		}
		isPut := n <= len(c.puts)
		if s.bears(t, isPut, m) {
			f = happened
		}
		untouched = untouched || s.untouched(t, m)
		if s.overtaken(t, m) {
			overtaken++
		}
	}
	switch {
	case rows.Err() != nil:
		return nobodyKnows, rows.Err()
	case f == happened:
		return happened, nil
	case untouched:
		return didNot, nil
	case c.free && overtaken == len(keys):
		return happened, nil
	}
	return nobodyKnows, nil
}

// cleared looks for a removal within the entity. If there is none, there was
// nothing to remove, and to do it again is to do it once.
func (s *Store) cleared(ctx context.Context, conn *pgx.Conn, c *change, m mark) (fateOf, error) {
	var found bool
	err := conn.QueryRow(ctx, s.sql.cleared, c.clears, s.tokens.name(m)).Scan(&found)
	switch {
	case err != nil:
		return nobodyKnows, err
	case found:
		return happened, nil
	}
	return didNot, nil
}

// bears tells whether the key shows that the change was made.
func (s *Store) bears(t trace, isPut bool, m mark) bool {
	name := s.tokens.name(m)
	if isPut {
		return t.revision != nil && *t.revision == name
	}
	return t.removal != nil && *t.removal == name
}

// untouched tells whether the key has not changed since the mark, though the
// change would have changed it. (Removing what was absent leaves no trace, and
// may be done again.)
func (s *Store) untouched(t trace, m mark) bool {
	rowOld := t.revision == nil || s.older(*t.revision, *t.xmin, m)
	removalOld := t.removal == nil || s.older(*t.removal, *t.transaction, m)
	return rowOld && removalOld
}

// older tells whether what bears a revision was there at the mark: it is of a
// transaction that had ended by then. The server keeps 32 bits of a number.
func (s *Store) older(revision string, transaction int64, m mark) bool {
	if n, ours := s.tokens.number(revision); ours {
		return n < m.floor
	}
	return m.horizon > 0 && int32(uint32(transaction)-uint32(m.horizon)) < 0
}

// overtaken tells whether this store has put another value after the change was
// begun.
func (s *Store) overtaken(t trace, m mark) bool {
	if t.revision == nil {
		return false
	}
	n, ours := s.tokens.number(*t.revision)
	return ours && n >= m.floor && n != m.n
}
