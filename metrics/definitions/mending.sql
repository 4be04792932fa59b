-- name: stale
-- Finds the days with large groups that are too great, since somebody counted in them has become another.
SELECT DISTINCT definition_id, date_trunc('day', bucket, 'UTC') FROM {dense} WHERE stale;

-- name: fresh
-- Takes back what was noted about groups that cannot be computed any more.
UPDATE {dense} SET stale = false WHERE stale AND bucket < %(sealed)s;
