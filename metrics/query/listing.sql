-- name: everybody
-- Those who have sessions; an alias is nobody of his own.
SELECT DISTINCT s.user_id AS person FROM session s
WHERE s.project_id = {project}
  AND NOT EXISTS (SELECT FROM user_alias k WHERE k.project_id = {project} AND k.alias = s.user_id)

-- name: holders
-- Those of whom a trait is known.
SELECT user_id AS person FROM person_trait WHERE project_id = {project} AND name = {name}

-- name: of_segment
-- Those in a segment.
SELECT DISTINCT m.person FROM ({members}) AS m (person)

-- name: list
-- Lists people from a place on: of those meant, who meets the conditions on traits, which read `e.props`.
SELECT p.person
FROM ({people}) AS p (person)
LEFT JOIN (
    SELECT user_id, jsonb_object_agg(name, value) AS props FROM person_trait
    WHERE project_id = {project} AND name = ANY({names}) GROUP BY user_id
) AS e ON e.user_id = p.person
WHERE p.person > %(after)s AND {conditions}
ORDER BY p.person LIMIT %(limit)s;
