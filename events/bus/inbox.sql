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
-- Reads what waits: sums over a few counter rows, and the head of the queue with and without suspects.
SELECT coalesce(sum(appended_events - removed_events), 0)::bigint,
       coalesce(sum(appended_bytes - removed_bytes), 0)::bigint,
       coalesce(sum(removed_events), 0)::bigint,
       (SELECT enqueued_at FROM inbox ORDER BY id LIMIT 1),
       (SELECT enqueued_at FROM inbox WHERE parked_until IS NULL ORDER BY parked_until, id LIMIT 1),
       clock_timestamp()
FROM bus_counter;

-- name: parked
-- Counts the events of suspects, at a cost that grows with them.
SELECT coalesce(sum(events), 0)::bigint FROM inbox WHERE claimed_by IS NULL AND parked_until IS NOT NULL;

-- name: left
-- Counts what is not settled.
SELECT coalesce(sum(events), 0)::bigint FROM inbox;

-- name: claim
-- Holds free batches up to a bound and counts the attempt: each project's oldest first, and the projects in turns, by
-- events; `ahead` is what some have had beyond their turn. A claim looks at a bounded number of projects, and tells
-- at how many it looked, at which last, and at how many batches.
WITH RECURSIVE waiting AS (
    (SELECT project_id FROM inbox
     WHERE claimed_by IS NULL AND parked_until IS NULL AND project_id > %(after)s
     ORDER BY project_id LIMIT 1)
    UNION ALL
    SELECT next.project_id
    FROM waiting CROSS JOIN LATERAL (
        SELECT i.project_id FROM inbox i
        WHERE i.claimed_by IS NULL AND i.parked_until IS NULL AND i.project_id > waiting.project_id
        ORDER BY i.project_id LIMIT 1
    ) AS next
), seen AS (
    SELECT project_id FROM waiting WHERE project_id <> ALL (%(resting)s::integer[]) LIMIT %(projects)s
), free AS (
    SELECT oldest.id, project_id, oldest.events, oldest.bytes, coalesce(debt.events, 0) AS ahead
    FROM seen
    LEFT JOIN unnest(%(in_debt)s::integer[], %(ahead)s::bigint[]) AS debt (project_id, events) USING (project_id)
    CROSS JOIN LATERAL (
        SELECT i.id, i.events, i.bytes FROM inbox i
        -- Not `=`: the planner would then think of walking the primary key through everybody's batches.
        WHERE i.project_id BETWEEN seen.project_id AND seen.project_id
          AND i.claimed_by IS NULL AND i.parked_until IS NULL
        ORDER BY i.project_id, i.id LIMIT %(share)s
        FOR UPDATE SKIP LOCKED
    ) AS oldest
), turns AS (
    SELECT id, project_id, events, bytes,
           ahead + sum(events) OVER (PARTITION BY project_id ORDER BY id) - events AS turn
    FROM free
), placed AS (
    SELECT id, project_id,
           row_number() OVER fair AS position,
           sum(events) OVER fair AS events,
           sum(bytes) OVER fair AS bytes,
           first_value(project_id) OVER fair AS first_project
    FROM turns
    WINDOW fair AS (ORDER BY turn, id ROWS UNBOUNDED PRECEDING)
)
UPDATE inbox SET attempts = attempts + 1, claimed_by = %(slot)s, claimed_at = clock_timestamp()
WHERE id = ANY (ARRAY(
    SELECT id FROM placed
    WHERE position = 1
       OR (events <= %(events)s AND bytes <= %(bytes)s
           AND (project_id = first_project OR NOT %(one_project)s))))
RETURNING id, project_id, events,
          (SELECT count(*) FROM seen), (SELECT max(project_id) FROM seen), (SELECT count(*) FROM placed);

-- name: claim_suspect
-- Holds the suspect that is due longest, alone: if it kills its worker, or is refused, no neighbour is blamed. It steps
-- from project to project too: those that rest may have very many.
WITH RECURSIVE suspected AS (
    (SELECT project_id FROM inbox
     WHERE claimed_by IS NULL AND parked_until IS NOT NULL
     ORDER BY project_id LIMIT 1)
    UNION ALL
    SELECT next.project_id
    FROM suspected CROSS JOIN LATERAL (
        SELECT i.project_id FROM inbox i
        WHERE i.claimed_by IS NULL AND i.parked_until IS NOT NULL AND i.project_id > suspected.project_id
        ORDER BY i.project_id LIMIT 1
    ) AS next
), due AS (
    SELECT oldest.id, oldest.parked_until
    FROM suspected CROSS JOIN LATERAL (
        SELECT i.id, i.parked_until FROM inbox i
        WHERE i.project_id BETWEEN suspected.project_id AND suspected.project_id
          AND i.claimed_by IS NULL AND i.parked_until <= clock_timestamp()
        ORDER BY i.project_id, i.parked_until, i.id LIMIT 1
        FOR UPDATE SKIP LOCKED
    ) AS oldest
    WHERE suspected.project_id <> ALL (%(resting)s::integer[])
)
UPDATE inbox SET attempts = attempts + 1, claimed_by = %(slot)s, claimed_at = clock_timestamp()
WHERE id = (SELECT id FROM due ORDER BY parked_until, id LIMIT 1)
RETURNING id, project_id;

-- name: rest
-- Makes suspects of what waits of projects that rest: what is not to be claimed is no lag. Some at a time.
UPDATE inbox SET parked_until = now()
WHERE id IN (
    SELECT id FROM inbox
    WHERE project_id = ANY(%(resting)s::integer[]) AND claimed_by IS NULL AND parked_until IS NULL
    LIMIT %(some)s
    FOR UPDATE SKIP LOCKED);

-- name: wake
-- Suspects no longer what waited while its project rested and was never tried itself. Some at a time.
UPDATE inbox SET parked_until = NULL
WHERE id IN (
    SELECT id FROM inbox
    WHERE project_id = ANY(%(projects)s::integer[]) AND claimed_by IS NULL AND parked_until IS NOT NULL
      AND claimed_at IS NULL AND attempts = 0
    LIMIT %(some)s
    FOR UPDATE SKIP LOCKED);

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
-- Gives batches back with the attempt uncounted; one that another slot holds by now stays there. No longer suspected
-- is what was freed from this slot by a recovery meanwhile, and has not been tried before. What a lost session still
-- has locked is left to `recover`: who waited for that would do nothing else.
UPDATE inbox SET claimed_by = nullif(claimed_by, %(slot)s), attempts = greatest(attempts - 1, 0),
                 parked_until = CASE WHEN attempts > 1 THEN parked_until END
WHERE id IN (SELECT id FROM inbox WHERE id = ANY(%(ids)s) FOR UPDATE SKIP LOCKED);

-- name: park
-- Gives batches back with the attempt uncounted, as suspects; one that another slot holds by now stays there, and so
-- does one that is locked.
UPDATE inbox SET claimed_by = nullif(claimed_by, %(slot)s), attempts = greatest(attempts - 1, 0),
                 parked_until = now() + make_interval(secs => %(seconds)s)
WHERE id IN (SELECT id FROM inbox WHERE id = ANY(%(ids)s) FOR UPDATE SKIP LOCKED);

-- name: walk_in_order
-- Keeps this transaction's claim on the ordered index. The inbox grows from empty to millions within one look of
-- ANALYZE, and a planner that thinks it empty would read and sort all of it for each claim.
SET LOCAL enable_bitmapscan = off;

-- name: recover
-- Frees the batches of slots that nobody holds, of this slot's former holder, and of holders that froze. Any of them
-- may have been the end of its holder: they are suspects. Before the last attempts a while passes: a holder that only
-- lost its connection, as all do when the disk is full, is back by then and has said that it was no death.
UPDATE inbox SET claimed_by = NULL, claimed_at = NULL,
                 parked_until = now() + CASE WHEN attempts < 3 THEN interval '0' ELSE interval '30 seconds' END
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
