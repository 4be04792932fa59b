-- name: has_aliases
-- Tells whether some user of a project has more than one id. Where none has, nobody need be looked up.
SELECT EXISTS (SELECT FROM user_alias WHERE project_id = %(project_id)s);

-- name: person
-- Who did an event: the user whom its id stands for, or the id itself.
coalesce(a.user_id, e.user_id)

-- name: aliases
-- Looks up whom an event's user id stands for.
LEFT JOIN user_alias a ON a.project_id = e.project_id AND a.alias = e.user_id

-- name: ids
-- Lists the ids of one person, the one that stands for all of them first.
WITH root AS (
    SELECT coalesce((SELECT user_id FROM user_alias WHERE project_id = %(project_id)s AND alias = %(user_id)s),
                    %(user_id)s) AS id
)
SELECT id FROM (
    SELECT 0 AS place, id FROM root
    UNION ALL
    SELECT 1, k.alias FROM user_alias k JOIN root ON k.user_id = root.id WHERE k.project_id = %(project_id)s
) AS ids
ORDER BY place, id;
