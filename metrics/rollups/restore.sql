-- name: merged_events
-- Reads counts, one row a (project, bucket, type): they may lie in several rows, and do not on every engine.
SELECT project_id, bucket, type, sum(count)::bigint AS count
FROM {relation} WHERE bucket >= {start} AND bucket < {end} GROUP BY 1, 2, 3

-- name: merged_users
-- Reads users, one row each.
SELECT DISTINCT project_id, bucket, user_id FROM {relation} WHERE bucket >= {start} AND bucket < {end}

-- name: merged_values
-- Reads numbers, one row a (project, bucket, type).
SELECT project_id, bucket, type, sum(n)::bigint AS n,
       trim_scale(sum(sum)) AS sum, trim_scale(min(min)) AS min, trim_scale(max(max)) AS max
FROM {relation} WHERE bucket >= {start} AND bucket < {end} GROUP BY 1, 2, 3

-- name: clear_span
-- Removes what is to be replaced.
DELETE FROM {table} WHERE bucket >= {start} AND bucket < {end};

-- name: take
-- Takes rows as they come.
COPY {table} ({columns}) FROM STDIN;
