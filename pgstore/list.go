package pgstore

import (
	"context"
	"errors"
	"iter"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast-go/holdfast/driver"
)

// page is how many names are read at a time. No connection is held while the
// consumer has the word.
const page = 1000

// IDs implements driver.Lister: a moving state, page by page.
func (s *Store) IDs(ctx context.Context, entity string) iter.Seq2[string, error] {
	return s.list(ctx, driver.ValidateEntity(entity), func(ctx context.Context, conn *pgx.Conn, after string) (pgx.Rows, error) {
		return conn.Query(ctx, s.sql.ids, entity, after, page)
	})
}

// Entities implements driver.Lister: a moving state, page by page.
func (s *Store) Entities(ctx context.Context) iter.Seq2[string, error] {
	return s.list(ctx, nil, func(ctx context.Context, conn *pgx.Conn, after string) (pgx.Rows, error) {
		return conn.Query(ctx, s.sql.entities, after, page)
	})
}

type pageQuery func(ctx context.Context, conn *pgx.Conn, after string) (pgx.Rows, error)

func (s *Store) list(ctx context.Context, invalid error, query pageQuery) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		err := first(ctx.Err(), invalid, s.life.open())
		for after := ""; err == nil; {
			var names []string
			if names, err = s.page(ctx, query, after); err != nil {
				break
			}
			for _, name := range names {
				if err = ctx.Err(); err != nil {
					break
				}
				if !yield(name, nil) {
					return
				}
			}
			if err == nil && len(names) < page {
				return
			}
			if len(names) > 0 {
				after = names[len(names)-1]
			}
		}
		yield("", err)
	}
}

func (s *Store) page(ctx context.Context, query pageQuery, after string) (names []string, err error) {
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := query(ctx, conn, after)
		if err == nil {
			names, err = pgx.CollectRows(rows, pgx.RowTo[string])
		}
		return err
	})
	if err != nil && !errors.Is(err, driver.ErrClosed) {
		err = s.explain(err)
	}
	return names, err
}
