package pgstore

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast-go/holdfast/driver"
)

// Check implements driver.Checker: the server reads every value. One that it
// cannot read is damage; that it is JSON the server has seen to when it was
// written.
func (s *Store) Check(ctx context.Context, progress func(values int)) (driver.Report, error) {
	if err := first(ctx.Err(), s.life.open()); err != nil {
		return driver.Report{}, err
	}
	r := driver.Report{Findings: s.found.findings(s.at)}
	var last driver.Key
	for {
		keys, err := s.checkPage(ctx, last, &r)
		if err != nil {
			return driver.Report{}, s.explain(err)
		}
		for _, k := range keys {
			if k.Entity != last.Entity {
				r.Entities++
			}
			last = k
		}
		r.Values += len(keys)
		if progress != nil {
			progress(r.Values)
		}
		if len(keys) < page {
			return r, nil
		}
	}
}

// checkPage checks the values behind last, all at once, and one by one if one of
// them cannot be read.
func (s *Store) checkPage(ctx context.Context, last driver.Key, r *driver.Report) ([]driver.Key, error) {
	sizes, keys, err := s.sizes(ctx, s.sql.check, last)
	if err == nil {
		for i, size := range sizes {
			if size > driver.MaxData {
				r.Findings = append(r.Findings, s.finding(keys[i], driver.ProblemTooLarge, tooLarge(int(size))))
			}
		}
		return keys, nil
	}
	if !isDamage(err) {
		return nil, err
	}
	if _, keys, err = s.sizes(ctx, s.sql.checkKeys, last); err != nil {
		return nil, err
	}
	for _, k := range keys {
		_, err := s.Has(ctx, k)
		var d *driver.DamagedError
		switch {
		case errors.As(err, &d):
			r.Findings = append(r.Findings, s.finding(k, driver.ProblemInvalid, d.Reason))
		case err != nil:
			return nil, err
		}
	}
	return keys, nil
}

func (s *Store) finding(k driver.Key, p driver.Problem, detail string) driver.Finding {
	return driver.Finding{Entity: k.Entity, ID: k.ID, Path: s.at, Problem: p, Detail: detail, Action: driver.ActionNone, Time: time.Now()}
}

func (s *Store) sizes(ctx context.Context, sql string, last driver.Key) (sizes []int64, keys []driver.Key, err error) {
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, sql, last.Entity, last.ID, page)
		if err != nil {
			return err
		}
		sizes, keys = nil, nil
		var k driver.Key
		var size int64
		_, err = pgx.ForEachRow(rows, []any{&k.Entity, &k.ID, &size}, func() error {
			sizes, keys = append(sizes, size), append(keys, k)
			return nil
		})
		return err
	})
	return sizes, keys, err
}
