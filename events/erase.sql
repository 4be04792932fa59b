-- name: count_events
-- Counts a user's events.
SELECT count(*) FROM event WHERE project_id = %(project_id)s AND user_id = %(user_id)s;
