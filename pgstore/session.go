package pgstore

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// session is what is known of the server's end of a connection.
type session struct {
	pid         uint32
	began       time.Time // when the server began it: tells it from another one with its pid
	incarnation time.Time // when the server itself began
	pooled      bool      // behind a pooler: pid and began say nothing
	horizon     uint64    // every transaction before it had ended

	server
}

const sessionKey = "holdfast"

// sessionOf returns what begin has found out.
func sessionOf(c *pgconn.PgConn) *session {
	s, _ := c.CustomData()[sessionKey].(*session)
	return s
}

// beginSession makes the settings of a session and asks the server what it is.
// synchronous_commit is left alone where it is more than "on": remote_apply. A
// plan is kept for the life of a session: one that was made while the table was
// small must not read all of it when it is large.
const beginSession = `SELECT pg_backend_pid(),
	coalesce((SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()), 'epoch'),
	pg_postmaster_start_time(), pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
	current_setting('server_version_num')::integer, current_setting('server_encoding'), pg_is_in_recovery(),
	current_setting('transaction_read_only')::boolean, current_setting('fsync')::boolean,
	current_setting('full_page_writes')::boolean,
	set_config('synchronous_commit', CASE WHEN current_setting('synchronous_commit') IN ('on', 'remote_apply')
		THEN current_setting('synchronous_commit') ELSE 'on' END, $1::boolean),
	set_config('statement_timeout', $2, $1), set_config('lock_timeout', $3, $1),
	set_config('idle_in_transaction_session_timeout', $2, $1), set_config('default_transaction_read_only', CASE WHEN $4::boolean THEN 'on' ELSE current_setting('default_transaction_read_only') END, $1),
	set_config('enable_seqscan', 'off', $1), set_config('jit', 'off', $1)`

// begin is called for each new connection. Behind a pooler the settings are
// made for one transaction, where they do nothing: each change makes them
// itself, see preamble.
func (c *config) begin(ctx context.Context, conn *pgx.Conn) error {
	s := &session{}
	var pid, version int32
	var horizon int64
	var ignored [6]string
	err := conn.QueryRow(ctx, beginSession, c.pooler, milliseconds(c.timeout), milliseconds(c.lockWait), c.readOnly).Scan(
		&pid, &s.began, &s.incarnation, &horizon, &version, &s.encoding, &s.standby, &s.readOnly, &s.fsync, &s.fullPages,
		&s.syncCommit, &ignored[0], &ignored[1], &ignored[2], &ignored[3], &ignored[4], &ignored[5])
	if err != nil {
		return fmt.Errorf("begin a session: %w", err)
	}
	s.pid, s.version, s.horizon = uint32(pid), int(version), uint64(horizon)
	s.pooled = c.pooler || s.pid != conn.PgConn().PID()
	conn.PgConn().CustomData()[sessionKey] = s
	return s.usable()
}

// preamble makes the settings of a change for its transaction alone.
const preamble = `SELECT set_config('synchronous_commit', CASE WHEN current_setting('synchronous_commit') IN ('on', 'remote_apply')
		THEN current_setting('synchronous_commit') ELSE 'on' END, true),
	set_config('statement_timeout', $1, true), set_config('lock_timeout', $2, true)`

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
