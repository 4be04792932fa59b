-- name: now
-- Tells the database's time.
SELECT clock_timestamp();

-- name: left
-- Counts what still has to be done once the bus is empty: users whose sessions are to be rebuilt, late events that
-- rollups miss.
SELECT (SELECT count(*) FROM session_work), (SELECT count(*) FROM rollup_pending);
