-- name: list
-- The sessions that start in a range: everybody's, or those of the person with an id.
SELECT user_id, start_ts, end_ts, events, entry, exit FROM session
WHERE start_ts >= $start AND start_ts < $end AND ($user IS NULL OR person = coalesce((SELECT user_id FROM alias WHERE alias = $user), $user));
