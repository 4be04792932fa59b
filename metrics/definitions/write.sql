-- name: of_project
-- Finds what a project's definitions count: a row an event and definition. The events, of `staging` or `event`, are read
-- once, and each expression is computed once: OFFSET keeps Postgres from writing it down wherever it is used.
(WITH picked AS MATERIALIZED (
    SELECT {minute} AS minute{kept}
    FROM (SELECT e.ts{read} FROM {events} WHERE e.project_id = {project} AND {condition} OFFSET 0) AS e
) {rows})

-- name: rows
-- Finds what one of them counts, among what was picked.
SELECT {definition}::integer AS definition_id, minute, {dim1} AS dim1, {dim2} AS dim2, {value} AS v
FROM picked WHERE {condition}

-- name: hash
-- Hashes who did it to 64 bits; the same on every server and version.
hashtextextended({person}, 0)

-- name: cut
-- Keeps a dimension's value fit for an index, whatever an event holds: a row of an index ends at 2,704 bytes.
CASE WHEN length({dim}) > {length} THEN left({dim}, {length}) || md5({dim}) ELSE {dim} END

-- name: minute
-- Cuts a time to its minute, which date_trunc does too, and looks its time zone up each time.
date_bin('1 minute', ts, '2000-01-01 00:00+00')

-- name: bin
-- Says in which bin a number lies. What is nearer to zero than a float can be is zero, and what is further away than
-- that is as far as can be: no event may make this fail.
CASE WHEN abs(v) < 4e-324 THEN 0 ELSE sign(v)::integer * (
    {offset} + ceil(ln(least(abs(v), 1.797e308)::float8) / {log_gamma}::float8)::integer) END

-- name: add_values
-- Adds to the counts and numbers of minutes, hours and days: the events are read once, the rest sums up.
WITH found AS ({branches}), minutes AS (
    SELECT definition_id, minute AS bucket, dim1, dim2,
           count(*) AS n, sum(v) AS sum, min(v) AS min, max(v) AS max
    FROM found GROUP BY 1, 2, 3, 4
), hours AS (
    SELECT definition_id, date_trunc('hour', bucket, 'UTC') AS bucket, dim1, dim2,
           sum(n) AS n, sum(sum) AS sum, min(min) AS min, max(max) AS max
    FROM minutes GROUP BY 1, 2, 3, 4
), days AS (
    SELECT definition_id, date_trunc('day', bucket, 'UTC') AS bucket, dim1, dim2,
           sum(n) AS n, sum(sum) AS sum, min(min) AS min, max(max) AS max
    FROM hours GROUP BY 1, 2, 3, 4
), by_minute AS (
    INSERT INTO rollup_metric_1m AS r (definition_id, bucket, dim1, dim2, slot, n, sum, min, max)
    SELECT definition_id, bucket, dim1, dim2, %(slot)s, n, sum, min, max FROM minutes
    ON CONFLICT (definition_id, bucket, dim1, dim2, slot) DO UPDATE
    SET n = r.n + excluded.n, sum = r.sum + excluded.sum,
        min = least(r.min, excluded.min), max = greatest(r.max, excluded.max)
), by_hour AS (
    INSERT INTO rollup_metric_1h AS r (definition_id, bucket, dim1, dim2, slot, n, sum, min, max)
    SELECT definition_id, bucket, dim1, dim2, %(slot)s, n, sum, min, max FROM hours
    ON CONFLICT (definition_id, bucket, dim1, dim2, slot) DO UPDATE
    SET n = r.n + excluded.n, sum = r.sum + excluded.sum,
        min = least(r.min, excluded.min), max = greatest(r.max, excluded.max)
)
INSERT INTO rollup_metric_1d AS r (definition_id, bucket, dim1, dim2, slot, n, sum, min, max)
SELECT definition_id, bucket, dim1, dim2, %(slot)s, n, sum, min, max FROM days
ON CONFLICT (definition_id, bucket, dim1, dim2, slot) DO UPDATE
SET n = r.n + excluded.n, sum = r.sum + excluded.sum,
    min = least(r.min, excluded.min), max = greatest(r.max, excluded.max);

-- name: add_bins
-- Adds to the bins of minutes, hours and days.
WITH found AS ({branches}), minutes AS (
    SELECT definition_id, minute AS bucket, dim1, dim2,
           {bin} AS bin, count(*) AS n
    FROM found GROUP BY 1, 2, 3, 4, 5
), hours AS (
    SELECT definition_id, date_trunc('hour', bucket, 'UTC') AS bucket, dim1, dim2, bin, sum(n) AS n
    FROM minutes GROUP BY 1, 2, 3, 4, 5
), days AS (
    SELECT definition_id, date_trunc('day', bucket, 'UTC') AS bucket, dim1, dim2, bin, sum(n) AS n
    FROM hours GROUP BY 1, 2, 3, 4, 5
), by_minute AS (
    INSERT INTO rollup_metric_bin_1m AS r (definition_id, bucket, dim1, dim2, slot, bin, n)
    SELECT definition_id, bucket, dim1, dim2, %(slot)s, bin, n FROM minutes
    ON CONFLICT (definition_id, bucket, dim1, dim2, slot, bin) DO UPDATE SET n = r.n + excluded.n
), by_hour AS (
    INSERT INTO rollup_metric_bin_1h AS r (definition_id, bucket, dim1, dim2, slot, bin, n)
    SELECT definition_id, bucket, dim1, dim2, %(slot)s, bin, n FROM hours
    ON CONFLICT (definition_id, bucket, dim1, dim2, slot, bin) DO UPDATE SET n = r.n + excluded.n
)
INSERT INTO rollup_metric_bin_1d AS r (definition_id, bucket, dim1, dim2, slot, bin, n)
SELECT definition_id, bucket, dim1, dim2, %(slot)s, bin, n FROM days
ON CONFLICT (definition_id, bucket, dim1, dim2, slot, bin) DO UPDATE SET n = r.n + excluded.n;

-- name: add_users
-- Enters users in their minutes, those new to their hour there, and of these the ones new to their day. Most are known:
-- they are only read. Two processors may enter the same user: then he stands twice, and neither waits for the other.
WITH found AS ({branches}), minutes AS (
    SELECT DISTINCT v AS hash, definition_id, minute AS bucket, dim1, dim2
    FROM found
), by_minute AS (
    INSERT INTO rollup_metric_user_1m (definition_id, bucket, dim1, dim2, hash)
    SELECT definition_id, bucket, dim1, dim2, hash FROM minutes
), seen AS (
    SELECT DISTINCT hash, definition_id, date_trunc('hour', bucket, 'UTC') AS bucket, dim1, dim2 FROM minutes
), hours AS (
    INSERT INTO rollup_metric_user_1h (definition_id, bucket, dim1, dim2, hash)
    SELECT definition_id, bucket, dim1, dim2, hash FROM seen s
    WHERE NOT EXISTS (
        SELECT FROM rollup_metric_user_1h k
        WHERE k.definition_id = s.definition_id AND k.bucket = s.bucket AND k.hash = s.hash
          AND k.dim1 IS NOT DISTINCT FROM s.dim1 AND k.dim2 IS NOT DISTINCT FROM s.dim2)
    ORDER BY definition_id, bucket, hash
    RETURNING definition_id, bucket, dim1, dim2, hash
), fresh AS (
    SELECT DISTINCT hash, definition_id, date_trunc('day', bucket, 'UTC') AS bucket, dim1, dim2 FROM hours
)
INSERT INTO rollup_metric_user_1d (definition_id, bucket, dim1, dim2, hash)
SELECT definition_id, bucket, dim1, dim2, hash FROM fresh s
WHERE NOT EXISTS (
    SELECT FROM rollup_metric_user_1d k
    WHERE k.definition_id = s.definition_id AND k.bucket = s.bucket AND k.hash = s.hash
      AND k.dim1 IS NOT DISTINCT FROM s.dim1 AND k.dim2 IS NOT DISTINCT FROM s.dim2)
ORDER BY definition_id, bucket, hash;

-- name: clear
-- Removes a definition's rows of a span from one table.
DELETE FROM {table} WHERE definition_id = %(definition)s AND bucket >= %(start)s AND bucket < %(end)s;
