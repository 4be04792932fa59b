-- name: note
-- Notes that users of a project have become others, where a definition counts users, and since when that was to be
-- known: when the first of the staged events was accepted.
INSERT INTO metric_note (project_id, user_ids, noted_at)
SELECT %(project_id)s, %(user_ids)s::text[], (SELECT min(received_at) FROM staging WHERE project_id = %(project_id)s)
WHERE EXISTS (
    SELECT FROM metric_definition WHERE project_id = %(project_id)s AND measure = 'users' AND state <> 'removing');

-- name: take
-- Takes a project's notes, some at a time, as one list of users.
WITH taken AS (
    DELETE FROM metric_note WHERE id IN (SELECT id FROM metric_note ORDER BY id LIMIT %(most)s)
    RETURNING project_id, user_ids
)
SELECT project_id, array_agg(DISTINCT user_id)
FROM taken, unnest(user_ids) AS user_id GROUP BY 1 ORDER BY 1;

-- name: left
-- Tells whether notes are left.
SELECT EXISTS (SELECT FROM metric_note);

-- name: of_these
-- The condition that an event came with one of these ids.
e.user_id = ANY(%(ids)s) AND e.ts >= %(sealed)s

-- name: of_them
-- The condition that an event was done by one of these users, whatever id it came with.
e.user_id IN (
    SELECT unnest(%(ids)s::text[])
    UNION SELECT alias FROM user_alias WHERE project_id = %(project_id)s AND user_id = ANY(%(ids)s)
) AND e.ts >= %(sealed)s

-- name: take_out
-- Takes users out of the groups that they have events in; registers do not tell who is in them.
WITH found AS MATERIALIZED ({branches}), touched AS (
    SELECT DISTINCT date_trunc({unit}, ts, 'UTC') AS bucket, {dim1} AS dim1, {dim2} AS dim2 FROM found
), stale AS (
    UPDATE {dense} d SET stale = true FROM touched t
    WHERE d.definition_id = %(definition)s AND d.bucket = t.bucket
      AND d.dim1 IS NOT DISTINCT FROM t.dim1 AND d.dim2 IS NOT DISTINCT FROM t.dim2
)
DELETE FROM {table} r USING touched t
WHERE r.definition_id = %(definition)s AND r.bucket = t.bucket
  AND r.dim1 IS NOT DISTINCT FROM t.dim1 AND r.dim2 IS NOT DISTINCT FROM t.dim2
  AND r.hash = ANY(ARRAY(SELECT hashtextextended(id, 0) FROM unnest(%(ids)s::text[]) AS id));

-- name: forget
-- Takes a user out of all groups of a definition whose events were dropped, unless he is folded into registers.
DELETE FROM {table}
WHERE definition_id = %(definition)s AND hash = hashtextextended(%(user_id)s::text, 0) AND bucket < %(sealed)s;
