package pgstore_test

import (
	"context"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast"
	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/internal/testserver"
	"github.com/holdfast-go/holdfast/storetest"
)

// What a server does not promise is told, and refused where durability is
// required.
func TestDoubts(t *testing.T) {
	weak := testserver.StartPostgres(t, "fsync=off", "full_page_writes=off", "synchronous_commit=off")
	s := open(t, weak.URL(""))
	p, report := s.Properties(), s.Report()
	notes := strings.Join(p.Notes, "; ")
	if p.Durable || !strings.Contains(notes, "fsync is off") || !strings.Contains(notes, "full_page_writes is off") {
		t.Errorf("Properties: %+v", p)
	}
	if strings.Contains(notes, "synchronous_commit") {
		t.Errorf("the store does not set synchronous_commit: %s", notes)
	}
	if len(report.Findings) != 2 || report.Damaged() != 0 || report.Findings[0].Problem != driver.ProblemServer {
		t.Errorf("Report: %+v", report)
	}
	if _, err := tryOpen(t.Context(), weak.URL("durability=require"), driver.OpenOptions{}); err == nil || !strings.Contains(err.Error(), "fsync is off") {
		t.Errorf("with durability=require: %v", err)
	}

	rawURL := newURL(t, "durability=require")
	strong := open(t, rawURL)
	if p := strong.Properties(); !p.Durable || len(p.Notes) > 0 || len(strong.Report().Findings) > 0 {
		t.Errorf("Properties of a durable server: %+v", p)
	}
	exec(t, bare(t, rawURL), "ALTER TABLE holdfast SET UNLOGGED")
	if _, err := tryOpen(t.Context(), rawURL, driver.OpenOptions{}); err == nil || !strings.Contains(err.Error(), "UNLOGGED") {
		t.Errorf("with durability=require: %v", err)
	}
}

// The commit of each change is synchronous whatever the role's default, and more
// than that where the role says so.
func TestSynchronousCommit(t *testing.T) {
	for role, want := range map[string]string{"off": "on", "local": "on", "remote_write": "on", "on": "on", "remote_apply": "remote_apply"} {
		t.Run(role, func(t *testing.T) {
			rawURL := newURL(t, "")
			must(t, open(t, rawURL).Close())
			admin := bare(t, rawURL)
			exec(t, admin, "CREATE TABLE seen (setting text)")
			exec(t, admin, `CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$ BEGIN
				INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$`)
			exec(t, admin, "CREATE TRIGGER look AFTER INSERT OR UPDATE OR DELETE ON holdfast FOR EACH STATEMENT EXECUTE FUNCTION look()")
			exec(t, admin, "ALTER ROLE postgres SET synchronous_commit = "+role)
			t.Cleanup(func() {
				bareOf(t, rawURL).Exec(context.Background(), "ALTER ROLE postgres RESET synchronous_commit")
			})
			for _, query := range []string{"", "&pooler=transaction"} {
				s := open(t, rawURL+query)
				put(t, s, key("a"), `1`)
				must(t, s.Apply(t.Context(), nil, []driver.Op{{Key: key("a"), Data: []byte(`2`)}, {Key: key("b"), Data: []byte(`2`)}}))
				must(t, s.Delete(t.Context(), key("a")))
				must(t, s.Clear(t.Context(), "signal/strategy-a"))
			}
			exec(t, admin, "ALTER ROLE postgres RESET synchronous_commit")
			if n := ask[int](t, admin, "SELECT count(*) FROM seen"); n < 8 {
				t.Errorf("%d changes were seen", n)
			}
			if n := ask[int](t, admin, "SELECT count(*) FROM seen WHERE setting <> $1", want); n > 0 {
				t.Errorf("%d changes were made under another synchronous_commit than %s", n, want)
			}
		})
	}
}

// What fails in the commit itself is no acknowledgement.
func TestCommitFails(t *testing.T) {
	rawURL := newURL(t, "")
	s := open(t, rawURL)
	put(t, s, key("a"), `1`)
	conn := bare(t, rawURL)
	exec(t, conn, `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not today'; END $$`)
	exec(t, conn, `CREATE CONSTRAINT TRIGGER refuse AFTER INSERT OR UPDATE OR DELETE ON holdfast
		DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()`)
	for name, err := range map[string]error{
		"Put":    s.Put(t.Context(), key("a"), []byte(`2`)),
		"Apply":  s.Apply(t.Context(), nil, []driver.Op{{Key: key("a"), Data: []byte(`2`)}, {Key: key("b"), Data: []byte(`2`)}}),
		"Delete": s.Delete(t.Context(), key("a")),
		"Clear":  s.Clear(t.Context(), "signal/strategy-a"),
	} {
		if err == nil || !strings.Contains(err.Error(), "not today") {
			t.Errorf("%s: got error %v, want what the commit says", name, err)
		}
	}
	if got := string(get(t, s, key("a")).Data); got != `1` {
		t.Errorf("the value is %s", got)
	}
}

func TestReadOnly(t *testing.T) {
	rawURL := newURL(t, "")
	put(t, open(t, rawURL), key("a"), `{"a":1}`)
	for _, x := range []struct {
		query string
		o     *holdfast.Options
	}{{"", &holdfast.Options{ReadOnly: true}}, {"&mode=ro", nil}} {
		s, err := holdfast.Open(t.Context(), rawURL+x.query, x.o)
		must(t, err)
		storetest.ReadOnly(t, s, key("a"))
		must(t, s.Close())
	}
	// A server that takes no changes is found when it is opened, or later.
	s := open(t, rawURL)
	conn := bare(t, rawURL)
	exec(t, conn, "ALTER ROLE postgres SET default_transaction_read_only = on")
	defer bareOf(t, rawURL).Exec(context.Background(), "ALTER ROLE postgres RESET default_transaction_read_only")
	if _, err := tryOpen(t.Context(), rawURL, driver.OpenOptions{}); err == nil || !strings.Contains(err.Error(), "mode=ro") {
		t.Errorf("opened where nothing may be changed: %v", err)
	}
	exec(t, conn, "SET default_transaction_read_only = off")
	exec(t, conn, "ALTER ROLE postgres RESET default_transaction_read_only")
	put(t, s, key("a"), `2`)
}
