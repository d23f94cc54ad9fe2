package testserver

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Postgres is a PostgreSQL server of a test's own. Its superuser is postgres,
// and everybody on this machine is trusted but [PostgresGuarded].
type Postgres struct {
	*Process
	Addr string // 127.0.0.1:PORT
	Dir  string // its data directory
	Bin  string // where its programs lie
	user account
}

// PostgresGuarded is a role that the server asks for its password (it has none
// before a test makes it).
const PostgresGuarded = "guarded"

// StartPostgres makes a new cluster and starts it, with settings such as
// "fsync=off" over the defaults: it is durable, checksums its pages, and
// listens on a free port of 127.0.0.1 alone.
func StartPostgres(t testing.TB, settings ...string) *Postgres {
	t.Helper()
	p := &Postgres{Bin: postgresBin(t), user: unprivileged(t)}
	port := FreePort(t)
	p.Addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	dir := p.user.tempDir(t)
	p.Dir = filepath.Join(dir, "data")
	p.initDB(t)
	args := []string{"-D", p.Dir, "-p", strconv.Itoa(port)}
	for _, s := range append([]string{
		"listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=150", "shared_buffers=64MB",
		"fsync=on", "full_page_writes=on", "synchronous_commit=on", "max_prepared_transactions=0",
		"log_min_messages=warning", "log_min_error_statement=panic", "lc_messages=C",
	}, settings...) {
		args = append(args, "-c", s)
	}
	p.Process = Start(t, Spec{Program: filepath.Join(p.Bin, "postgres"), Args: args, Dir: dir, Ready: p.ready, Prepare: p.user.become})
	return p
}

// NeedPostgres ends the test with testtool.Missing where there is no server.
func NeedPostgres(t testing.TB) {
	t.Helper()
	postgresBin(t)
}

// postgresBin finds the newest server: Debian keeps them apart from PATH.
func postgresBin(t testing.TB) string {
	t.Helper()
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres"); len(found) > 0 {
		newest := slices.MaxFunc(found, func(a, b string) int { return postgresVersion(a) - postgresVersion(b) })
		return filepath.Dir(newest)
	}
	return filepath.Dir(Find(t, "postgres", "postgresql"))
}

// postgresVersion is the number in /usr/lib/postgresql/15/bin/postgres.
func postgresVersion(program string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(program)))) // 0: not such a path
	return n
}

func (p *Postgres) initDB(t testing.TB) {
	t.Helper()
	cmd := exec.Command(filepath.Join(p.Bin, "initdb"), "-D", p.Dir, "-U", "postgres", "-A", "trust",
		"-E", "UTF8", "--locale", "C", "--no-sync")
	cmd.Dir = filepath.Dir(p.Dir)
	p.user.become(cmd)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	access := filepath.Join(p.Dir, "pg_hba.conf")
	trust, err := os.ReadFile(access)
	if err != nil {
		t.Fatal(err)
	}
	guarded := fmt.Appendf(nil, "host all %s 127.0.0.1/32 scram-sha-256\n", PostgresGuarded)
	if err := os.WriteFile(access, append(guarded, trust...), 0o600); err != nil {
		t.Fatal(err)
	}
}

// URL is that of the database postgres, with a query such as "schema=x" or
// none.
func (p *Postgres) URL(query string) string {
	return (&url.URL{Scheme: "postgres", User: url.User("postgres"), Host: p.Addr, Path: "/postgres", RawQuery: query}).String()
}

// Kill ends the server and all its processes with SIGKILL, and waits for their
// end.
func (p *Postgres) Kill() {
	if !p.Running() {
		return
	}
	children := p.haltChildren()
	p.Process.Kill()
	children.kill()
}

// ready begins a session and waits for the word that it may be used.
func (p *Postgres) ready(ctx context.Context) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.Addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if end, ok := ctx.Deadline(); ok {
		conn.SetDeadline(end)
	}
	const words = "user\x00postgres\x00database\x00postgres\x00\x00"
	message := binary.BigEndian.AppendUint32(nil, uint32(8+len(words)))
	message = binary.BigEndian.AppendUint32(message, 3<<16)
	if _, err := conn.Write(append(message, words...)); err != nil {
		return err
	}
	for {
		kind, body, err := postgresMessage(conn)
		switch {
		case err != nil:
			return err
		case kind == 'E':
			return fmt.Errorf("postgres answers %q", strings.ReplaceAll(string(body), "\x00", " "))
		case kind == 'Z':
			return nil
		}
	}
}

// postgresMessage reads one message: its kind, the length of all but the kind,
// and the rest.
func postgresMessage(r io.Reader) (kind byte, body []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n < 4 || n > 1<<16 {
		return 0, nil, fmt.Errorf("postgres answers with a message of %d bytes", n)
	}
	body = make([]byte, n-4)
	_, err = io.ReadFull(r, body)
	return head[0], body, err
}
