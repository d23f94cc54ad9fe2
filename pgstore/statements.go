package pgstore

// statements are those that the store runs again and again, so that the server
// prepares each of them once a session.
type statements struct {
	get, gets, scan, has, put, puts, create, apply, del, clear, prune string
	ids, entities                                                     string
	check, checkKeys                                                  string
	fate, cleared, running                                            string
	register, renew, since                                            string
}

// What the watcher of a change is told is the channel's payload: p or d, the
// length of the entity in bytes, a colon, entity and id.
func newStatements(n *names) *statements {
	return &statements{
		get: n.in(`SELECT data, revision, updated_at FROM {table} WHERE entity = $1 AND id = $2`),
		gets: n.in(`SELECT k.n, t.data, t.revision, t.updated_at FROM unnest($1::text[], $2::text[]) WITH ORDINALITY k (entity, id, n)
			JOIN {table} t ON t.entity = k.entity AND t.id = k.id`),
		scan: n.in(`SELECT id, data, revision, updated_at FROM {table} WHERE entity = $1 AND id > $2 ORDER BY id LIMIT $3`),
		// The length of the text: a value that cannot be read is an error.
		has: n.in(`SELECT octet_length(data::text)::bigint FROM {table} WHERE entity = $1 AND id = $2`),
		put: n.in(`INSERT INTO {table} AS t (entity, id, data, revision, updated_at) VALUES ($1, $2, $3, $4, clock_timestamp())
			ON CONFLICT (entity, id) DO UPDATE SET data = excluded.data, revision = excluded.revision, updated_at = excluded.updated_at
			RETURNING pg_snapshot_xmin(pg_current_snapshot())::text::bigint, (SELECT pg_notify('{channel}',
				'p' || octet_length(t.entity) || ':' || t.entity || t.id) FROM {meta} WHERE one AND watched_until > clock_timestamp())`),
		// All of them have one revision: it is their transaction's.
		puts: n.in(`WITH done AS (
			INSERT INTO {table} AS t (entity, id, data, revision, updated_at)
			SELECT e, i, d::json, $4, clock_timestamp() FROM unnest($1::text[], $2::text[], $3::text[]) p (e, i, d)
			ON CONFLICT (entity, id) DO UPDATE SET data = excluded.data, revision = excluded.revision, updated_at = excluded.updated_at
			RETURNING (SELECT pg_notify('{channel}', 'p' || octet_length(t.entity) || ':' || t.entity || t.id)
				FROM {meta} WHERE one AND watched_until > clock_timestamp()) AS told)
			SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint, count(*) FROM done`),
		create: n.in(`WITH made AS (
			INSERT INTO {table} (entity, id, data, revision, updated_at)
			SELECT e, i, d::json, $4, clock_timestamp() FROM unnest($1::text[], $2::text[], $3::text[]) p (e, i, d)
			RETURNING entity, id),
			told AS (SELECT pg_notify('{channel}', 'p' || octet_length(entity) || ':' || entity || id)
				FROM made, {meta} WHERE one AND watched_until > clock_timestamp())
			SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint, (SELECT count(*) FROM made), (SELECT count(*) FROM told)`),
		apply: n.in(`SELECT {apply}($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`),
		del: n.in(`WITH token AS MATERIALIZED (SELECT set_config('holdfast.token', $3, true) AS v)
			DELETE FROM {table} t USING token WHERE t.entity = $1 AND t.id = $2 AND token.v IS NOT NULL
			RETURNING pg_snapshot_xmin(pg_current_snapshot())::text::bigint`),
		clear: n.in(`WITH token AS MATERIALIZED (SELECT set_config('holdfast.token', $2, true) AS v),
			gone AS (DELETE FROM {table} t USING token WHERE t.entity = $1 AND token.v IS NOT NULL RETURNING 1)
			SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint, count(*) FROM gone`),
		prune: n.in(`DELETE FROM {removed} WHERE removed_at < clock_timestamp() - interval '1 day'`),
		ids:   n.in(`SELECT id FROM {table} WHERE entity = $1 AND id > $2 ORDER BY id LIMIT $3`),
		// From one entity to the next through the index, whatever they hold.
		entities: n.in(`WITH RECURSIVE e (entity) AS (
			(SELECT entity FROM {table} WHERE entity > $1 ORDER BY entity LIMIT 1)
			UNION ALL SELECT (SELECT t.entity FROM {table} t WHERE t.entity > e.entity ORDER BY t.entity LIMIT 1)
			FROM e WHERE e.entity IS NOT NULL) SELECT entity FROM e WHERE entity IS NOT NULL LIMIT $2`),
		check:     n.in(`SELECT entity, id, octet_length(data::text)::bigint FROM {table} WHERE (entity, id) > ($1, $2) ORDER BY entity, id LIMIT $3`),
		checkKeys: n.in(`SELECT entity, id, 0::bigint FROM {table} WHERE (entity, id) > ($1, $2) ORDER BY entity, id LIMIT $3`),
		fate: n.in(`SELECT k.n, t.revision, t.xmin::text::bigint, r.revision, r.transaction::text::bigint
			FROM unnest($1::text[], $2::text[]) WITH ORDINALITY k (entity, id, n)
			LEFT JOIN {table} t ON t.entity = k.entity AND t.id = k.id
			LEFT JOIN {removed} r ON r.entity = k.entity AND r.id = k.id`),
		cleared: n.in(`SELECT EXISTS (SELECT FROM {removed} WHERE entity = $1 AND revision = $2)`),
		running: `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1 AND backend_start = $2)`,
		register: n.in(`UPDATE {meta} SET watched_until = greatest(watched_until, clock_timestamp() + interval '1 minute')
			RETURNING pg_snapshot_xmin(pg_current_snapshot())::text::bigint`),
		renew: n.in(`UPDATE {meta} SET watched_until = greatest(watched_until, clock_timestamp() + interval '1 minute')
			WHERE watched_until > clock_timestamp() + interval '5 seconds' RETURNING pg_snapshot_xmin(pg_current_snapshot())::text::bigint`),
		// What transactions from $2 on have changed: their numbers are kept modulo 2^32.
		since: n.in(`SELECT 'p', id FROM {table} WHERE entity = $1 AND ((xmin::text::bigint - $2) & 4294967295) < 2147483648
			UNION ALL SELECT 'd', id FROM {removed} r WHERE entity = $1 AND transaction::text::bigint >= $2
				AND NOT EXISTS (SELECT FROM {table} t WHERE t.entity = r.entity AND t.id = r.id)`),
	}
}
