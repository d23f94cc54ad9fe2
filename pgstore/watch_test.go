package pgstore_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/internal/testserver"
	"github.com/holdfast-go/holdfast/pgstore"
)

const patience = 20 * time.Second

// told waits until each id of want was told in the state that it is to have.
func told(t *testing.T, next func() (driver.Change, error, bool), want map[string]bool) {
	t.Helper()
	got := map[string]bool{}
	for len(want) > 0 {
		c, err, ok := next()
		if err != nil || !ok {
			t.Fatalf("told of %v, not of %v (true: removed), then: %v", got, want, err)
		}
		got[c.Key.ID] = c.Deleted
		if deleted, ok := want[c.Key.ID]; ok && deleted == c.Deleted {
			delete(want, c.Key.ID)
		}
	}
}

func watch(t *testing.T, s *pgstore.Store) (next func() (driver.Change, error, bool)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	next, stop := iter.Pull2(s.Watch(ctx, "signal/strategy-a"))
	t.Cleanup(func() { stop(); cancel() })
	return next
}

// What is done by hand has a new revision, is a change for those who wait, and
// is told to those who watch.
func TestByHand(t *testing.T) {
	rawURL := newURL(t, "")
	s := open(t, rawURL)
	conn := bare(t, rawURL)
	put(t, s, key("a"), `1`)
	next := watch(t, s)
	seen := map[string]bool{get(t, s, key("a")).Rev: true}
	for _, sql := range []string{
		`UPDATE holdfast SET data = '2' WHERE id = 'a'`,
		`UPDATE holdfast SET data = '2' WHERE id = 'a'`,
		`INSERT INTO holdfast (entity, id, data) VALUES ('signal/strategy-a', 'a', '3') ON CONFLICT (entity, id) DO UPDATE SET data = excluded.data`,
		`UPDATE holdfast SET updated_at = 'epoch' WHERE id = 'a'`,
	} {
		before := get(t, s, key("a"))
		exec(t, conn, sql)
		told(t, next, map[string]bool{"a": false})
		after := get(t, s, key("a"))
		if seen[after.Rev] || after.Rev == "" {
			t.Errorf("after %s the revision %q is an old one", sql, after.Rev)
		}
		seen[after.Rev] = true
		if since := time.Since(after.ModTime); since > time.Hour || since < -time.Hour {
			t.Errorf("after %s it was changed at %v", sql, after.ModTime)
		}
		if err := s.Apply(t.Context(), cond(before), []driver.Op{{Key: key("a"), Data: []byte(`4`)}}); !errors.Is(err, driver.ErrConflict) {
			t.Errorf("after %s: got error %v, want %v", sql, err, driver.ErrConflict)
		}
	}
	exec(t, conn, `INSERT INTO holdfast (entity, id, data) VALUES ('signal/strategy-a', 'new', '{"by": "hand"}')`)
	told(t, next, map[string]bool{"new": false})
	if rec := get(t, s, key("new")); string(rec.Data) != `{"by": "hand"}` || rec.Rev == "" {
		t.Errorf("got %+v", rec)
	}
	exec(t, conn, `UPDATE holdfast SET id = 'renamed' WHERE id = 'new'`)
	told(t, next, map[string]bool{"new": true, "renamed": false})
	exec(t, conn, `DELETE FROM holdfast WHERE id = 'renamed'`)
	told(t, next, map[string]bool{"renamed": true})
	exec(t, conn, `TRUNCATE holdfast`)
	told(t, next, map[string]bool{"a": true})
	if _, err := s.Get(t.Context(), key("a")); !errors.Is(err, driver.ErrNotFound) {
		t.Errorf("got error %v, want %v", err, driver.ErrNotFound)
	}
	for _, sql := range []string{
		`INSERT INTO holdfast (entity, id, data) VALUES ('e', '', '1')`, `INSERT INTO holdfast (entity, id, data) VALUES ('', 'a', '1')`,
		`INSERT INTO holdfast (entity, id, data) VALUES ('e', 'a', '{')`, `INSERT INTO holdfast (entity, id) VALUES ('e', 'a')`,
	} {
		if _, err := conn.Exec(t.Context(), sql); err == nil {
			t.Errorf("the table takes %s", sql)
		}
	}
}

// Two processes hear of each other's changes.
func TestWatchOther(t *testing.T) {
	rawURL := newURL(t, "")
	s, other := open(t, rawURL), open(t, rawURL)
	next := watch(t, s)
	put(t, other, key("a"), `1`)
	told(t, next, map[string]bool{"a": false})
	must(t, other.Delete(t.Context(), key("a")))
	told(t, next, map[string]bool{"a": true})
}

// What changes while nobody can listen is told when somebody can again: what was
// made, changed, removed, and what was made and removed again.
func TestWatchGoesOn(t *testing.T) {
	server := testserver.StartPostgres(t)
	s := open(t, server.URL(""))
	for _, id := range []string{"changed", "removed", "stays", "remade"} {
		put(t, s, key(id), `1`)
	}
	next := watch(t, s)
	put(t, s, key("first"), `1`)
	told(t, next, map[string]bool{"first": false})
	server.Kill()
	server.Restart()
	// Over a connection of another store, which the watcher's may be behind.
	other := open(t, server.URL(""))
	put(t, other, key("made"), `1`)
	put(t, other, key("changed"), `2`)
	must(t, other.Delete(t.Context(), key("removed")))
	must(t, other.Delete(t.Context(), key("remade")))
	put(t, other, key("remade"), `2`)
	put(t, other, key("gone"), `1`)
	must(t, other.Delete(t.Context(), key("gone")))
	told(t, next, map[string]bool{"made": false, "changed": false, "removed": true, "remade": false, "gone": true})
	put(t, s, key("last"), `1`)
	told(t, next, map[string]bool{"last": false})
}

// A connection that is cut is made anew, and what it missed is told.
func TestWatchCut(t *testing.T) {
	rawURL := newURL(t, "")
	w, through := newWire(t, rawURL)
	s, other := open(t, through), open(t, rawURL)
	next := watch(t, s)
	for i := range 5 {
		w.breakAll()
		id := fmt.Sprint("k", i)
		put(t, other, key(id), `1`)
		put(t, other, key(id+"-gone"), `1`)
		must(t, other.Delete(t.Context(), key(id+"-gone")))
		told(t, next, map[string]bool{id: false, id + "-gone": true})
	}
}

// While nobody watches nobody is told: a NOTIFY has a price.
func TestNobodyWatches(t *testing.T) {
	rawURL := newURL(t, "")
	s := open(t, rawURL)
	conn := bare(t, rawURL)
	channel := ask[string](t, conn, `SELECT substring(prosrc FROM 'holdfast_[0-9a-f]{16}') FROM pg_proc WHERE proname = 'holdfast_tell' AND pronamespace = current_schema()::regnamespace`)
	exec(t, conn, "LISTEN "+channel)
	put(t, s, key("a"), `1`)
	must(t, s.Delete(t.Context(), key("a")))
	exec(t, conn, `INSERT INTO holdfast (entity, id, data) VALUES ('e', 'a', '1')`)
	exec(t, conn, "SELECT pg_notify('"+channel+"', 'the end')")
	if n := notice(t, conn); n != "the end" {
		t.Errorf("told of %q while nobody watched", n)
	}
	next := watch(t, s)
	for _, garbage := range []string{"the end", "", "p", "p99:a", "p-1:a", "p1:", "px:y", "p4294967297:a"} {
		exec(t, conn, "SELECT pg_notify($1, $2)", channel, garbage)
	}
	put(t, s, key("a"), `1`)
	told(t, next, map[string]bool{"a": false})
}

func notice(t *testing.T, conn *pgx.Conn) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	n, err := conn.WaitForNotification(ctx)
	must(t, err)
	return n.Payload
}

// Watching that begins waits for those who have begun to change something, so
// that none of them is missed.
func TestWatchBeginsAmongWriters(t *testing.T) {
	rawURL := newURL(t, "")
	s := open(t, rawURL)
	conn := bare(t, rawURL)
	tx, err := conn.Begin(t.Context())
	must(t, err)
	_, err = tx.Exec(t.Context(), `INSERT INTO holdfast (entity, id, data) VALUES ('signal/strategy-a', 'before', '1')`)
	must(t, err)
	begun := make(chan func() (driver.Change, error, bool), 1)
	go func() { begun <- watch(t, s) }()
	select {
	case <-begun:
		t.Fatal("watching began beside somebody who changes something and tells nobody")
	case <-time.After(50 * time.Millisecond):
	}
	must(t, tx.Commit(t.Context()))
	next := <-begun
	put(t, s, key("after"), `1`)
	told(t, next, map[string]bool{"after": false})
}
