package pgstore_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/storetest"
)

// TestStore judges the store against the real server.
func TestStore(t *testing.T) {
	var urls sync.Map // store → URL
	reopen := func(t *testing.T, rawURL string) driver.Store {
		s := open(t, rawURL)
		urls.Store(s, rawURL)
		return s
	}
	storetest.Run(t, func(t *testing.T) driver.Store { return reopen(t, newURL(t, "")) }, &storetest.Options{
		Reopen: func(t *testing.T, s driver.Store) driver.Store {
			rawURL, _ := urls.Load(s)
			must(t, s.(interface{ Close() error }).Close())
			return reopen(t, rawURL.(string))
		},
		Damage: func(t *testing.T, s driver.Store, k driver.Key) driver.Store {
			rawURL, _ := urls.Load(s)
			damage(t, bare(t, rawURL.(string)), k)
			return s
		},
	})
}

// damage makes a value unreadable as a bad disk does: it is made so large that
// the server keeps it in pieces beside the table, and then a piece is gone.
func damage(t *testing.T, conn *pgx.Conn, k driver.Key) {
	t.Helper()
	exec(t, conn, "CREATE EXTENSION IF NOT EXISTS pg_surgery SCHEMA public")
	exec(t, conn, `UPDATE holdfast SET data = to_json((SELECT string_agg(md5(n::text || clock_timestamp()), '') FROM generate_series(1, 300) n))
		WHERE entity = $1 AND id = $2`, k.Entity, k.ID)
	toast := ask[string](t, conn, "SELECT reltoastrelid::regclass::text FROM pg_class WHERE oid = 'holdfast'::regclass")
	piece := ask[string](t, conn, fmt.Sprintf("SELECT ctid::text FROM %s ORDER BY chunk_id DESC, chunk_seq LIMIT 1", toast))
	exec(t, conn, fmt.Sprintf("SELECT public.heap_force_kill('%s'::regclass, ARRAY['%s']::tid[])", toast, piece))
	_, err := conn.Exec(t.Context(), "SELECT data::text FROM holdfast WHERE entity = $1 AND id = $2", k.Entity, k.ID)
	if err == nil || !strings.Contains(err.Error(), "XX001") {
		t.Fatalf("the server reads what was damaged: %v", err)
	}
}
