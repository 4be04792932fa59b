-- name: did
-- Who did such events so often.
SELECT {person} AS person FROM event e {aliases}
WHERE e.project_id = {project} AND {span} AND {matches}
GROUP BY 1 {times}

-- name: times
-- Tells how often is meant.
HAVING count(*) BETWEEN {at_least} AND {at_most}

-- name: seen
-- Who was seen in a time, read from one relation.
SELECT {person} AS person FROM {relation} e {aliases}
WHERE e.project_id = {project} AND {span}

-- name: span
-- Bounds the time of an event, or of the bucket that it lies in.
{moment} >= {start} AND {moment} < {end}

-- name: trait
-- Whose trait meets a condition, which is written as one on a property.
SELECT e.user_id AS person
FROM (
    SELECT user_id, jsonb_build_object(name, value) AS props FROM person_trait
    WHERE project_id = {project} AND name = {name}
) AS e
WHERE {condition}

-- name: listed
-- Who is on a list: whomever its ids stand for.
SELECT {person} AS person
FROM (
    SELECT s.project_id, m.user_id FROM segment s JOIN segment_member m ON m.segment_id = s.id
    WHERE s.id = {segment} AND s.project_id = {project}
) AS e {aliases}
