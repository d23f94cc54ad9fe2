package pgstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/internal/testserver"
)

func TestInvalidURL(t *testing.T) {
	for _, rawURL := range []string{
		"postgres://localhost/x?nonsense=1", "postgres://localhost/x?search_path=a", "postgres://localhost/x?synchronous_commit=off",
		"postgres://localhost/x?options=-csynchronous_commit=off", "postgres://localhost/x?default_query_exec_mode=simple_protocol",
		"postgres://localhost/x?schema=", "postgres://localhost/x?table=", "postgres://localhost/x?table=a'b",
		"postgres://localhost/x?table=" + strings.Repeat("t", 49), "postgres://localhost/x?timeout=1", "postgres://localhost/x?timeout=1ms",
		"postgres://localhost/x?durability=maybe", "postgres://localhost/x?pooler=1", "postgres://localhost/x?mode=w",
		"postgres://localhost/x?mode=ro&mode=ro", "postgres://localhost/x#y", "postgres:x", "postgresql://localhost/x?nonsense=1",
		"postgres://localhost/x?sslmode=perhaps", "postgres://localhost/x?pool_max_conns=none", "postgres://localhost/x?pool_max_conns=0",
		"postgres://localhost/x?sslrootcert=/nowhere/ca.pem&sslmode=verify-full", "postgres://localhost/x?target_session_attrs=some",
		"postgres://localhost/x?port=99999",
	} {
		if _, err := tryOpen(t.Context(), rawURL, driver.OpenOptions{}); !errors.Is(err, driver.ErrInvalidURL) {
			t.Errorf("%s: got error %v, want %v", rawURL, err, driver.ErrInvalidURL)
		}
	}
}

// A password is in no error and no log line, wherever it stands in the URL and
// whatever is wrong with the rest.
func TestPasswordStaysSecret(t *testing.T) {
	const secret = "hunter2-Zq"
	server := server(t)
	admin := bare(t, server.URL(""))
	exec(t, admin, fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD 'another one'", testserver.PostgresGuarded))
	for _, at := range []string{
		server.Addr + "/postgres", server.Addr + "/nowhere", "127.0.0.1:1/x", "127.0.0.1:none/x", "no.such.host.invalid/x",
		server.Addr + "/postgres?sslmode=verify-full", server.Addr + "/postgres?sslmode=perhaps", server.Addr + "/postgres?nonsense=1",
		server.Addr + "/postgres?sslcert=/nowhere&sslkey=/nowhere", "127.0.0.1:99999/x", "[::1/x", "%zz/x", server.Addr + "/%zz",
		server.Addr + "/postgres?pool_max_conns=x", server.Addr + "/postgres?connect_timeout=x", server.Addr + "/x?target_session_attrs=x",
	} {
		for _, rawURL := range []string{
			"postgres://guarded:" + secret + "@" + at,
			"postgres://guarded@" + at + map[bool]string{true: "&", false: "?"}[strings.Contains(at, "?")] + "password=" + secret,
			"postgres://guarded@" + at + map[bool]string{true: "&", false: "?"}[strings.Contains(at, "?")] + "sslpassword=" + secret,
		} {
			var log bytes.Buffer
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			_, err := tryOpen(ctx, rawURL, driver.OpenOptions{Logger: slog.New(slog.NewTextHandler(&log, nil))})
			cancel()
			if err == nil {
				t.Errorf("%s opened", rawURL)
			}
			for e := err; e != nil; e = errors.Unwrap(e) {
				if text := fmt.Sprintf("%v %+v %#v", e, e, e) + log.String(); strings.Contains(text, secret) {
					t.Errorf("%s: the password stands in\n%s", at, text)
				}
			}
		}
	}
}

// The right password opens, from the URL or from the environment.
func TestPassword(t *testing.T) {
	server := server(t)
	admin := bare(t, server.URL(""))
	const secret = "p@ss/w:rd %41"
	exec(t, admin, "DROP ROLE IF EXISTS guarded")
	exec(t, admin, "CREATE ROLE guarded LOGIN PASSWORD '"+secret+"'")
	exec(t, admin, "CREATE SCHEMA guarded AUTHORIZATION guarded")
	u := &url.URL{Scheme: "postgresql", User: url.UserPassword("guarded", secret), Host: server.Addr, Path: "/postgres", RawQuery: "schema=guarded"}
	s := open(t, u.String())
	put(t, s, key("a"), `1`)
	if at := s.Properties().Location; strings.Contains(at, "p@ss") || !strings.Contains(at, server.Addr) {
		t.Errorf("Properties.Location is %s", at)
	}
	t.Setenv("PGPASSWORD", secret)
	u.User = url.User("guarded")
	if got := string(get(t, open(t, u.String()), key("a")).Data); got != `1` {
		t.Errorf("got %s", got)
	}
}

// A server that is not there, or that hangs, is an error in time.
func TestTimeLimits(t *testing.T) {
	server := testserver.StartPostgres(t)
	rawURL := server.URL("timeout=300ms&connect_timeout=1")
	s := open(t, rawURL)
	put(t, s, key("a"), `1`)
	server.Kill()
	began := time.Now()
	for name, call := range map[string]func() error{
		"Get":    func() error { _, err := s.Get(context.Background(), key("a")); return err },
		"Has":    func() error { _, err := s.Has(context.Background(), key("a")); return err },
		"Put":    func() error { return s.Put(context.Background(), key("a"), []byte(`2`)) },
		"Delete": func() error { return s.Delete(context.Background(), key("a")) },
		"Apply":  func() error { return s.Apply(context.Background(), nil, []driver.Op{{Key: key("a"), Delete: true}}) },
		"Open":   func() error { _, err := tryOpen(context.Background(), rawURL, driver.OpenOptions{}); return err },
		"IDs": func() error {
			for _, err := range s.IDs(context.Background(), "signal/strategy-a") {
				return err
			}
			return nil
		},
		"Watch": func() error {
			for _, err := range s.Watch(context.Background(), "signal/strategy-a") {
				return err
			}
			return nil
		},
	} {
		err := call()
		if err == nil || errors.Is(err, driver.ErrNotFound) || errors.Is(err, driver.ErrDamaged) {
			t.Errorf("%s without a server: %v", name, err)
		}
		if name != "Open" && !errors.Is(err, driver.ErrUnknown) && !strings.Contains(err.Error(), "refused") && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s does not say why: %v", name, err)
		}
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("eight calls with a limit of 300 ms took %v", took)
	}
	server.Restart()
	if got := string(get(t, s, key("a")).Data); got != `1` {
		t.Errorf("the value is %s", got)
	}
}
