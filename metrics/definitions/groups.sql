-- name: kept
-- Lists the definitions that are being kept.
SELECT project_id, id, measure, match::text, dimensions <> '[]' FROM metric_definition
WHERE state <> 'removing' AND NOT (state = 'stopped' AND covered_from IS NULL) AND project_id = ANY(%(projects)s)
ORDER BY project_id, id;

-- name: projects
-- Lists the projects that have definitions with dimensions.
SELECT DISTINCT project_id FROM metric_definition WHERE dimensions <> '[]' AND state <> 'removing';

-- name: groups
-- Counts the groups of a definition's day, among so many of its rows.
SELECT count(*) FROM (
    SELECT DISTINCT {columns} FROM (
        SELECT * FROM {table} WHERE definition_id = %(definition)s AND bucket = %(day)s LIMIT %(rows)s
    ) AS few
) AS groups;

-- name: halt
-- Keeps a definition no longer, and says why: what was kept of it answers no question any more.
UPDATE metric_definition SET state = 'stopped', covered_from = NULL, progress = 0, message = %(message)s
WHERE id = %(id)s AND state <> 'removing' RETURNING project_id;
