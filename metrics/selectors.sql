-- name: pending_seconds
-- Tells for how long the oldest stored event has been missing from a rollup.
SELECT coalesce(extract(epoch FROM clock_timestamp() - min(since)), 0)::float8 FROM rollup_pending;
