package pgstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast-go/holdfast/driver"
)

// Get implements driver.Store.
func (s *Store) Get(ctx context.Context, k driver.Key) (driver.Record, error) {
	if err := first(ctx.Err(), driver.ValidateKey(k)); err != nil {
		return driver.Record{}, err
	}
	if err := s.life.enter(); err != nil {
		return driver.Record{}, err
	}
	defer s.life.leave()
	return s.gets.get(ctx, k)
}

// getAlone reads one value.
func (s *Store) getAlone(ctx context.Context, k driver.Key) (driver.Record, error) {
	rec := driver.Record{Key: k}
	err := s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, s.sql.get, k.Entity, k.ID).Scan(&rec.Data, &rec.Rev, &rec.ModTime)
	})
	return s.record(rec, err)
}

// record is what Get answers.
func (s *Store) record(rec driver.Record, err error) (driver.Record, error) {
	if err == nil && len(rec.Data) > driver.MaxData {
		err = &driver.DamagedError{Path: s.names.table + " " + rec.Key.String(), Reason: tooLarge(len(rec.Data))}
	}
	if err != nil {
		return driver.Record{}, s.ofValue(rec.Key, err)
	}
	return rec, nil
}

// Has implements driver.Store. The server reads the value, to tell a damaged one
// from a good one.
func (s *Store) Has(ctx context.Context, k driver.Key) (bool, error) {
	if err := first(ctx.Err(), driver.ValidateKey(k)); err != nil {
		return false, err
	}
	var size int64
	err := s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, s.sql.has, k.Entity, k.ID).Scan(&size)
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return false, nil
	case err == nil && size > driver.MaxData:
		err = &driver.DamagedError{Path: s.names.table + " " + k.String(), Reason: tooLarge(int(size))}
	}
	if err != nil {
		return false, s.ofValue(k, err)
	}
	return true, nil
}

func tooLarge(size int) string {
	return fmt.Sprintf("%d bytes, written by another hand: %d is the limit", size, int64(driver.MaxData))
}

// ofValue puts an error of reading a value in the words of the contract.
func (s *Store) ofValue(k driver.Key, err error) error {
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return driver.ErrNotFound
	case isDamage(err):
		return s.damaged(k, err)
	}
	return s.explain(err)
}

// read runs f, which only reads, on a connection, and again on another one for
// as long as there is hope and time.
func (s *Store) read(ctx context.Context, f func(context.Context, *pgx.Conn) error) error {
	if err := s.life.enter(); err != nil { // again where Get has: its caller may have gone
		return err
	}
	defer s.life.leave()
	caller := ctx
	ctx, cancel := s.limit(ctx)
	defer cancel()
	var last error
	for attempt := 0; ; attempt++ {
		err := s.onConn(ctx, func(conn *pgx.Conn) error { return f(ctx, conn) })
		switch {
		case err == nil, errors.Is(err, pgx.ErrNoRows), judge(err) == refused:
			return err
		case ctx.Err() == nil || last == nil:
			last = err
		}
		if err := s.pause(ctx, attempt); err != nil {
			if errors.Is(err, driver.ErrClosed) {
				return err
			}
			return s.tooLate(caller, last)
		}
	}
}

// onConn runs f on a connection of the pool.
func (s *Store) onConn(ctx context.Context, f func(*pgx.Conn) error) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", errNoConnection, err)
	}
	defer conn.Release()
	return f(conn.Conn())
}

// first returns the first of errs that is an error.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// columns are the two halves of keys, as the server takes them.
func columns(keys []driver.Key) (entities, ids []string) {
	entities, ids = make([]string, len(keys)), make([]string, len(keys))
	for i, k := range keys {
		entities[i], ids[i] = k.Entity, k.ID
	}
	return entities, ids
}
