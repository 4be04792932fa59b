-- name: answer
-- Aggregates the rows of all parts by bucket and group, and by group alone for the totals of the whole range.
-- A bucket is its number among the edges, from 1: time zones are worked out in one place only, and not here.
SELECT grouping(bucket) = 1 AS is_total, bucket, group1, group2, {measure} AS value
FROM (
    SELECT width_bucket(ts, %(edges)s::timestamptz[]) AS bucket, group1, group2, n, user_id, v, low, high
    FROM ({rows}) AS rows
) AS placed
GROUP BY GROUPING SETS ((bucket, group1, group2), (group1, group2))
LIMIT %(row_limit)s;

-- name: rows_counts
-- Reads one part from a count rollup.
SELECT bucket AS ts, {group1} AS group1, {group2} AS group2, count AS n,
       NULL::text AS user_id, NULL::numeric AS v, NULL::numeric AS low, NULL::numeric AS high
FROM {relation} e
WHERE project_id = %(project_id)s AND bucket >= {start} AND bucket < {end}
  AND (%(types)s::text[] IS NULL OR type = ANY(%(types)s))

-- name: rows_users
-- Reads one part from a user rollup.
SELECT bucket AS ts, NULL::text AS group1, NULL::text AS group2, 1 AS n, user_id,
       NULL::numeric AS v, NULL::numeric AS low, NULL::numeric AS high
FROM {relation}
WHERE project_id = %(project_id)s AND bucket >= {start} AND bucket < {end}

-- name: rows_values
-- Reads one part from a rollup of numbers: `v` is the sum of n numbers, the least and the greatest stand beside it.
SELECT bucket AS ts, {group1} AS group1, {group2} AS group2, n,
       NULL::text AS user_id, sum AS v, min AS low, max AS high
FROM {relation} e
WHERE project_id = %(project_id)s AND bucket >= {start} AND bucket < {end}
  AND (%(types)s::text[] IS NULL OR type = ANY(%(types)s))

-- name: rows_events
-- Reads one part from the raw events.
SELECT ts, {group1} AS group1, {group2} AS group2, 1 AS n, user_id,
       {value} AS v, {value} AS low, {value} AS high
FROM event e
WHERE project_id = %(project_id)s AND ts >= {start} AND ts < {end}
  AND (%(types)s::text[] IS NULL OR type = ANY(%(types)s)) AND {filters}

-- name: rows_sessions
-- Reads sessions by their start; with conditions, those in which some event meets them all.
SELECT s.start_ts AS ts, NULL::text AS group1, NULL::text AS group2, 1 AS n, s.user_id,
       NULL::numeric AS v, NULL::numeric AS low, NULL::numeric AS high
FROM session s
WHERE s.project_id = %(project_id)s AND s.start_ts >= {start} AND s.start_ts < {end} AND {condition}

-- name: session_condition
-- Tells whether a session has an event that meets the conditions.
EXISTS (
    SELECT FROM event e
    WHERE e.project_id = s.project_id AND e.user_id = s.user_id
      AND ts >= s.start_ts AND ts <= s.end_ts
      AND (%(types)s::text[] IS NULL OR type = ANY(%(types)s)) AND {filters})

-- name: as_of
-- The moment up to which every accepted event is in the answer: now, or when the oldest waiting batch came (with a
-- broker: at the latest, for what is not known may be waiting, and without an account nothing is known); for sessions,
-- also when the oldest users to be rebuilt were touched, else when the oldest late event was stored.
SELECT least(clock_timestamp(),
             (SELECT enqueued_at FROM inbox ORDER BY id LIMIT 1),
             coalesce((SELECT as_of FROM bus_look), CASE WHEN %(broker)s THEN to_timestamp(0) END),
             (SELECT min(oldest_at) FROM bus_held),
             (SELECT min(enqueued_at) FROM session_work WHERE %(sessions)s),
             (SELECT min(since) FROM rollup_pending WHERE NOT %(sessions)s));
