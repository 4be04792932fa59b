-- name: note
-- Notes that users of a project have become others, where a definition counts users, and since when that was to be
-- known: when the first of the staged events was accepted.
INSERT INTO metric_note (project_id, user_ids, noted_at)
SELECT %(project_id)s, %(user_ids)s::text[], (SELECT min(received_at) FROM staging WHERE project_id = %(project_id)s)
WHERE EXISTS (
    SELECT FROM metric_definition WHERE project_id = %(project_id)s AND measure = 'users' AND state <> 'removing');

-- name: next
-- Finds whose users are to be moved, those first who wait for longest.
SELECT project_id FROM metric_note WHERE project_id <> ALL(%(failed)s) ORDER BY id LIMIT 1;

-- name: take
-- Takes some of a project's notes, as one list of users.
WITH taken AS (
    DELETE FROM metric_note
    WHERE id IN (SELECT id FROM metric_note WHERE project_id = %(project_id)s ORDER BY id LIMIT %(most)s)
    RETURNING user_ids
)
SELECT array_agg(DISTINCT user_id) FROM taken, unnest(user_ids) AS user_id;

-- name: gather
-- Sets aside the events that were done by some users, whatever id they came with.
CREATE TEMP TABLE moved ON COMMIT DROP AS
SELECT project_id, ts, type, user_id, props FROM event
WHERE project_id = %(project_id)s AND ts >= %(sealed)s AND user_id IN (
    SELECT unnest(%(ids)s::text[])
    UNION SELECT alias FROM user_alias WHERE project_id = %(project_id)s AND user_id = ANY(%(ids)s));

-- name: of_these
-- The condition that an event came with one of these ids.
e.user_id = ANY(%(ids)s)

-- name: take_out
-- Takes users out of the groups that they have events in. Registers do not tell who is in them: it is noted how many may
-- count twice there.
WITH found AS MATERIALIZED ({branches}), touched AS (
    SELECT date_trunc({unit}, minute, 'UTC') AS bucket, dim1, dim2, count(DISTINCT v) AS users FROM found GROUP BY 1, 2, 3
), stale AS (
    UPDATE {dense} d SET stale = least(d.stale + users, 2000000000) FROM touched t
    WHERE d.definition_id = %(definition)s AND d.bucket = t.bucket
      AND d.dim1 IS NOT DISTINCT FROM t.dim1 AND d.dim2 IS NOT DISTINCT FROM t.dim2
)
DELETE FROM {table} r USING touched t
WHERE r.definition_id = %(definition)s AND r.bucket = t.bucket
  AND r.dim1 IS NOT DISTINCT FROM t.dim1 AND r.dim2 IS NOT DISTINCT FROM t.dim2
  AND r.hash = ANY(ARRAY(SELECT hashtextextended(id, 0) FROM unnest(%(ids)s::text[]) AS id));

-- name: forget
-- Takes users out of all groups of a definition whose events were dropped, unless he is folded into registers.
DELETE FROM {table}
WHERE definition_id = %(definition)s AND bucket < %(sealed)s
  AND hash = ANY(ARRAY(SELECT hashtextextended(id, 0) FROM unnest(%(ids)s::text[]) AS id));
