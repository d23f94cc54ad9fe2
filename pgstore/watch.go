package pgstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast-go/holdfast/driver"
)

// The times of watching. The server is told for a minute that somebody watches,
// so that a watcher that dies is forgotten.
const (
	beat      = 20 * time.Second
	beatLimit = 5 * time.Second // of a beat's own statement
)

// Watch implements driver.Watcher. One connection beside the pool listens for
// all watchers. When it breaks it is made anew, for as long as somebody watches,
// and then what has changed since is told. Behind a pooler that gives each
// transaction another session nobody can listen: errors.ErrUnsupported.
func (s *Store) Watch(ctx context.Context, entity string) iter.Seq2[driver.Change, error] {
	if err := first(ctx.Err(), driver.ValidateEntity(entity), s.life.open()); err != nil {
		return failed(err)
	}
	watching, stop := context.WithCancel(ctx)
	changes := s.hub.Watch(watching, entity) // before the listener, which may hear at once
	if err := s.listen.begin(ctx, entity); err != nil {
		stop()
		return failed(s.explain(err))
	}
	var once sync.Once
	leave := func() { once.Do(func() { s.listen.leave(entity) }) }
	context.AfterFunc(watching, leave) // of a sequence that is never run, too
	return func(yield func(driver.Change, error) bool) {
		defer stop()
		for c, err := range changes {
			if !yield(c, err) {
				return
			}
		}
	}
}

func failed(err error) iter.Seq2[driver.Change, error] {
	return func(yield func(driver.Change, error) bool) { yield(driver.Change{}, err) }
}

// listener is the one connection that listens. It lives while somebody watches.
type listener struct {
	s       *Store
	mu      sync.Mutex
	watched map[string]int
	now     *listening // nil while nobody watches
	running sync.WaitGroup
}

// listening is one life of the listener.
type listening struct {
	cancel context.CancelFunc
	ready  chan struct{} // closed when it listens for the first time, or cannot
	err    error         // why it cannot
}

func (l *listener) init(s *Store) { l.s, l.watched = s, map[string]int{} }

// begin returns once changes of the entity are heard.
func (l *listener) begin(ctx context.Context, entity string) error {
	ctx, cancel := l.s.limit(ctx)
	defer cancel()
	l.mu.Lock()
	if l.s.life.ctx.Err() != nil {
		l.mu.Unlock()
		return driver.ErrClosed
	}
	l.watched[entity]++
	if l.now == nil {
		run, stop := context.WithCancel(l.s.life.ctx)
		l.now = &listening{cancel: stop, ready: make(chan struct{})}
		now := l.now
		l.running.Go(func() { l.listen(run, now) })
	}
	now := l.now
	l.mu.Unlock()
	var err error
	select {
	case <-now.ready:
		err = now.err
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		l.leave(entity)
	}
	return err
}

// leave ends the listening when nobody watches any more.
func (l *listener) leave(entity string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.watched[entity]--; l.watched[entity] == 0 {
		delete(l.watched, entity)
	}
	if len(l.watched) == 0 && l.now != nil {
		l.now.cancel()
		l.now = nil
	}
}

func (l *listener) wait() { l.running.Wait() }

// listen listens until ctx ends, over one connection after another. since is the
// first transaction of which it is not certain that it was told.
func (l *listener) listen(ctx context.Context, now *listening) {
	var since uint64
	for attempt := 0; ; attempt++ {
		err := l.overOne(ctx, now, &since)
		if ctx.Err() == nil && since == 0 && (judge(err) == refused || errors.Is(err, errors.ErrUnsupported)) {
			l.giveUp(now, err)
			return
		}
		if since != 0 && err == nil {
			attempt = 0
		}
		if l.s.pause(ctx, attempt) != nil {
			l.giveUp(now, driver.ErrClosed)
			return
		}
	}
}

// giveUp tells those who wait for the first success that there will be none.
func (l *listener) giveUp(now *listening, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-now.ready:
	default:
		now.err = err
		close(now.ready)
	}
	if l.now == now {
		l.now = nil
	}
}

// overOne listens over one connection until it breaks. Its error is nil if it
// did listen.
func (l *listener) overOne(ctx context.Context, now *listening, since *uint64) error {
	conn, err := l.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	horizon, err := l.register(ctx, conn)
	if err != nil {
		return err
	}
	if *since == 0 {
		*since = horizon
		close(now.ready)
	} else if err := l.tellSince(ctx, conn, *since); err != nil {
		return err
	} else {
		l.s.log.Info("watching again", "store", l.s.at)
	}
	for ctx.Err() == nil {
		if err := l.hear(ctx, conn); err != nil {
			break
		}
		next, err := l.beat(ctx, conn, *since)
		if err != nil {
			break
		}
		// What had ended before the last beat was told before this one was
		// answered.
		*since, horizon = horizon, next
	}
	return nil
}

func (l *listener) connect(ctx context.Context) (*pgx.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, l.s.config.pool.ConnConfig.Copy())
	if err != nil {
		return nil, err
	}
	bounded, cancel := context.WithTimeout(ctx, beatLimit)
	defer cancel()
	err = l.s.begin(bounded, conn)
	if err == nil && sessionOf(conn.PgConn()).pooled {
		err = fmt.Errorf("%w: a pooler between here and the server does not pass on what the server tells", errors.ErrUnsupported)
	}
	if err == nil {
		_, err = conn.Exec(bounded, "SET default_transaction_read_only = off") // to say that somebody watches
	}
	if err == nil {
		_, err = conn.Exec(bounded, "LISTEN "+l.s.names.channel)
	}
	if err != nil {
		conn.Close(context.WithoutCancel(ctx))
		return nil, err
	}
	return conn, nil
}

// register says that somebody watches. If nobody did before, it waits until
// those who are changing something have ended, and holds up new ones for that
// moment: they have looked whether somebody watches, and would tell nobody.
func (l *listener) register(ctx context.Context, conn *pgx.Conn) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, beatLimit)
	defer cancel()
	var horizon int64
	err := conn.QueryRow(ctx, l.s.sql.renew).Scan(&horizon)
	if err == nil || !errors.Is(err, pgx.ErrNoRows) {
		return uint64(horizon), err
	}
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, l.s.names.in("LOCK TABLE {table} IN SHARE MODE")); err != nil {
			return err
		}
		return tx.QueryRow(ctx, l.s.sql.register).Scan(&horizon)
	})
	return uint64(horizon), err
}

// beat says again that somebody watches. If that had lapsed, something may have
// changed untold.
func (l *listener) beat(ctx context.Context, conn *pgx.Conn, since uint64) (uint64, error) {
	bounded, cancel := context.WithTimeout(ctx, beatLimit)
	defer cancel()
	var horizon int64
	err := conn.QueryRow(bounded, l.s.sql.renew).Scan(&horizon)
	if !errors.Is(err, pgx.ErrNoRows) {
		return uint64(horizon), err
	}
	again, err := l.register(ctx, conn)
	if err != nil {
		return 0, err
	}
	return again, l.tellSince(ctx, conn, since)
}

// hear passes on what the server tells until the next beat.
func (l *listener) hear(ctx context.Context, conn *pgx.Conn) error {
	until, cancel := context.WithTimeout(ctx, beat)
	defer cancel()
	for {
		n, err := conn.WaitForNotification(until)
		switch {
		case err != nil && until.Err() != nil && ctx.Err() == nil:
			return nil
		case err != nil:
			return err
		}
		if k, deleted, ok := parseNotice(n.Payload); ok {
			l.s.hub.Publish(k, deleted)
		}
	}
}

// parseNotice reads what is told of a change: p or d, the length of the entity,
// a colon, entity and id. Anybody may send what is none.
func parseNotice(payload string) (k driver.Key, deleted, ok bool) {
	if payload == "" || payload[0] != 'p' && payload[0] != 'd' {
		return k, false, false
	}
	length, rest, found := strings.Cut(payload[1:], ":")
	n, err := strconv.ParseUint(length, 10, 31)
	if !found || err != nil || n > uint64(len(rest)) {
		return k, false, false
	}
	k = driver.Key{Entity: rest[:n], ID: rest[n:]}
	return k, payload[0] == 'd', driver.ValidateKey(k) == nil
}

// tellSince tells of all that has changed from a transaction on, and may have
// been told before.
func (l *listener) tellSince(ctx context.Context, conn *pgx.Conn, since uint64) error {
	l.mu.Lock()
	var entities []string
	for e := range l.watched {
		entities = append(entities, e)
	}
	l.mu.Unlock()
	for _, entity := range entities {
		rows, err := conn.Query(ctx, l.s.sql.since, entity, int64(since))
		if err != nil {
			return err
		}
		var kind, id string
		_, err = pgx.ForEachRow(rows, []any{&kind, &id}, func() error {
			l.s.hub.Publish(driver.Key{Entity: entity, ID: id}, kind == "d")
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
