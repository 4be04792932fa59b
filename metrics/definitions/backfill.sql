-- name: next
-- Finds whose history is still to be computed: new ones first, for until then no question can use them.
SELECT id FROM metric_definition WHERE state = 'building' AND id <> ALL(%(tried)s)
ORDER BY covered_from IS NOT NULL, id LIMIT 1;

-- name: hold
-- Reads how far a definition is, and keeps others from changing that.
SELECT project_id, covered_from FROM metric_definition WHERE id = %(id)s AND state = 'building' FOR UPDATE;

-- name: newest
-- Finds the last event of a project before a moment, of those that were not dropped, and the first of all.
SELECT max(ts) FILTER (WHERE last), max(ts) FILTER (WHERE NOT last)
FROM (
    (SELECT ts, true AS last FROM event
     WHERE project_id = %(project)s AND ts >= %(sealed)s AND ts < %(edge)s ORDER BY ts DESC LIMIT 1)
    UNION ALL
    (SELECT ts, false FROM event WHERE project_id = %(project)s AND ts >= %(sealed)s ORDER BY ts LIMIT 1)
) AS ends;

-- name: covered
-- Writes down how far a definition is.
UPDATE metric_definition
SET covered_from = %(from)s, progress = %(progress)s, message = '', failures = 0, state = CASE WHEN %(done)s THEN 'kept' ELSE state END
WHERE id = %(id)s;

-- name: failed
-- Writes down why a span of a definition could not be computed, and stops it where that happened often enough.
UPDATE metric_definition
SET message = %(message)s, failures = failures + 1,
    state = CASE WHEN failures + 1 >= %(most)s THEN 'stopped' ELSE state END
WHERE id = %(id)s AND state = 'building';
