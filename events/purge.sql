-- name: lock
-- Waits for claims that are storing events of the project, and holds later ones back until it is gone.
SELECT slug FROM project WHERE id = %(project_id)s FOR UPDATE;

-- name: bus
-- Takes the project's batches out of the bus and counts them as left.
WITH gone AS (DELETE FROM inbox WHERE project_id = %(project_id)s RETURNING events, bytes)
INSERT INTO bus_counter AS c (slot, removed_events, removed_bytes)
SELECT -65, coalesce(sum(events), 0), coalesce(sum(bytes), 0) FROM gone
ON CONFLICT (slot) DO UPDATE SET
    removed_events = c.removed_events + excluded.removed_events,
    removed_bytes = c.removed_bytes + excluded.removed_bytes
RETURNING (SELECT coalesce(sum(events), 0) FROM gone);

-- name: count_purged
-- Keeps the books straight: what was taken off the bus unprocessed has an outcome too.
INSERT INTO outcome_count AS o (minute, slot, project_id, outcome, events)
VALUES (date_trunc('minute', now()), -1, %(project_id)s, %(outcome)s, %(events)s)
ON CONFLICT (minute, slot, project_id, outcome) DO UPDATE SET events = o.events + excluded.events;

-- name: rows
-- Removes the project's rows from one table.
DELETE FROM {table} WHERE project_id = %(project_id)s;

-- name: project
-- Removes the project itself.
DELETE FROM project WHERE id = %(project_id)s;
