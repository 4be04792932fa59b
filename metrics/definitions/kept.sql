-- name: sealed
-- Reads before which moment raw events were dropped. Whoever drops some waits for writers, who are kept out here.
SELECT nullif(sealed_before, '-infinity') FROM rollup_bounds;

-- name: days
-- Finds the days in which something is counted.
SELECT DISTINCT date_trunc('day', minute, 'UTC') FROM ({branches}) AS found ORDER BY 1;

-- name: of_user
-- The condition that an event is a user's, and was not dropped.
e.user_id = ANY(%(ids)s) AND e.ts >= %(sealed)s
