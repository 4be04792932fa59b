-- name: bus
-- Takes a project's batches out of the bus: those in work are waited for, so that nothing is written afterwards.
WITH gone AS (DELETE FROM inbox WHERE project_id = %(project_id)s RETURNING events, bytes)
INSERT INTO bus_counter AS c (slot, removed_events, removed_bytes)
SELECT -65, coalesce(sum(events), 0), coalesce(sum(bytes), 0) FROM gone
ON CONFLICT (slot) DO UPDATE SET
    removed_events = c.removed_events + excluded.removed_events,
    removed_bytes = c.removed_bytes + excluded.removed_bytes
RETURNING (SELECT coalesce(sum(events), 0) FROM gone);

-- name: rows
-- Removes a project's rows from one table.
DELETE FROM {table} WHERE project_id = %(project_id)s;

-- name: count_purged
-- Keeps the books straight: what was taken off the bus unprocessed is an outcome too.
INSERT INTO outcome_count AS o (minute, slot, project_id, outcome, events)
VALUES (date_trunc('minute', now()), -1, %(project_id)s, 'purged', %(events)s)
ON CONFLICT (minute, slot, project_id, outcome) DO UPDATE SET events = o.events + excluded.events;
