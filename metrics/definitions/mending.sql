-- name: stale
-- Finds the days with large groups that are too great, since many who were counted in them have become others.
SELECT DISTINCT date_trunc('day', bucket, 'UTC'), definition_id FROM {dense} WHERE stale >= %(most)s;

-- name: fresh
-- Takes back what was noted about groups that cannot be computed any more.
UPDATE {dense} SET stale = 0 WHERE stale > 0 AND bucket < %(sealed)s;
