package pgstore

import (
	"context"
	"errors"
	"iter"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast-go/holdfast/driver"
)

// How much Scan reads at a time: it begins with a few values, and goes on with as
// many as have room, if they are like those before.
const (
	scanFirst = 32
	scanBytes = 4 << 20
)

// found is what Scan yields.
type found struct {
	rec driver.Record
	err error // ErrDamaged, or ErrNotFound of what was removed since it was listed
}

// Scan implements driver.Scanner: a moving state, page by page. No connection is
// held while the consumer has the word.
func (s *Store) Scan(ctx context.Context, entity string) iter.Seq2[driver.Record, error] {
	return func(yield func(driver.Record, error) bool) {
		err := first(ctx.Err(), driver.ValidateEntity(entity), s.life.open())
		for after, n := "", scanFirst; err == nil; {
			var some []found
			if some, err = s.some(ctx, entity, after, n); err != nil {
				break
			}
			size := 0
			for _, f := range some {
				size += len(f.rec.Data)
				if f.err != driver.ErrNotFound && !yield(f.rec, f.err) {
					return
				}
			}
			if len(some) < n {
				return
			}
			after = some[n-1].rec.Key.ID
			n = min(max(1, scanBytes/max(1, size/n)), page)
		}
		yield(driver.Record{}, err)
	}
}

// some reads n values behind an id. Where one of them is damaged the server
// answers with that alone: then each is read for itself.
func (s *Store) some(ctx context.Context, entity, after string, n int) ([]found, error) {
	var some []found
	err := s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		some = some[:0]
		rows, err := conn.Query(ctx, s.sql.scan, entity, after, n)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			f := found{rec: driver.Record{Key: driver.Key{Entity: entity}}}
			if err := rows.Scan(&f.rec.Key.ID, &f.rec.Data, &f.rec.Rev, &f.rec.ModTime); err != nil {
				return err
			}
			some = append(some, f)
		}
		return rows.Err()
	})
	switch {
	case isDamage(err):
		return s.oneByOne(ctx, entity, after, n)
	case err != nil && !errors.Is(err, driver.ErrClosed):
		return nil, s.explain(err)
	}
	for i := range some {
		some[i].judge(s.record(some[i].rec, nil))
	}
	return some, err
}

// oneByOne is some of values of which one is damaged at least.
func (s *Store) oneByOne(ctx context.Context, entity, after string, n int) ([]found, error) {
	ids, err := s.page(ctx, func(ctx context.Context, conn *pgx.Conn, after string) (pgx.Rows, error) {
		return conn.Query(ctx, s.sql.ids, entity, after, n)
	}, after)
	if err != nil {
		return nil, err
	}
	some := make([]found, 0, len(ids))
	for _, id := range ids {
		f := found{rec: driver.Record{Key: driver.Key{Entity: entity, ID: id}}}
		f.judge(s.getAlone(ctx, f.rec.Key))
		if f.err != nil && f.err != driver.ErrNotFound && !errors.Is(f.err, driver.ErrDamaged) {
			return nil, f.err
		}
		some = append(some, f)
	}
	return some, nil
}

// judge takes what is to be yielded of a value whose key is known.
func (f *found) judge(rec driver.Record, err error) {
	if f.err = err; err != nil {
		f.rec = driver.Record{Key: f.rec.Key}
		return
	}
	f.rec = rec
}
