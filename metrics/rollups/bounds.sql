-- name: seal
-- Marks the days before this one as known to the rollups alone.
UPDATE rollup_bounds SET sealed_before = greatest(sealed_before, %(day)s::timestamptz);

-- name: sealed_before
-- Reads before which day that is; no day where nothing was ever dropped.
SELECT (nullif(sealed_before, '-infinity') AT TIME ZONE 'UTC')::date FROM rollup_bounds;
