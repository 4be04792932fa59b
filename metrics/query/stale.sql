-- name: stale
-- Finds the first and the last large group of a span that counts too many people twice.
SELECT min(bucket), max(bucket) FROM {dense}
WHERE definition_id = %(definition)s AND bucket >= %(start)s AND bucket < %(end)s AND stale >= %(most)s
  AND bucket >= (SELECT sealed_before FROM rollup_bounds);
