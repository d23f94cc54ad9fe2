package pgstore_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast-go/holdfast/driver"
	"github.com/holdfast-go/holdfast/pgstore"
)

// Many that open an empty database at once make one table.
func TestOpenedByMany(t *testing.T) {
	rawURL := newURL(t, "pool_max_conns=2")
	var all sync.WaitGroup
	errs := make([]error, 16)
	for i := range errs {
		all.Go(func() {
			s, err := tryOpen(context.Background(), rawURL, driver.OpenOptions{})
			if err == nil {
				err = errors.Join(s.Put(context.Background(), key(fmt.Sprint(i)), []byte(`1`)), s.Close())
			}
			errs[i] = err
		})
	}
	all.Wait()
	must(t, errors.Join(errs...))
	n := 0
	for _, err := range open(t, rawURL).IDs(t.Context(), "signal/strategy-a") {
		must(t, err)
		n++
	}
	if n != len(errs) {
		t.Errorf("%d of %d values are there", n, len(errs))
	}
}

// A role that may make nothing uses what somebody else has made.
func TestNoPrivilege(t *testing.T) {
	rawURL := newURL(t, "")
	admin := bare(t, rawURL)
	u, err := url.Parse(rawURL)
	must(t, err)
	schema := u.Query().Get("schema")
	exec(t, admin, "DROP ROLE IF EXISTS plain")
	exec(t, admin, "CREATE ROLE plain LOGIN")
	exec(t, admin, "CREATE SCHEMA "+schema)
	exec(t, admin, "GRANT USAGE ON SCHEMA "+schema+" TO plain")
	t.Cleanup(func() {
		bare := bareOf(t, rawURL)
		bare.Exec(context.Background(), "DROP OWNED BY plain")
		bare.Exec(context.Background(), "DROP ROLE plain")
		bare.Close(context.Background())
	})
	u.User = url.User("plain")
	_, err = tryOpen(t.Context(), u.String(), driver.OpenOptions{})
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "pgstore.Schema") {
		t.Errorf("without a table: got error %v, want %v and the way out", err, fs.ErrPermission)
	}
	ddl, err := pgstore.Schema(schema, "holdfast")
	must(t, err)
	if _, err := admin.PgConn().Exec(t.Context(), ddl).ReadAll(); err != nil {
		t.Fatal(err)
	}
	exec(t, admin, "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "+schema+" TO plain")
	s := open(t, u.String())
	put(t, s, key("a"), `1`)
	must(t, s.Apply(t.Context(), []driver.Cond{{Key: key("b")}}, []driver.Op{{Key: key("b"), Data: []byte(`1`)}}))
	must(t, s.Delete(t.Context(), key("a")))

	// Who may only read and write the table itself can still edit it by hand.
	exec(t, admin, "REVOKE ALL ON holdfast_meta, holdfast_removed FROM plain")
	exec(t, admin, "SET ROLE plain")
	exec(t, admin, `UPDATE holdfast SET data = '2'`)
	exec(t, admin, `DELETE FROM holdfast`)
	exec(t, admin, "RESET ROLE")
}

func TestForeignSchema(t *testing.T) {
	for _, x := range []struct{ name, sql, want string }{
		{"a newer version", "UPDATE holdfast_meta SET version = 2", "version 2 of the schema"},
		{"a foreign table", "ALTER TABLE holdfast_meta RENAME TO other", "was not made by Holdfast"},
	} {
		t.Run(x.name, func(t *testing.T) {
			rawURL := newURL(t, "")
			must(t, open(t, rawURL).Close())
			exec(t, bare(t, rawURL), x.sql)
			for _, readOnly := range []bool{false, true} {
				_, err := tryOpen(t.Context(), rawURL, driver.OpenOptions{ReadOnly: readOnly})
				if err == nil || !strings.Contains(err.Error(), x.want) {
					t.Errorf("read-only %v: got error %v, want %q", readOnly, err, x.want)
				}
			}
		})
	}
	_, err := tryOpen(t.Context(), newURL(t, ""), driver.OpenOptions{ReadOnly: true})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("opening nothing for reading: got error %v, want %v", err, fs.ErrNotExist)
	}
}

// Two stores in one schema, and names that SQL would take for something else.
func TestTableNames(t *testing.T) {
	rawURL := newURL(t, "")
	for i, table := range []string{"holdfast", "Holdfast", "bot state", `a"b`, "{meta}", "select", "ü"} {
		s := open(t, rawURL+"&table="+url.QueryEscape(table))
		put(t, s, key("a"), fmt.Sprint(i))
		must(t, s.Apply(t.Context(), []driver.Cond{{Key: key("b")}}, []driver.Op{{Key: key("b"), Data: []byte(`1`)}}))
		must(t, s.Delete(t.Context(), key("b")))
		must(t, s.Close())
		if got := string(get(t, open(t, rawURL+"&table="+url.QueryEscape(table)), key("a")).Data); got != fmt.Sprint(i) {
			t.Errorf("table %s: got %s", table, got)
		}
	}
}
