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

-- name: drift_counts
-- Compares one count rollup with the raw events; rows that differ, missing ones on either side included.
WITH raw AS (
    SELECT project_id, date_trunc({unit}, ts, 'UTC') AS bucket, type, count(*) AS count
    FROM event WHERE ts >= %(start)s AND ts < %(end)s GROUP BY 1, 2, 3
), kept AS (
    SELECT project_id, bucket, type, sum(count)::bigint AS count
    FROM {relation} WHERE bucket >= %(start)s AND bucket < %(end)s GROUP BY 1, 2, 3
)
SELECT project_id, bucket, type, coalesce(kept.count, 0), coalesce(raw.count, 0)
FROM raw FULL JOIN kept USING (project_id, bucket, type)
WHERE kept.count IS DISTINCT FROM raw.count
ORDER BY 1, 2, 3 LIMIT 1000;

-- name: drift_users
-- Compares one user rollup with the raw events.
WITH raw AS (
    SELECT DISTINCT project_id, date_trunc({unit}, ts, 'UTC') AS bucket, user_id
    FROM event WHERE ts >= %(start)s AND ts < %(end)s
), kept AS (
    SELECT project_id, bucket, user_id FROM {relation} WHERE bucket >= %(start)s AND bucket < %(end)s
)
SELECT project_id, bucket, user_id, (kept.* IS NOT NULL)::int, (raw.* IS NOT NULL)::int
FROM raw FULL JOIN kept USING (project_id, bucket, user_id)
WHERE kept.* IS NULL OR raw.* IS NULL
ORDER BY 1, 2, 3 LIMIT 1000;

-- name: lock
-- Holds processors back (they wait, or roll back and try again) while a range is computed anew.
LOCK TABLE rollup_events_1m_slot, rollup_events_1h_slot, rollup_events_1d_slot, rollup_users_1h, rollup_users_1d
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
