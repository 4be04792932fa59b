-- name: apply_counts
-- Adds the staged events to the minute, hour and day counts: the events are read once, the rest sums up.
WITH minutes AS (
    SELECT project_id, date_trunc('minute', ts, 'UTC') AS bucket, type, count(*) AS count
    FROM staging GROUP BY 1, 2, 3
), hours AS (
    SELECT project_id, date_trunc('hour', bucket, 'UTC') AS bucket, type, sum(count) AS count
    FROM minutes GROUP BY 1, 2, 3
), days AS (
    SELECT project_id, date_trunc('day', bucket, 'UTC') AS bucket, type, sum(count) AS count
    FROM hours GROUP BY 1, 2, 3
), by_minute AS (
    INSERT INTO rollup_events_1m_slot AS r (project_id, bucket, type, slot, count)
    SELECT project_id, bucket, type, %(slot)s, count FROM minutes
    ON CONFLICT (project_id, bucket, type, slot) DO UPDATE SET count = r.count + excluded.count
), by_hour AS (
    INSERT INTO rollup_events_1h_slot AS r (project_id, bucket, type, slot, count)
    SELECT project_id, bucket, type, %(slot)s, count FROM hours
    ON CONFLICT (project_id, bucket, type, slot) DO UPDATE SET count = r.count + excluded.count
)
INSERT INTO rollup_events_1d_slot AS r (project_id, bucket, type, slot, count)
SELECT project_id, bucket, type, %(slot)s, count FROM days
ON CONFLICT (project_id, bucket, type, slot) DO UPDATE SET count = r.count + excluded.count;

-- name: apply_users
-- Enters users new to their hour, and of those the ones new to their day. Most are known: they are only read.
-- The order is the same in every processor, so that two cannot deadlock.
WITH seen AS (
    SELECT DISTINCT project_id, date_trunc('hour', ts, 'UTC') AS bucket, user_id FROM staging
), hours AS (
    INSERT INTO rollup_users_1h (project_id, bucket, user_id)
    SELECT project_id, bucket, user_id FROM seen s
    WHERE NOT EXISTS (
        SELECT FROM rollup_users_1h k
        WHERE k.project_id = s.project_id AND k.bucket = s.bucket AND k.user_id = s.user_id)
    ORDER BY project_id, bucket, user_id
    ON CONFLICT DO NOTHING
    RETURNING project_id, bucket, user_id
)
INSERT INTO rollup_users_1d (project_id, bucket, user_id)
SELECT DISTINCT project_id, date_trunc('day', bucket, 'UTC') AS bucket, user_id FROM hours
ORDER BY project_id, bucket, user_id
ON CONFLICT DO NOTHING;

-- name: apply_values
-- Adds the staged events' numbers to the hours and days; events without one have no part. OFFSET keeps the planner
-- from reading the number out of the JSON once for each aggregate.
WITH hours AS (
    SELECT project_id, date_trunc('hour', ts, 'UTC') AS bucket, type,
           count(*) AS n, sum(v) AS sum, min(v) AS min, max(v) AS max
    FROM (
        SELECT project_id, ts, type, (props ->> %(property)s::text)::numeric AS v
        FROM staging WHERE jsonb_typeof(props -> %(property)s::text) = 'number'
        OFFSET 0
    ) AS numbers
    GROUP BY 1, 2, 3
), by_hour AS (
    INSERT INTO rollup_values_1h_slot AS r (project_id, bucket, type, slot, n, sum, min, max)
    SELECT project_id, bucket, type, %(slot)s, n, sum, min, max FROM hours
    ON CONFLICT (project_id, bucket, type, slot) DO UPDATE
    SET n = r.n + excluded.n, sum = r.sum + excluded.sum,
        min = least(r.min, excluded.min), max = greatest(r.max, excluded.max)
)
INSERT INTO rollup_values_1d_slot AS r (project_id, bucket, type, slot, n, sum, min, max)
SELECT project_id, date_trunc('day', bucket, 'UTC'), type, %(slot)s, sum(n), sum(sum), min(min), max(max)
FROM hours GROUP BY 1, 2, 3
ON CONFLICT (project_id, bucket, type, slot) DO UPDATE
SET n = r.n + excluded.n, sum = r.sum + excluded.sum,
    min = least(r.min, excluded.min), max = greatest(r.max, excluded.max);

-- name: lock
-- Holds processors back (they wait, or roll back and try again) while a range is computed anew.
LOCK TABLE rollup_events_1m_slot, rollup_events_1h_slot, rollup_events_1d_slot, rollup_users_1h, rollup_users_1d,
    rollup_values_1h_slot, rollup_values_1d_slot
    IN SHARE ROW EXCLUSIVE MODE;

-- name: clear
-- Removes a range of one rollup.
DELETE FROM {relation} WHERE bucket >= %(start)s AND bucket < %(end)s;

-- name: rebuild_counts
-- Computes a range of one count rollup from the raw events. Slot -1 belongs to rebuilds.
INSERT INTO {relation} (project_id, bucket, type, slot, count)
SELECT project_id, date_trunc({unit}, ts, 'UTC'), type, -1, count(*)
FROM event WHERE ts >= %(start)s AND ts < %(end)s GROUP BY 1, 2, 3;

-- name: rebuild_users
-- Computes a range of one user rollup from the raw events.
INSERT INTO {relation} (project_id, bucket, user_id)
SELECT DISTINCT project_id, date_trunc({unit}, ts, 'UTC'), user_id
FROM event WHERE ts >= %(start)s AND ts < %(end)s;

-- name: rebuild_values
-- Computes a range of one rollup of numbers from the raw events.
INSERT INTO {relation} (project_id, bucket, type, slot, n, sum, min, max)
SELECT project_id, date_trunc({unit}, ts, 'UTC'), type, -1, count(*), sum(v), min(v), max(v)
FROM (
    SELECT project_id, ts, type, (props ->> %(property)s::text)::numeric AS v
    FROM event
    WHERE ts >= %(start)s AND ts < %(end)s AND jsonb_typeof(props -> %(property)s::text) = 'number'
) AS numbers
GROUP BY 1, 2, 3;

-- name: remove_project
-- Removes a project from one rollup.
DELETE FROM {relation} WHERE project_id = %(project_id)s;

-- name: remove_user
-- Takes a user out of one user rollup.
DELETE FROM {relation} WHERE project_id = %(project_id)s AND user_id = ANY(%(ids)s);

-- name: subtract_user
-- Takes a user's events off one count rollup: each bucket of his becomes one row, as after a rebuild, or none.
WITH gone AS (
    SELECT date_trunc({unit}, ts, 'UTC') AS bucket, type, count(*) AS count
    FROM event WHERE project_id = %(project_id)s AND user_id = ANY(%(ids)s) GROUP BY 1, 2
), taken AS (
    DELETE FROM {relation} r USING gone g
    WHERE r.project_id = %(project_id)s AND r.bucket = g.bucket AND r.type = g.type
    RETURNING r.bucket, r.type, r.count
)
INSERT INTO {relation} (project_id, bucket, type, slot, count)
SELECT %(project_id)s, bucket, type, -1, sum(t.count) - max(g.count)
FROM taken t JOIN gone g USING (bucket, type)
GROUP BY bucket, type HAVING sum(t.count) > max(g.count);

-- name: recompute_hours
-- Computes the hours of a user's numbers from everybody else's: an extreme cannot be subtracted. Days whose raw
-- events were dropped keep theirs.
WITH touched AS (
    SELECT DISTINCT date_trunc('hour', ts, 'UTC') AS bucket, type
    FROM event
    WHERE project_id = %(project_id)s AND user_id = ANY(%(ids)s)
      AND jsonb_typeof(props -> %(property)s::text) = 'number'
      AND ts >= (SELECT sealed_before FROM rollup_bounds)
), gone AS (
    DELETE FROM {relation} r USING touched t
    WHERE r.project_id = %(project_id)s AND r.bucket = t.bucket AND r.type = t.type
    RETURNING r.bucket, r.type
)
INSERT INTO {relation} (project_id, bucket, type, slot, n, sum, min, max)
SELECT %(project_id)s, bucket, type, -1, count(*), sum(v), min(v), max(v)
FROM (
    SELECT g.bucket, g.type, (props ->> %(property)s::text)::numeric AS v
    FROM (SELECT DISTINCT bucket, type FROM gone) AS g
    JOIN event e ON e.type = g.type AND e.ts >= g.bucket AND e.ts < g.bucket + interval '1 hour'
    WHERE e.project_id = %(project_id)s AND e.user_id <> ALL(%(ids)s)
      AND jsonb_typeof(props -> %(property)s::text) = 'number'
) AS numbers
GROUP BY bucket, type;

-- name: recompute_days
-- Computes the days of a user's numbers from their hours, once those are computed.
WITH touched AS (
    SELECT DISTINCT date_trunc('day', ts, 'UTC') AS bucket, type
    FROM event
    WHERE project_id = %(project_id)s AND user_id = ANY(%(ids)s)
      AND jsonb_typeof(props -> %(property)s::text) = 'number'
      AND ts >= (SELECT sealed_before FROM rollup_bounds)
), gone AS (
    DELETE FROM {relation} r USING touched t
    WHERE r.project_id = %(project_id)s AND r.bucket = t.bucket AND r.type = t.type
    RETURNING r.bucket, r.type
)
INSERT INTO {relation} (project_id, bucket, type, slot, n, sum, min, max)
SELECT %(project_id)s, g.bucket, g.type, -1, sum(h.n), sum(h.sum), min(h.min), max(h.max)
FROM (SELECT DISTINCT bucket, type FROM gone) AS g
JOIN rollup_values_1h_slot h ON h.project_id = %(project_id)s AND h.type = g.type
 AND h.bucket >= g.bucket AND h.bucket < g.bucket + interval '24 hours'
GROUP BY g.bucket, g.type;
