-- name: sums
-- Counts what a rollup knows and sums up its hashes, day by day.
SELECT date_bin('1 day', bucket, '2000-01-01 00:00+00'), count(*),
       sum(('x' || left(md5(known::text), 16))::bit(64)::bigint)
FROM ({merged}) AS known GROUP BY 1;
