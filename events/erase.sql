-- name: count_events
-- Counts a user's events.
SELECT count(*) FROM event WHERE project_id = %(project_id)s AND user_id = ANY(%(ids)s);

-- name: unlist
-- Takes a user off the lists of the project's segments.
DELETE FROM segment_member m USING segment s
WHERE s.id = m.segment_id AND s.project_id = %(project_id)s AND m.user_id = %(user_id)s;
