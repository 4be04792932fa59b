-- name: removing
-- Finds definitions that somebody gave up.
SELECT id FROM metric_definition WHERE state = 'removing' ORDER BY id;

-- name: stopped
-- Finds definitions that are not kept any more, but named.
SELECT id FROM metric_definition WHERE state = 'stopped' AND covered_from IS NULL ORDER BY id;

-- name: some
-- Removes some of a definition's rows from one table: so few that nobody waits.
DELETE FROM {table} WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM {table} WHERE definition_id = %(id)s LIMIT %(chunk)s));

-- name: all
-- Removes all of a definition's rows from one table.
DELETE FROM {table} WHERE definition_id = ANY(%(ids)s);

-- name: definition
-- Removes a definition.
DELETE FROM metric_definition WHERE id = ANY(%(ids)s);

-- name: give_up_project
-- Says that all definitions of a project go; waits for whoever computes or folds one of them.
UPDATE metric_definition
SET state = 'removing', name = CASE WHEN state = 'removing' THEN name ELSE name || '~' || id END
WHERE project_id = %(project_id)s RETURNING id;

-- name: of_project
-- Finds all definitions of a project, and waits for whoever computes or folds one of them.
SELECT id FROM metric_definition WHERE project_id = %(project_id)s ORDER BY id FOR UPDATE;

-- name: notes_of_project
-- Removes what was noted about a project's users.
DELETE FROM metric_note WHERE project_id = %(project_id)s;
