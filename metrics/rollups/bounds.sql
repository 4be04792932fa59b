-- name: seal
-- Marks the days before this one as known to the rollups alone.
UPDATE rollup_bounds SET sealed_before = greatest(sealed_before, %(day)s::timestamptz);

-- name: keep_still
-- Reads the bound and keeps it from moving until the transaction ends.
SELECT nullif(sealed_before, '-infinity') FROM rollup_bounds FOR SHARE;

-- name: keep_out
-- Waits for those who keep the bound still, and lets no other come.
SELECT FROM rollup_bounds FOR UPDATE;

-- name: sealed_before
-- Reads before which day that is; no day where nothing was ever dropped.
SELECT (nullif(sealed_before, '-infinity') AT TIME ZONE 'UTC')::date FROM rollup_bounds;
