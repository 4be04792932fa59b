-- name: mark
-- Says that the project goes: claims from now on count its events as purged. Does not wait for claims at work.
UPDATE project SET removing = true WHERE id = %(project_id)s RETURNING slug;

-- name: barrier
-- Waits for the claims that began before the mark; locks nobody out afterwards, since it ends at once.
SELECT FROM project WHERE id = %(project_id)s FOR UPDATE;

-- name: rows
-- Removes the project's rows from one table.
DELETE FROM {table} WHERE project_id = %(project_id)s;

-- name: parts
-- Removes the rows of one table that belong to those of another, which belong to the project.
DELETE FROM {table} WHERE {key} IN (SELECT id FROM {whole} WHERE project_id = %(project_id)s);

-- name: project
-- Removes the project itself.
DELETE FROM project WHERE id = %(project_id)s;
