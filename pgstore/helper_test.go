package pgstore_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/internal/testserver"
	"github.com/holdfast-go/holdfast/pgstore"
)

// shared is one server for all tests that do it no harm. Each has a schema of
// its own.
var shared struct {
	sync.Once
	server *testserver.Postgres
	t      *main
}

func server(t testing.TB) *testserver.Postgres {
	t.Helper()
	testserver.NeedPostgres(t)
	shared.Do(func() { shared.server = testserver.StartPostgres(shared.t) })
	if shared.server == nil {
		t.Fatal("the server did not start: see the first test that needs it")
	}
	return shared.server
}

var schemas atomic.Int64

// newURL is that of a schema in which there is nothing yet.
func newURL(t testing.TB, query string) string {
	t.Helper()
	return server(t).URL(fmt.Sprintf("schema=s%d&%s", schemas.Add(1), query))
}

// open opens a store and closes it when the test ends.
func open(t testing.TB, rawURL string) *pgstore.Store {
	t.Helper()
	s, err := tryOpen(t.Context(), rawURL, driver.OpenOptions{})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

func tryOpen(ctx context.Context, rawURL string, o driver.OpenOptions) (*pgstore.Store, error) {
	d, err := driver.Open(ctx, rawURL, o)
	if err != nil {
		return nil, err
	}
	return d.(*pgstore.Store), nil
}

// bare connects without the store.
func bare(t testing.TB, rawURL string) *pgx.Conn {
	t.Helper()
	u, err := url.Parse(rawURL)
	must(t, err)
	schema := u.Query().Get("schema")
	u.RawQuery = ""
	conn, err := pgx.Connect(t.Context(), u.String())
	must(t, err)
	t.Cleanup(func() { conn.Close(context.Background()) })
	if schema != "" {
		exec(t, conn, "SET search_path = "+pgx.Identifier{schema}.Sanitize())
	}
	return conn
}

func exec(t testing.TB, conn *pgx.Conn, sql string, args ...any) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// ask returns the one value that a query gives.
func ask[T any](t testing.TB, conn *pgx.Conn, sql string, args ...any) T {
	t.Helper()
	var v T
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func put(t testing.TB, s driver.Store, k driver.Key, data string) {
	t.Helper()
	must(t, s.Put(t.Context(), k, []byte(data)))
}

func get(t testing.TB, s driver.Store, k driver.Key) driver.Record {
	t.Helper()
	rec, err := s.Get(t.Context(), k)
	must(t, err)
	return rec
}

func key(id string) driver.Key { return driver.Key{Entity: "signal/strategy-a", ID: id} }

// main stands in for a test while the shared server starts and when all is over.
type main struct {
	testing.TB // nil: what is not below is not called
	cleanups   []func()
	failed     bool
}

func (m *main) Helper()                 {}
func (m *main) Cleanup(f func())        { m.cleanups = append(m.cleanups, f) }
func (m *main) Failed() bool            { return m.failed }
func (m *main) Logf(f string, a ...any) { fmt.Fprintf(os.Stderr, f+"\n", a...) }
func (m *main) Error(a ...any)          { m.failed = true; fmt.Fprintln(os.Stderr, a...) }
func (m *main) Errorf(f string, a ...any) {
	m.failed = true
	m.Logf(f, a...)
}
func (m *main) Fatal(a ...any)            { panic(strings.TrimSpace(fmt.Sprintln(a...))) }
func (m *main) Fatalf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }
func (m *main) Skipf(f string, a ...any)  { panic(fmt.Sprintf(f, a...)) }

func TestMain(m *testing.M) {
	shared.t = &main{}
	code := m.Run()
	for _, f := range shared.t.cleanups {
		f()
	}
	if shared.t.failed && code == 0 {
		code = 1
	}
	os.Exit(code)
}

// bareOf connects for a clean-up, when the test's context has ended.
func bareOf(t testing.TB, rawURL string) *pgx.Conn {
	t.Helper()
	u, err := url.Parse(rawURL)
	must(t, err)
	u.RawQuery, u.User = "", url.User("postgres")
	conn, err := pgx.Connect(context.Background(), u.String())
	must(t, err)
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}
