// Package pgstore keeps values in a table of PostgreSQL: one row a value, which
// may be queried, and edited by hand.
//
//	holdfast   entity "signal/strategy-a", id "BTCUSDT", data {"priceOpen":…}, revision, updated_at
//
// When a call that changes something returns nil, the server has flushed the
// change to its disk (synchronous_commit is on whatever the server's default;
// what the server itself leaves out, such as fsync=off, is told in the report
// and in Properties, and refused with ?durability=require). With synchronous
// standbys, to theirs as well; without them, a failover to a standby may lose
// what was acknowledged last.
//
// Puts that wait at the same time travel together, in one statement and one
// flush, with no delay added. A change whose answer was lost is not repeated on
// suspicion: see fate.go. Where it cannot be found out what became of it, the
// error is driver.ErrUnknown.
//
// Importing the package registers the URL schemes "postgres:" and "postgresql:"
// (see [OpenURL]).
package pgstore

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/internal/watch"
)

// Store is an open table. It implements driver.Store and the capabilities
// Deleter, Lister, Applier (of any keys), Watcher, Recoverer, Checker, Describer
// and io.Closer.
type Store struct {
	*config
	names *names
	sql   *statements
	pool  *pgxpool.Pool
	at    string // for messages and Properties
	found survey // when it was opened

	life   life
	tokens tokens
	group  group
	gets   gets
	hub    watch.Hub
	listen listener
}

// The capabilities.
var (
	_ driver.Store     = (*Store)(nil)
	_ driver.Deleter   = (*Store)(nil)
	_ driver.Lister    = (*Store)(nil)
	_ driver.Applier   = (*Store)(nil)
	_ driver.Watcher   = (*Store)(nil)
	_ driver.Recoverer = (*Store)(nil)
	_ driver.Checker   = (*Store)(nil)
	_ driver.Describer = (*Store)(nil)
	_ io.Closer        = (*Store)(nil)
)

// OpenURL opens "postgres://USER:PASSWORD@HOST:PORT/DATABASE", makes the table
// where it is missing, and asks the server what it promises. The password may
// come from PGPASSWORD or ~/.pgpass instead. Parameters, after a question mark:
//
//	schema=NAME         of the table (default: the role's own, mostly public)
//	table=NAME          (holdfast)
//	mode=ro             for reading alone (rw)
//	timeout=D           of a call whose context has no deadline, and of each statement (10s)
//	durability=require  refuse a server on which acknowledged is not durable (report)
//	pooler=transaction  a pooler such as PgBouncer gives each transaction another
//	                    session: no prepared statements, no Watch (none)
//	pool_max_conns=N    connections at most (8); Watch has one of its own beside them
//
// The other pool_… parameters, host, port, user, password, dbname, passfile,
// service, servicefile, connect_timeout (5), target_session_attrs, all that
// concerns TLS (sslmode, sslrootcert, sslcert, sslkey, …) and authentication,
// application_name and options mean what they mean to pgx and libpq.
func OpenURL(ctx context.Context, u *url.URL, o driver.OpenOptions) (*Store, error) {
	c, err := parse(u, o)
	if err != nil {
		return nil, err
	}
	s := &Store{config: c}
	s.tokens.base = strings.ToLower(rand.Text()[:16])
	s.life.init()
	c.pool.AfterConnect = c.begin
	c.pool.PrepareConn = alive
	if s.pool, err = pgxpool.NewWithConfig(context.WithoutCancel(ctx), c.pool); err != nil {
		return nil, plain(err, c.pool.ConnConfig.Password)
	}
	ctx, cancel := s.limit(ctx)
	defer cancel()
	if err := s.prepare(ctx); err != nil {
		s.pool.Close()
		return nil, fmt.Errorf("%s: %w", c.place(), s.explain(err))
	}
	s.group.init(s)
	s.gets.init(s)
	s.listen.init(s)
	return s, nil
}

// alive takes a connection from the pool only if the server has not hung up
// meanwhile: it is seen without asking, and nothing was sent yet.
func alive(_ context.Context, conn *pgx.Conn) (bool, error) {
	return !hungUp(conn.PgConn().Conn()), nil
}

// prepare makes or finds the table, and asks what there is.
func (s *Store) prepare(ctx context.Context) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	schema := s.schema
	if schema == "" {
		if err := conn.QueryRow(ctx, "SELECT coalesce(current_schema(), 'public')").Scan(&schema); err != nil {
			return err
		}
	}
	s.names = newNames(schema, s.table)
	s.names.table = s.table
	if s.schema != "" {
		s.names.table = schema + "." + s.table
	}
	s.sql = newStatements(s.names)
	s.at = s.place() + " " + s.names.table
	if s.readOnly {
		err = s.names.existing(ctx, conn.Conn())
	} else {
		err = s.names.migrate(ctx, conn.Conn(), schema)
	}
	if err != nil {
		return err
	}
	return s.look(ctx, conn.Conn())
}

// look asks what the server and the table promise.
func (s *Store) look(ctx context.Context, conn *pgx.Conn) error {
	s.found.server = sessionOf(conn.PgConn()).server
	err := conn.QueryRow(ctx, "SELECT relpersistence = 'u' FROM pg_class WHERE oid = $1::text::regclass", s.names.in("{table}")).Scan(&s.found.unlogged)
	if err != nil {
		return err
	}
	for _, d := range s.found.doubts(s.found.unlogged) {
		s.log.Warn("not durable", "store", s.at, "why", d)
		if s.require && !s.readOnly {
			return fmt.Errorf("%s (refused by ?durability=require)", d)
		}
	}
	switch {
	case s.readOnly:
		return nil
	case s.found.standby:
		return fmt.Errorf("%w: the server is a standby: name its primary, or open for reading alone (?mode=ro)", driver.ErrReadOnly)
	case s.found.readOnly:
		return fmt.Errorf("%w: default_transaction_read_only is on for this role or database: open for reading alone (?mode=ro)", driver.ErrReadOnly)
	}
	_, err = conn.Exec(ctx, s.sql.prune)
	return err
}

// Init implements driver.Store: all entities share the table.
func (s *Store) Init(ctx context.Context, entity string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := driver.ValidateEntity(entity); err != nil {
		return err
	}
	return s.life.open()
}

// Properties implements driver.Describer.
func (s *Store) Properties() driver.Properties {
	doubts := s.found.doubts(s.found.unlogged)
	return driver.Properties{
		Backend: "postgres", Location: s.at, Durable: len(doubts) == 0, ExactBytes: true, AtomicClear: true,
		Batch: driver.BatchAny, Shared: true, ReadOnly: s.readOnly, MaxData: driver.MaxData, Notes: doubts,
	}
}

// Report implements driver.Recoverer: what the server does not promise. There is
// nothing that this end recovers.
func (s *Store) Report() driver.Report {
	return driver.Report{Findings: s.found.findings(s.at)}
}

// Close implements io.Closer. It waits for what is under way, for a second
// where that does not end by itself.
func (s *Store) Close() error {
	if s.life.end() {
		s.hub.Close()
		s.listen.wait()
		s.life.wait()
		s.pool.Close()
	}
	return nil
}

// life is whether the store is open, and who uses it.
type life struct {
	mu     sync.RWMutex
	closed bool
	users  sync.WaitGroup
	ctx    context.Context // ends with the store
	cancel context.CancelFunc
	hard   context.Context // ends when what is under way has had its grace
	stop   context.CancelFunc
}

func (l *life) init() {
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.hard, l.stop = context.WithCancel(context.Background())
}

func (l *life) open() error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return driver.ErrClosed
	}
	return nil
}

// enter begins a use; leave ends it.
func (l *life) enter() error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return driver.ErrClosed
	}
	l.users.Add(1)
	return nil
}

func (l *life) leave() { l.users.Done() }

// end closes, and tells whether it was the first to.
func (l *life) end() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.closed = true
	l.cancel()
	return true
}

// wait waits until nobody uses the store any more.
func (l *life) wait() {
	t := time.AfterFunc(grace, l.stop)
	defer t.Stop()
	l.users.Wait()
	l.stop()
}
