-- name: drift_values
-- Compares counts and numbers of one width with the raw events; rows that differ, missing ones included.
WITH found AS MATERIALIZED ({branches}), raw AS (
    SELECT definition_id, date_trunc({unit}, minute, 'UTC') AS bucket, dim1, dim2,
           concat_ws(' ', count(*), trim_scale(sum(v)), trim_scale(min(v)), trim_scale(max(v))) AS figures
    FROM found GROUP BY 1, 2, 3, 4
), kept AS (
    SELECT definition_id, bucket, dim1, dim2,
           concat_ws(' ', sum(n), trim_scale(sum(sum)), trim_scale(min(min)), trim_scale(max(max))) AS figures
    FROM {table} WHERE definition_id = ANY(%(ids)s) AND bucket >= %(start)s AND bucket < %(end)s GROUP BY 1, 2, 3, 4
)
SELECT definition_id, bucket, dim1, dim2, '', max(kept), max(raw)
FROM (
    SELECT definition_id, bucket, dim1, dim2, figures AS kept, NULL AS raw FROM kept
    UNION ALL SELECT definition_id, bucket, dim1, dim2, NULL, figures FROM raw
) AS sides
GROUP BY 1, 2, 3, 4 HAVING max(kept) IS DISTINCT FROM max(raw)
ORDER BY 1, 2, 3, 4 LIMIT 1000;

-- name: drift_bins
-- Compares the bins of one width with the raw events.
WITH found AS MATERIALIZED ({branches}), raw AS (
    SELECT definition_id, date_trunc({unit}, minute, 'UTC') AS bucket, dim1, dim2,
           {bin} AS bin, count(*) AS n
    FROM found GROUP BY 1, 2, 3, 4, 5
), kept AS (
    SELECT definition_id, bucket, dim1, dim2, bin, sum(n) AS n
    FROM {table} WHERE definition_id = ANY(%(ids)s) AND bucket >= %(start)s AND bucket < %(end)s
    GROUP BY 1, 2, 3, 4, 5
)
SELECT definition_id, bucket, dim1, dim2, 'bin ' || bin, sum(kept)::text, sum(raw)::text
FROM (
    SELECT definition_id, bucket, dim1, dim2, bin, n AS kept, NULL::numeric AS raw FROM kept
    UNION ALL SELECT definition_id, bucket, dim1, dim2, bin, NULL, n FROM raw
) AS sides
GROUP BY 1, 2, 3, 4, bin HAVING sum(kept) IS DISTINCT FROM sum(raw)
ORDER BY 1, 2, 3, 4, 5 LIMIT 1000;

-- name: drift_users
-- Compares the users of one width with the raw events. Where users are rows, those that one side lacks; of a group that
-- has registers, these, and of each side the hashes of the greatest ranks: they are compared by whoever reads this.
-- Groups that are known to be too great are left out: they are mended within the hour, or too great by very few.
WITH found AS MATERIALIZED ({branches}), raw AS (
    SELECT DISTINCT definition_id, date_trunc({unit}, minute, 'UTC') AS bucket, dim1, dim2, v AS hash
    FROM found
), kept AS (
    SELECT DISTINCT definition_id, bucket, dim1, dim2, hash
    FROM {table} WHERE definition_id = ANY(%(ids)s) AND bucket >= %(start)s AND bucket < %(end)s
), large AS (
    SELECT definition_id, bucket, dim1, dim2, stale, registers
    FROM {dense} WHERE definition_id = ANY(%(ids)s) AND bucket >= %(start)s AND bucket < %(end)s
), sides AS (
    SELECT definition_id, bucket, dim1, dim2, hash, true AS kept, false AS raw, false AS dense FROM kept
    UNION ALL SELECT definition_id, bucket, dim1, dim2, hash, false, true, false FROM raw
    UNION ALL SELECT definition_id, bucket, dim1, dim2, NULL, false, false, true FROM large
), grouped AS MATERIALIZED (
    SELECT definition_id, bucket, dim1, dim2, hash, kept, raw,
           bool_or(dense) OVER (PARTITION BY definition_id, bucket, dim1, dim2) AS dense
    FROM sides
), different AS (
    SELECT definition_id, bucket, dim1, dim2, hash, bool_or(kept) AS kept
    FROM grouped WHERE NOT dense GROUP BY 1, 2, 3, 4, 5 HAVING bool_or(kept) <> bool_or(raw)
    ORDER BY 1, 2, 3, 4, 5 LIMIT 1000
), least AS (
    SELECT definition_id, bucket, dim1, dim2, kept, min(hash) AS hash
    FROM grouped WHERE dense AND hash IS NOT NULL GROUP BY 1, 2, 3, 4, 5, hash >> {rest}
), listed AS (
    SELECT definition_id, bucket, dim1, dim2,
           string_agg(int8send(hash), ''::bytea) FILTER (WHERE kept) AS beside,
           string_agg(int8send(hash), ''::bytea) FILTER (WHERE NOT kept) AS raw
    FROM least GROUP BY 1, 2, 3, 4
)
SELECT definition_id, bucket, dim1, dim2, hash, kept, NULL::bytea AS registers, NULL::bytea AS beside, NULL::bytea AS raw
FROM different
UNION ALL
SELECT l.definition_id, l.bucket, l.dim1, l.dim2, NULL, NULL, l.registers, s.beside, s.raw
FROM large l LEFT JOIN listed s ON s.definition_id = l.definition_id AND s.bucket = l.bucket
     AND s.dim1 IS NOT DISTINCT FROM l.dim1 AND s.dim2 IS NOT DISTINCT FROM l.dim2
WHERE l.stale = 0;
