-- name: events
-- The events of all projects, and whom their user ids stand for.
event e {aliases}

-- name: condition
-- Tells whether an event is one of those asked about.
e.project_id = {project} AND e.ts >= {start} AND e.ts < {end} AND {filters} AND {segment}
