package pgstore

import "github.com/jackc/pgx/v5/pgxpool"

// HungUp is for connections without a server.
var HungUp = hungUp

// Bare is what a program without the store would use to do the same.
type Bare struct {
	Pool            *pgxpool.Pool
	Put, Get, Apply string
}

func (s *Store) Bare() Bare {
	return Bare{s.pool, s.sql.put, s.sql.get, s.sql.apply}
}
