-- name: watch
-- Collects what the transaction does to sessions: those that it makes, and those that it removes, which count as -1.
CREATE TEMP TABLE IF NOT EXISTS session_change (
    project_id integer, slot smallint, start_ts timestamptz, end_ts timestamptz, sign integer, events integer
) ON COMMIT DROP;

-- name: add
-- Adds what was collected to one rollup, in the order of its key.
INSERT INTO {relation} AS r (project_id, bucket, slot, sessions, events, bounces, microseconds)
SELECT project_id, date_trunc({unit}, start_ts, 'UTC'), slot, sum(sign), sum(sign * events),
       coalesce(sum(sign) FILTER (WHERE events = 1), 0),
       sum(sign * extract(epoch FROM end_ts - start_ts) * 1000000)::bigint
FROM session_change GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
ON CONFLICT (project_id, bucket, slot) DO UPDATE SET
    sessions = r.sessions + excluded.sessions, events = r.events + excluded.events, bounces = r.bounces + excluded.bounces,
    microseconds = r.microseconds + excluded.microseconds
WHERE (excluded.sessions, excluded.events, excluded.bounces, excluded.microseconds) <> (0, 0, 0, 0);

-- name: added
-- Forgets it.
TRUNCATE session_change;

-- name: keep_rebuilds_out
-- Waits for the rebuilds at work and lets none begin, until the transaction ends.
LOCK TABLE session IN SHARE ROW EXCLUSIVE MODE;

-- name: remove
-- Removes a rollup's rows of whole days.
DELETE FROM {relation} WHERE bucket >= %(start)s AND bucket < %(end)s;

-- name: compute
-- Computes them from the sessions.
INSERT INTO {relation} (project_id, bucket, slot, sessions, events, bounces, microseconds)
SELECT project_id, date_trunc({unit}, start_ts, 'UTC'), 0, count(*), sum(events), count(*) FILTER (WHERE events = 1),
       sum(extract(epoch FROM end_ts - start_ts) * 1000000)
FROM session WHERE start_ts >= %(start)s AND start_ts < %(end)s GROUP BY 1, 2;

-- name: drift
-- Lists the buckets of whole days in which a rollup and the sessions differ: their number, events, bounces
-- and microseconds, as text.
SELECT project_id, bucket, coalesce(kept, '0,0,0,0'), coalesce(counted, '0,0,0,0')
FROM (
    SELECT project_id, bucket,
           concat_ws(',', sum(sessions), sum(events), sum(bounces), sum(microseconds)) AS kept
    FROM {relation} WHERE bucket >= %(start)s AND bucket < %(end)s GROUP BY 1, 2
) AS rollup FULL JOIN (
    SELECT project_id, date_trunc({unit}, start_ts, 'UTC') AS bucket,
           concat_ws(',', count(*), sum(events), count(*) FILTER (WHERE events = 1),
                     sum(extract(epoch FROM end_ts - start_ts) * 1000000)::bigint) AS counted
    FROM session WHERE start_ts >= %(start)s AND start_ts < %(end)s GROUP BY 1, 2
) AS raw USING (project_id, bucket)
WHERE coalesce(kept, '0,0,0,0') <> coalesce(counted, '0,0,0,0') ORDER BY 1, 2;
