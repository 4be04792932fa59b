-- name: clear
-- Empties a list.
DELETE FROM segment_member WHERE segment_id = %(segment_id)s;

-- name: add
-- Adds ids to a list that are not on it yet.
INSERT INTO segment_member (segment_id, user_id)
SELECT %(segment_id)s, unnest(%(users)s::text[])
ON CONFLICT DO NOTHING;

-- name: count
-- Counts the ids on a list.
SELECT count(*) FROM segment_member WHERE segment_id = %(segment_id)s;
