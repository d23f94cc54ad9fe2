package pgstore

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// schemaVersion is what this code works with. A change of the statements below
// is a new version with a step of its own in migrate.
const schemaVersion = 1

// createV1 is everything that a store has in the database.
//
// The table holds the values. data is of type json and not jsonb: json keeps
// the text byte for byte, \u0000 and lone surrogates included. The collation
// "C" is the byte order of listings. A row that is written by hand gets a
// revision of its own, and is told to those who watch.
//
// _meta holds the version of all this, and until when somebody watches: a NOTIFY
// makes commits wait for each other, so that nobody sends one for nobody.
//
// _removed holds what was removed of late, so that a lost answer to a removal
// can be found out, and a watcher whose connection broke misses none. Rows go
// after a day.
//
// _apply changes several values under conditions, in one round trip. It answers
// null where a condition does not hold. A value that must be absent is made, as
// a row with an empty revision that nobody else ever sees, and removed again:
// so nobody else can make one before this transaction ends.
//
// _doc gives a value as jsonb, for queries. What jsonb cannot hold in a text
// (U+0000, half of a surrogate pair) becomes U+FFFD; what it cannot hold at all
// is null.
const createV1 = `
CREATE TABLE {table} (
	entity     text COLLATE "C" NOT NULL CHECK (octet_length(entity) BETWEEN 1 AND 1024),
	id         text COLLATE "C" NOT NULL CHECK (octet_length(id) BETWEEN 1 AND 1024),
	data       json NOT NULL,
	revision   text COLLATE "C" NOT NULL DEFAULT 'sql-' || gen_random_uuid(),
	updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	PRIMARY KEY (entity, id)
) WITH (fillfactor = 80);
COMMENT ON TABLE {table} IS 'The values of a Holdfast store. Rows may be read and edited by hand.';

CREATE TABLE {meta} (
	one           boolean PRIMARY KEY DEFAULT true CHECK (one),
	version       integer NOT NULL,
	watched_until timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO {meta} (version) VALUES (1);

CREATE TABLE {removed} (
	entity      text COLLATE "C" NOT NULL,
	id          text COLLATE "C" NOT NULL,
	revision    text COLLATE "C" NOT NULL,
	transaction xid8 NOT NULL,
	removed_at  timestamptz NOT NULL,
	PRIMARY KEY (entity, id)
);
CREATE INDEX ON {removed} (removed_at);

CREATE FUNCTION {edited}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.revision := 'sql-' || gen_random_uuid();
	NEW.updated_at := clock_timestamp();
	RETURN NEW;
END $$;
CREATE TRIGGER holdfast_edited BEFORE UPDATE ON {table}
	FOR EACH ROW WHEN (NEW.revision = OLD.revision) EXECUTE FUNCTION {edited}();

CREATE FUNCTION {tell}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF TG_OP = 'UPDATE' AND (NEW.entity, NEW.id) <> (OLD.entity, OLD.id) THEN
		INSERT INTO {removed} VALUES (OLD.entity, OLD.id, NEW.revision, pg_current_xact_id(), clock_timestamp())
			ON CONFLICT (entity, id) DO UPDATE SET revision = excluded.revision,
				transaction = excluded.transaction, removed_at = excluded.removed_at;
		PERFORM pg_notify('{channel}', 'd' || octet_length(OLD.entity) || ':' || OLD.entity || OLD.id)
			FROM {meta} WHERE one AND watched_until > clock_timestamp();
	END IF;
	PERFORM pg_notify('{channel}', 'p' || octet_length(NEW.entity) || ':' || NEW.entity || NEW.id)
		FROM {meta} WHERE one AND watched_until > clock_timestamp();
	RETURN NULL;
END $$;
CREATE TRIGGER holdfast_tell AFTER INSERT OR UPDATE ON {table}
	FOR EACH ROW WHEN (NEW.revision <> '' AND NEW.revision NOT LIKE 'hf-%') EXECUTE FUNCTION {tell}();

CREATE FUNCTION {bury}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	INSERT INTO {removed}
		SELECT entity, id, coalesce(nullif(current_setting('holdfast.token', true), ''), 'sql-' || gen_random_uuid()),
			pg_current_xact_id(), clock_timestamp()
		FROM gone WHERE revision <> '' ORDER BY entity, id
		ON CONFLICT (entity, id) DO UPDATE SET revision = excluded.revision,
			transaction = excluded.transaction, removed_at = excluded.removed_at;
	PERFORM pg_notify('{channel}', 'd' || octet_length(entity) || ':' || entity || id)
		FROM gone, {meta} WHERE one AND watched_until > clock_timestamp() AND revision <> '';
	RETURN NULL;
END $$;
CREATE TRIGGER holdfast_bury AFTER DELETE ON {table}
	REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION {bury}();

CREATE FUNCTION {bury_all}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	INSERT INTO {removed}
		SELECT entity, id, 'sql-' || gen_random_uuid(), pg_current_xact_id(), clock_timestamp() FROM {table}
		ON CONFLICT (entity, id) DO UPDATE SET revision = excluded.revision,
			transaction = excluded.transaction, removed_at = excluded.removed_at;
	PERFORM pg_notify('{channel}', 'd' || octet_length(entity) || ':' || entity || id)
		FROM {table}, {meta} WHERE one AND watched_until > clock_timestamp();
	RETURN NULL;
END $$;
CREATE TRIGGER holdfast_bury_all BEFORE TRUNCATE ON {table}
	FOR EACH STATEMENT EXECUTE FUNCTION {bury_all}();

CREATE FUNCTION {apply}(token text, cond_entities text[], cond_ids text[], cond_revisions text[], cond_stays boolean[],
	put_entities text[], put_ids text[], put_data text[], del_entities text[], del_ids text[])
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	held bigint;
	there bigint;
	made bigint;
	absent CONSTANT bigint := (SELECT count(*) FROM unnest(cond_revisions) r WHERE r = '');
BEGIN
	-- Locks are taken in one order, so that those who change the same values wait and do not deadlock.
	PERFORM FROM {table} t JOIN unnest(cond_entities, cond_ids, cond_stays) c (e, i, stays) ON t.entity = c.e AND t.id = c.i
		WHERE c.stays ORDER BY t.entity, t.id FOR SHARE OF t;
	PERFORM FROM {table} t JOIN unnest(put_entities || del_entities, put_ids || del_ids) o (e, i) ON t.entity = o.e AND t.id = o.i
		ORDER BY t.entity, t.id FOR UPDATE OF t;
	-- The sum reads every value: a damaged one is an error, whatever the condition.
	SELECT count(*) FILTER (WHERE t.revision = c.r), count(*) FILTER (WHERE c.r = ''), sum(octet_length(t.data::text))
		INTO held, there, made
		FROM {table} t JOIN unnest(cond_entities, cond_ids, cond_revisions) c (e, i, r) ON t.entity = c.e AND t.id = c.i;
	IF there > 0 OR held < cardinality(cond_revisions) - absent THEN
		RETURN NULL;
	END IF;
	IF absent > 0 THEN
		INSERT INTO {table} SELECT e, i, 'null', '', clock_timestamp()
			FROM unnest(cond_entities, cond_ids, cond_revisions) c (e, i, r) WHERE r = ''
			ORDER BY e COLLATE "C", i COLLATE "C" ON CONFLICT (entity, id) DO NOTHING;
		GET DIAGNOSTICS made = ROW_COUNT;
	END IF;
	IF absent > 0 AND made < absent THEN
		DELETE FROM {table} t USING unnest(cond_entities, cond_ids) c (e, i) WHERE t.entity = c.e AND t.id = c.i AND t.revision = '';
		RETURN NULL;
	END IF;
	INSERT INTO {table} AS t SELECT e, i, d::json, token, clock_timestamp()
		FROM unnest(put_entities, put_ids, put_data) p (e, i, d)
		ON CONFLICT (entity, id) DO UPDATE SET data = excluded.data, revision = excluded.revision, updated_at = excluded.updated_at;
	IF cardinality(del_entities) > 0 THEN
		PERFORM set_config('holdfast.token', token, true);
		DELETE FROM {table} t USING unnest(del_entities, del_ids) d (e, i) WHERE t.entity = d.e AND t.id = d.i;
	END IF;
	IF absent > 0 THEN
		DELETE FROM {table} t USING unnest(cond_entities, cond_ids) c (e, i) WHERE t.entity = c.e AND t.id = c.i AND t.revision = '';
	END IF;
	PERFORM pg_notify('{channel}', 'p' || octet_length(e) || ':' || e || i)
		FROM unnest(put_entities, put_ids) p (e, i), {meta} WHERE one AND watched_until > clock_timestamp();
	RETURN pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
END $$;

CREATE FUNCTION {doc}(data json) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
	RETURN data::jsonb;
EXCEPTION WHEN untranslatable_character OR invalid_text_representation OR numeric_value_out_of_range THEN
	BEGIN
		RETURN regexp_replace(regexp_replace(regexp_replace(data::text,
			'(?<!\\)((?:\\\\)*)\\u0000', '\1\\ufffd', 'g'),
			'(\\u[dD][89abAB][[:xdigit:]]{2})(?!\\u[dD][c-fC-F][[:xdigit:]]{2})', '\\ufffd', 'g'),
			'(?<!\\u[dD][89abAB][[:xdigit:]]{2})(\\u[dD][c-fC-F][[:xdigit:]]{2})', '\\ufffd', 'g')::jsonb;
	EXCEPTION WHEN untranslatable_character OR invalid_text_representation OR numeric_value_out_of_range THEN
		RETURN NULL;
	END;
END $$;
`

// Schema returns the statements that make what a store needs, for an
// administrator to run where the store's own role may not. The role needs USAGE
// of the schema, and SELECT, INSERT, UPDATE and DELETE of the three tables.
func Schema(schema, table string) (string, error) {
	if err := checkTable(table); err != nil {
		return "", err
	}
	return newNames(schema, table).in(createV1), nil
}

// maxTable leaves room for what is put behind the name: the server cuts names
// at 63 bytes.
const maxTable = 48

func checkTable(table string) error {
	switch {
	case table == "":
		return errors.New("the name of the table is empty")
	case len(table) > maxTable:
		return fmt.Errorf("the name of the table has %d bytes: %d is the limit", len(table), maxTable)
	case strings.ContainsAny(table, "\x00'\\"):
		return errors.New("the name of the table has a quote, a backslash or U+0000")
	}
	return nil
}

// names are those of all that a store has in the database, quoted.
type names struct {
	schema  string // as they are
	name    string
	table   string // for people
	replace *strings.Replacer
	channel string
	lock    int64 // of the advisory lock under which everything is made
}

func newNames(schema, table string) *names {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d:%s%s", len(schema), schema, table)
	n := &names{schema: schema, name: table, table: schema + "." + table, channel: fmt.Sprintf("holdfast_%016x", h.Sum64()), lock: int64(h.Sum64())}
	quoted := func(suffix string) string { return pgx.Identifier{schema, table + suffix}.Sanitize() }
	n.replace = strings.NewReplacer(
		"{table}", quoted(""), "{meta}", quoted("_meta"), "{removed}", quoted("_removed"),
		"{edited}", quoted("_edited"), "{tell}", quoted("_tell"), "{bury}", quoted("_bury"), "{bury_all}", quoted("_bury_all"),
		"{apply}", quoted("_apply"), "{doc}", quoted("_doc"), "{channel}", n.channel)
	return n
}

func (n *names) in(sql string) string { return n.replace.Replace(sql) }

// querier is a connection or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// version tells which version of the schema is there: 0 for none.
func (n *names) version(ctx context.Context, q querier) (int, error) {
	var table, meta bool
	// Not by to_regclass, which within a transaction goes on not to see what
	// somebody else has made meanwhile.
	err := q.QueryRow(ctx, `SELECT coalesce(bool_or(relname = $2), false), coalesce(bool_or(relname = $2 || '_meta'), false)
		FROM pg_class WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1::text) AND relname IN ($2::text, $2 || '_meta')`,
		n.schema, n.name).Scan(&table, &meta)
	switch {
	case err != nil:
		return 0, err
	case table && !meta:
		return 0, fmt.Errorf("table %s was not made by Holdfast: name another one with ?table=NAME", n.table)
	case !meta:
		return 0, nil
	}
	var version int
	if err := q.QueryRow(ctx, n.in("SELECT version FROM {meta}")).Scan(&version); err != nil {
		return 0, err
	}
	if version > schemaVersion {
		return 0, fmt.Errorf("table %s has version %d of the schema, and this program knows %d: use a newer Holdfast",
			n.table, version, schemaVersion)
	}
	return version, nil
}

// existing refuses a database in which there is nothing to read.
func (n *names) existing(ctx context.Context, q querier) error {
	version, err := n.version(ctx, q)
	switch {
	case err != nil:
		return err
	case version == 0:
		return fmt.Errorf("there is no table %s: %w", n.table, fs.ErrNotExist)
	case version < schemaVersion:
		return fmt.Errorf("table %s has version %d of the schema, and this program needs %d: open it for writing once", n.table, version, schemaVersion)
	}
	return nil
}

// migrate makes what is missing. Many processes may do so at once: the first
// one does, under an advisory lock, and the others find it done. Where nothing
// is missing no privilege is needed, and no lock.
func (n *names) migrate(ctx context.Context, conn *pgx.Conn, schema string) error {
	if version, err := n.version(ctx, conn); err != nil || version == schemaVersion {
		return err
	}
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		// Until the end of the transaction, and so after it is visible.
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", n.lock); err != nil {
			return err
		}
		version, err := n.version(ctx, tx)
		if err != nil || version == schemaVersion {
			return err
		}
		return n.create(ctx, tx, schema)
	})
	if code(err) == insufficientPrivilege {
		return fmt.Errorf("%s: have somebody who may run the statements of pgstore.Schema: %w", text(err), fs.ErrPermission)
	}
	return err
}

func (n *names) create(ctx context.Context, tx pgx.Tx, schema string) error {
	var there bool
	err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)", schema).Scan(&there)
	if err == nil && !there {
		_, err = tx.Exec(ctx, "CREATE SCHEMA "+pgx.Identifier{schema}.Sanitize())
	}
	if err == nil {
		_, err = tx.Conn().PgConn().Exec(ctx, n.in(createV1)).ReadAll()
	}
	return err
}
