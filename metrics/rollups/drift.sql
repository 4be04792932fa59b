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

-- name: drift_values
-- Compares one rollup of numbers with the raw events: how many there are, their sum, the least and the greatest.
WITH raw AS (
    SELECT project_id, date_trunc({unit}, ts, 'UTC') AS bucket, type,
           concat_ws(' ', count(*), trim_scale(sum(v)), trim_scale(min(v)), trim_scale(max(v))) AS figures
    FROM (
        SELECT project_id, ts, type, (props ->> %(property)s::text)::numeric AS v
        FROM event
        WHERE ts >= %(start)s AND ts < %(end)s AND jsonb_typeof(props -> %(property)s::text) = 'number'
    ) AS numbers
    GROUP BY 1, 2, 3
), kept AS (
    SELECT project_id, bucket, type,
           concat_ws(' ', sum(n), trim_scale(sum(sum)), trim_scale(min(min)), trim_scale(max(max))) AS figures
    FROM {relation} WHERE bucket >= %(start)s AND bucket < %(end)s GROUP BY 1, 2, 3
)
SELECT project_id, bucket, type, coalesce(kept.figures, 'nothing'), coalesce(raw.figures, 'nothing')
FROM raw FULL JOIN kept USING (project_id, bucket, type)
WHERE kept.figures IS DISTINCT FROM raw.figures
ORDER BY 1, 2, 3 LIMIT 1000;
