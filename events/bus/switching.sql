-- name: waiting
-- Counts what waits in the inbox.
SELECT coalesce(sum(events), 0)::bigint FROM inbox;

-- name: free
-- Reads the oldest batches that no living processor holds and locks them until the transaction ends.
SELECT id, attempts, project_id, lane, events, rows_copy, rejects
FROM inbox
WHERE claimed_by IS NULL
   OR NOT EXISTS (
       SELECT FROM pg_locks
       WHERE locktype = 'advisory' AND granted AND classid = %(space)s AND objid = claimed_by
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
ORDER BY id LIMIT %(some)s
FOR UPDATE SKIP LOCKED;

-- name: moved
-- Removes batches that a broker has now. They leave the books, and enter them again when they leave the broker; and
-- nothing younger may be called complete until the broker was seen empty anew.
WITH gone AS (
    DELETE FROM inbox WHERE id = ANY(%(ids)s) RETURNING events, bytes, enqueued_at
), total AS (
    SELECT coalesce(sum(events), 0) AS events, coalesce(sum(bytes), 0) AS bytes, min(enqueued_at) AS since FROM gone
), look AS (
    UPDATE bus_look SET empty_at = NULL, seen_at = clock_timestamp(), as_of = least(as_of, (SELECT since FROM total))
)
INSERT INTO bus_counter AS c (slot, appended_events, appended_bytes)
SELECT 0, -events, -bytes FROM total
ON CONFLICT (slot) DO UPDATE SET
    appended_events = c.appended_events + excluded.appended_events,
    appended_bytes = c.appended_bytes + excluded.appended_bytes;

-- name: left_in_broker
-- Tells what a broker that was the bus until now is known to have held: about so many events.
SELECT (coalesce((SELECT sum(events) FROM bus_held), 0)
        + coalesce((SELECT ready_messages * coalesce(mean_events, 1) FROM bus_look), 0))::bigint;
