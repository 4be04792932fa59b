-- name: of_project
-- Reads a project's definitions, with those that were stopped before anything was kept of them.
SELECT id, project_id, name, match::text, measure, prop, dimensions::text, covered_from, quantile
FROM metric_definition WHERE project_id = %(project_id)s AND state <> 'removing' ORDER BY name;

-- name: of_projects
-- Reads the definitions of several projects that are being kept, in one order for everybody.
SELECT id, project_id, name, match::text, measure, prop, dimensions::text, covered_from, quantile
FROM metric_definition
WHERE project_id = ANY(%(project_ids)s)
  AND state <> 'removing' AND NOT (state = 'stopped' AND covered_from IS NULL)
ORDER BY id;

-- name: covering
-- Reads the definitions, of all projects, whose rollups answer for days before a moment.
SELECT id, project_id, name, match::text, measure, prop, dimensions::text, covered_from, quantile
FROM metric_definition WHERE covered_from < %(end)s AND state <> 'removing' ORDER BY id;

-- name: with_id
-- Reads one definition that is being kept.
SELECT id, project_id, name, match::text, measure, prop, dimensions::text, covered_from, quantile
FROM metric_definition WHERE id = %(id)s AND state <> 'removing';
