package pgstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast-go/holdfast/driver"
)

// grace is what a statement under way is given to end after its caller has gone
// or the store was closed. Most need a thousandth of it; a connection that is
// given up has to be made anew, and leaves its change in doubt.
const grace = time.Second

// change is one transaction of one statement.
type change struct {
	sql     string
	args    func(token string) []any
	puts    []driver.Key // in the order of the server
	deletes []driver.Key
	clears  string // the entity that is cleared, else ""
	free    bool   // puts without a condition, each for itself
	split   bool   // do not wait again for a row that somebody holds
}

// answer is what a statement gives: rows, of which the first begins with a
// number or null.
type answer struct {
	rows   int
	number int64
	null   bool
}

// limit gives a call a deadline where its caller has set none.
func (s *Store) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, s.timeout)
}

// change makes a change, and tries again for as long as it is certain that it
// was not made and the server may yet take it. Its error is driver.ErrUnknown,
// or nothing has changed.
func (s *Store) change(ctx context.Context, c *change) (answer, error) {
	caller := ctx
	ctx, cancel := s.limit(ctx)
	defer cancel()
	var last error
	for attempt := 0; ; attempt++ {
		a, verdict, err := s.once(ctx, c)
		switch {
		case err == nil:
			return a, nil
		case verdict == lost:
			return a, unknown(s.explain(err))
		case verdict == refused, c.split && code(err) == lockNotAvailable:
			return a, err
		case ctx.Err() == nil || last == nil:
			last = err
		}
		if err := s.pause(ctx, attempt); err != nil {
			if errors.Is(err, driver.ErrClosed) {
				return a, err
			}
			return a, s.tooLate(caller, last)
		}
	}
}

// pause waits before another attempt, the longer the more there were.
func (s *Store) pause(ctx context.Context, attempt int) error {
	longest := min(5*time.Millisecond<<min(attempt, 10), 250*time.Millisecond)
	t := time.NewTimer(longest/2 + rand.N(longest/2))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-s.life.ctx.Done():
		return driver.ErrClosed
	case <-t.C:
		return nil
	}
}

// once is one attempt. If its answer is lost it finds out what became of it.
func (s *Store) once(ctx context.Context, c *change) (answer, verdict, error) {
	m := s.tokens.begin()
	defer s.tokens.end(m)
	a, on, err := s.send(ctx, c, s.tokens.name(m))
	if err == nil {
		return a, refused, nil
	}
	v := judge(err)
	if v != lost {
		return a, v, err
	}
	switch s.fate(ctx, c, m, on) {
	case happened:
		return answer{rows: 1}, refused, nil
	case didNot:
		return a, again, err
	}
	return a, lost, err
}

// send sends the statement and waits for its answer.
//
// The server commits between the last row and the word that it is ready, for
// which the end of the rows waits: what fails in the commit is an error here.
// If the connection breaks before that word, the change may have been made, or
// be made yet.
func (s *Store) send(ctx context.Context, c *change, token string) (answer, *session, error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return answer{}, nil, fmt.Errorf("%w: %w", errNoConnection, err)
	}
	defer conn.Release()
	on := sessionOf(conn.Conn().PgConn())
	s.tokens.saw(on.horizon)
	run, cancel := s.underWay(ctx)
	defer cancel()
	if s.pooler {
		a, err := s.batch(run, conn.Conn(), c, token)
		return a, on, err
	}
	rows, err := conn.Conn().Query(run, c.sql, c.args(token)...)
	if err != nil {
		return answer{}, on, err
	}
	a, err := readAnswer(rows)
	if err == nil && !a.null {
		s.tokens.saw(uint64(a.number))
	}
	return a, on, err
}

// batch sends the settings and the statement as one transaction: both go at
// once, and the server commits at their end.
func (s *Store) batch(ctx context.Context, conn *pgx.Conn, c *change, token string) (a answer, err error) {
	b := &pgx.Batch{}
	b.Queue(preamble, milliseconds(s.timeout), milliseconds(s.lockWait))
	b.Queue(c.sql, c.args(token)...)
	results := conn.SendBatch(ctx, b)
	if _, err := results.Exec(); err != nil {
		results.Close()
		return a, err
	}
	rows, err := results.Query()
	if err == nil {
		a, err = readAnswer(rows)
	}
	return a, errors.Join(err, results.Close())
}

func readAnswer(rows pgx.Rows) (a answer, err error) {
	defer rows.Close()
	for rows.Next() {
		if raw := rows.RawValues()[0]; a.rows == 0 && len(raw) == 8 {
			a.number = int64(binary.BigEndian.Uint64(raw))
		} else if a.rows == 0 {
			a.null = true
		}
		a.rows++
	}
	rows.Close()
	return a, rows.Err()
}

// underWay is the context of what has been sent: it outlives its caller's, and
// the store, by the grace.
func (s *Store) underWay(ctx context.Context) (context.Context, context.CancelFunc) {
	run, cancel := context.WithCancel(s.life.hard)
	stop := context.AfterFunc(ctx, func() {
		t := time.AfterFunc(grace, cancel)
		context.AfterFunc(run, func() { t.Stop() })
	})
	return run, func() { stop(); cancel() }
}
