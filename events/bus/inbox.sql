-- name: append
-- Adds one batch and counts it, durably once the transaction commits.
WITH counted AS (
    INSERT INTO bus_counter AS c (slot, appended_events, appended_bytes)
    VALUES (%(slot)s, %(events)s + %(rejected)s, %(bytes)s)
    ON CONFLICT (slot) DO UPDATE SET
        appended_events = c.appended_events + excluded.appended_events,
        appended_bytes = c.appended_bytes + excluded.appended_bytes
)
INSERT INTO inbox (project_id, lane, events, bytes, rows_copy, rejects)
VALUES (%(project_id)s, %(lane)s, %(events)s + %(rejected)s, %(bytes)s, %(rows)b, %(rejects)b);

-- name: depth
-- Reads what waits: sums over a few counter rows and the head of the queue.
SELECT coalesce(sum(appended_events - removed_events), 0)::bigint,
       coalesce(sum(appended_bytes - removed_bytes), 0)::bigint,
       coalesce(sum(removed_events), 0)::bigint,
       (SELECT enqueued_at FROM inbox ORDER BY id LIMIT 1),
       clock_timestamp()
FROM bus_counter;

-- name: claim
-- Holds the oldest free batches up to a bound and counts the attempt. A batch tried before is claimed alone:
-- if it kills its worker again, no neighbour is blamed.
WITH free AS (
    SELECT id, events, bytes, attempts FROM inbox
    WHERE claimed_by IS NULL
    ORDER BY id LIMIT %(batches)s
    FOR UPDATE SKIP LOCKED
), placed AS (
    SELECT id,
           attempts,
           row_number() OVER oldest AS position,
           sum(events) OVER oldest AS events,
           sum(bytes) OVER oldest AS bytes,
           first_value(attempts) OVER oldest AS head_attempts
    FROM free
    WINDOW oldest AS (ORDER BY id ROWS UNBOUNDED PRECEDING)
)
UPDATE inbox SET attempts = inbox.attempts + 1, claimed_by = %(slot)s, claimed_at = clock_timestamp()
FROM placed
WHERE inbox.id = placed.id
  AND (position = 1
       OR (placed.events <= %(events)s AND placed.bytes <= %(bytes)s
           AND placed.attempts = 0 AND head_attempts = 0))
RETURNING inbox.id;

-- name: take
-- Reads the batches that are still held by this slot and locks them until the transaction ends.
SELECT id, attempts, project_id, lane, events, rows_copy, rejects
FROM inbox
WHERE id = ANY(%(ids)s) AND claimed_by = %(slot)s
ORDER BY id
FOR UPDATE;

-- name: settle
-- Removes settled batches and counts what left.
WITH gone AS (
    DELETE FROM inbox WHERE id = ANY(%(ids)s) RETURNING events, bytes
)
INSERT INTO bus_counter AS c (slot, removed_events, removed_bytes)
SELECT %(slot)s, coalesce(sum(events), 0), coalesce(sum(bytes), 0) FROM gone
ON CONFLICT (slot) DO UPDATE SET
    removed_events = c.removed_events + excluded.removed_events,
    removed_bytes = c.removed_bytes + excluded.removed_bytes;

-- name: release
-- Gives batches back with the attempt uncounted; one that another slot holds by now stays there.
UPDATE inbox SET claimed_by = nullif(claimed_by, %(slot)s), attempts = greatest(attempts - 1, 0)
WHERE id = ANY(%(ids)s);

-- name: lock_slot
-- Takes a processor slot for as long as this session lives.
SELECT pg_try_advisory_lock(%(space)s, %(slot)s);

-- name: recover
-- Frees the batches of slots that nobody holds, of this slot's former holder, and of holders that froze.
UPDATE inbox SET claimed_by = NULL, claimed_at = NULL
WHERE id IN (
    SELECT id FROM inbox
    WHERE claimed_by IS NOT NULL
      AND ((claimed_by = %(slot)s AND %(own)s)
           OR claimed_at < clock_timestamp() - make_interval(secs => %(lease)s)
           OR NOT EXISTS (
               SELECT FROM pg_locks
               WHERE locktype = 'advisory' AND granted AND classid = %(space)s AND objid = claimed_by
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())))
    FOR UPDATE SKIP LOCKED
);
