-- name: has_aliases
-- Tells whether some user of a project has more than one id. Where none has, nobody need be looked up.
SELECT EXISTS (SELECT FROM user_alias WHERE project_id = %(project_id)s);

-- name: person
-- Who did an event: the user whom its id stands for, or the id itself.
coalesce(a.user_id, e.user_id)

-- name: aliases
-- Looks up whom an event's user id stands for.
LEFT JOIN user_alias a ON a.project_id = e.project_id AND a.alias = e.user_id
