package pgstore_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/pgstore"
)

// onWire is a store behind a wire, warm, and a connection that counts what
// changes the row of each key.
func onWire(t *testing.T, query string) (*wire, *pgstore.Store, *pgx.Conn) {
	t.Helper()
	rawURL := newURL(t, query)
	w, through := newWire(t, rawURL)
	s := open(t, through)
	conn := bare(t, rawURL)
	exec(t, conn, `CREATE TABLE counted (id text, kind text)`)
	exec(t, conn, `CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$ BEGIN
		INSERT INTO counted VALUES (coalesce(NEW.id, OLD.id), TG_OP); RETURN NULL; END $$`)
	exec(t, conn, `CREATE TRIGGER count AFTER INSERT OR UPDATE OR DELETE ON holdfast FOR EACH ROW EXECUTE FUNCTION note_change()`)
	// The server prepares each statement at its first use.
	put(t, s, key("warm"), `0`)
	get(t, s, key("warm"))
	must(t, s.Apply(t.Context(), nil, []driver.Op{{Key: key("warm"), Data: []byte(`1`)}, {Key: key("warm2"), Data: []byte(`1`)}}))
	must(t, s.Delete(t.Context(), key("warm")))
	return w, s, conn
}

func changes(t *testing.T, conn *pgx.Conn, id string) int {
	t.Helper()
	return ask[int](t, conn, "SELECT count(*) FROM counted WHERE id = $1", id)
}

func cond(rec driver.Record) []driver.Cond { return []driver.Cond{{Key: rec.Key, Rev: rec.Rev}} }

// What is lost with its answer was done once, and is not done again.
func TestLostAnswer(t *testing.T) {
	for _, answer := range []bool{true, false} {
		name := map[bool]string{true: "the answer is lost", false: "the statement is lost"}[answer]
		t.Run(name, func(t *testing.T) {
			w, s, conn := onWire(t, "")
			ctx := t.Context()
			k := key("a")
			put(t, s, key("deleted"), `1`)
			for n, change := range []struct {
				name string
				do   func() error
			}{
				{"a Put that creates", func() error { return s.Put(ctx, k, []byte(`1`)) }},
				{"a Put that overwrites", func() error { return s.Put(ctx, k, []byte(`2`)) }},
				{"an Apply", func() error {
					return s.Apply(ctx, []driver.Cond{{Key: key("b"), Rev: ""}}, []driver.Op{{Key: k, Data: []byte(`3`)}})
				}},
				{"an Apply under a revision", func() error {
					rec := get(t, s, k)
					cut := w.next(answer, nil)
					err := s.Apply(ctx, cond(rec), []driver.Op{{Key: k, Data: []byte(`4`)}})
					<-cut
					return err
				}},
				{"a Delete", func() error { return s.Delete(ctx, k) }},
			} {
				var cut <-chan struct{}
				if change.name != "an Apply under a revision" {
					cut = w.next(answer, nil)
				}
				if err := change.do(); err != nil {
					t.Fatalf("%s: %v", change.name, err)
				}
				if cut != nil {
					<-cut
				}
				if got := changes(t, conn, "a"); got != n+1 {
					t.Fatalf("after %s the row was changed %d times, want %d", change.name, got, n+1)
				}
			}
			cut := w.next(answer, nil)
			must(t, s.Clear(ctx, k.Entity))
			<-cut
			if has, err := s.Has(ctx, key("deleted")); has || err != nil {
				t.Errorf("after Clear: %v, %v", has, err)
			}
			// What somebody puts right behind a Clear is not cleared again.
			put(t, s, key("deleted"), `2`)
			cut = w.next(answer, func() {
				if _, err := conn.Exec(context.Background(), "INSERT INTO holdfast VALUES ($1, 'fresh', '3')", k.Entity); answer && err != nil {
					t.Error(err)
				}
			})
			must(t, s.Clear(ctx, k.Entity))
			<-cut
			if has, err := s.Has(ctx, key("fresh")); has != answer || err != nil {
				t.Errorf("what was put behind Clear is there: %v, %v; want %v", has, err, answer)
			}
		})
	}
}

// If somebody else has changed the row meanwhile, nobody can know, and the error
// says so.
func TestLostAnswerAndOthers(t *testing.T) {
	w, s, conn := onWire(t, "")
	put(t, s, key("a"), `1`)
	cut := w.next(true, func() {
		if _, err := conn.Exec(context.Background(), `UPDATE holdfast SET data = '"by hand"' WHERE id = 'a'`); err != nil {
			t.Error(err)
		}
	})
	err := s.Put(t.Context(), key("a"), []byte(`2`))
	<-cut
	if !errors.Is(err, driver.ErrUnknown) {
		t.Errorf("Put: got error %v, want %v", err, driver.ErrUnknown)
	}
	if got := string(get(t, s, key("a")).Data); got != `"by hand"` {
		t.Errorf("the value is %s", got)
	}
	// An own put at the same time is as if it had come right behind.
	cut = w.next(true, func() { put(t, s, key("a"), `"right behind"`) })
	err = s.Put(t.Context(), key("a"), []byte(`3`))
	<-cut
	must(t, err)
	if got := string(get(t, s, key("a")).Data); got != `"right behind"` {
		t.Errorf("the value is %s", got)
	}
	// That somebody has removed it is a change as well.
	cut = w.next(true, func() {
		if _, err := conn.Exec(context.Background(), `DELETE FROM holdfast WHERE id = 'a'`); err != nil {
			t.Error(err)
		}
	})
	err = s.Put(t.Context(), key("a"), []byte(`4`))
	<-cut
	if !errors.Is(err, driver.ErrUnknown) {
		t.Errorf("Put: got error %v, want %v", err, driver.ErrUnknown)
	}
	if has, err := s.Has(t.Context(), key("a")); has || err != nil {
		t.Errorf("what was removed came back: %v, %v", has, err)
	}
}

// A statement that still waits in the server may yet be done: it is not repeated
// before it has ended.
func TestLostWhileWaiting(t *testing.T) {
	w, s, conn := onWire(t, "timeout=20s")
	put(t, s, key("a"), `1`)
	before := changes(t, conn, "a")
	hold, err := conn.Begin(t.Context())
	must(t, err)
	if _, err := hold.Exec(t.Context(), "SELECT FROM holdfast WHERE id = 'a' FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Put(context.Background(), key("a"), []byte(`2`)) }()
	waits(t, conn.Config().ConnString(), "wait_event_type = 'Lock'")
	w.deaf = true // the statement goes on waiting
	w.breakAll()
	waits(t, conn.Config().ConnString(), "query LIKE '%pg_stat_activity WHERE pid = $1%' AND pid <> pg_backend_pid()")
	must(t, hold.Commit(t.Context()))
	must(t, <-done)
	if got := changes(t, conn, "a"); got != before+1 {
		t.Errorf("it was put %d times", got-before)
	}
	if got := string(get(t, s, key("a")).Data); got != `2` {
		t.Errorf("the value is %s", got)
	}
}

// waits returns once there is a session of which that is true.
func waits(t *testing.T, connString, what string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), connString)
	must(t, err)
	defer conn.Close(context.Background())
	for end := time.Now().Add(10 * time.Second); !ask[bool](t, conn, "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE "+what+")"); {
		if time.Now().After(end) {
			t.Fatalf("there is no session with %s", what)
		}
		time.Sleep(time.Millisecond) // between two looks
	}
}
