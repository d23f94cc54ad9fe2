package pgstore

import (
	"context"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast-go/holdfast/driver"
)

// groupGets is how many values are read together.
const groupGets = 128

// gets lets reads that wait at the same time travel together, as group does puts:
// one that finds a slot free travels alone, at once. Half of the pool's
// connections are slots, so that reads leave some to changes.
type gets struct {
	s       *Store
	slots   int
	mu      sync.Mutex
	busy    int
	waiting []*getter
}

// getter is a read that waits.
type getter struct {
	rec  driver.Record // with the key alone at first
	ctx  context.Context
	done chan error
}

func (g *gets) init(s *Store) { g.s, g.slots = s, max(1, int(s.config.pool.MaxConns)/2) }

func (g *gets) get(ctx context.Context, k driver.Key) (driver.Record, error) {
	g.mu.Lock()
	if g.busy < g.slots {
		g.busy++
		g.mu.Unlock()
		defer g.release()
		return g.s.getAlone(ctx, k)
	}
	w := &getter{rec: driver.Record{Key: k}, ctx: ctx, done: make(chan error, 1)}
	g.waiting = append(g.waiting, w)
	g.mu.Unlock()
	ctx, cancel := g.s.limit(ctx)
	defer cancel()
	select {
	case err := <-w.done:
		return w.rec, err
	case <-ctx.Done():
		g.withdraw(w)
		return driver.Record{}, g.s.tooLate(w.ctx, nil)
	}
}

func (g *gets) withdraw(w *getter) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(g.waiting, w); i >= 0 {
		g.waiting = slices.Delete(g.waiting, i, i+1)
	}
}

// release gives the slot to those who wait, or back.
func (g *gets) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := min(len(g.waiting), groupGets)
	if n == 0 {
		g.busy--
		return
	}
	together := slices.Clone(g.waiting[:n])
	g.waiting = slices.Delete(g.waiting, 0, n)
	g.s.life.users.Add(1) // whoever gives the slot is a user: it is not zero
	go func() {
		defer g.s.life.leave()
		g.together(together)
		g.release()
	}()
}

// together reads several values as one statement. If that fails each is read
// alone: one of them may be damaged.
func (g *gets) together(ws []*getter) {
	entities, ids := make([]string, len(ws)), make([]string, len(ws))
	for i, w := range ws {
		entities[i], ids[i] = w.rec.Key.Entity, w.rec.Key.ID
	}
	found := make([]*driver.Record, len(ws))
	ctx, cancel := context.WithTimeout(g.s.life.ctx, g.s.timeout)
	defer cancel()
	err := g.s.onConn(ctx, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, g.s.sql.gets, entities, ids)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var n int
			rec := &driver.Record{}
			if err := rows.Scan(&n, &rec.Data, &rec.Rev, &rec.ModTime); err != nil {
				return err
			}
			rec.Key = ws[n-1].rec.Key
			found[n-1] = rec
		}
		return rows.Err()
	})
	for i, w := range ws {
		switch {
		case err != nil:
			g.alone(w)
		case found[i] == nil:
			w.rec = driver.Record{}
			w.done <- driver.ErrNotFound
		default:
			rec, err := g.s.record(*found[i], nil)
			w.rec = rec
			w.done <- err
		}
	}
}

func (g *gets) alone(w *getter) {
	g.s.life.users.Add(1) // as in release
	go func() {
		defer g.s.life.leave()
		rec, err := g.s.getAlone(w.ctx, w.rec.Key)
		w.rec = rec
		w.done <- err
	}()
}
