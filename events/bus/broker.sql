-- name: begin
-- Begins to keep account of the broker, once; what lies in it already may be of any age. Attempts at messages that
-- somebody deleted would stay for ever.
WITH gone AS (DELETE FROM bus_attempt WHERE counted_at < clock_timestamp() - interval '30 days')
INSERT INTO bus_look (looked_at, as_of)
VALUES ('-infinity', CASE WHEN %(empty)s THEN clock_timestamp() ELSE to_timestamp(0) END)
ON CONFLICT (one) DO NOTHING;

-- name: forget
-- Ends the account, for another bus carries the batches; not while somebody who takes from the broker lives.
WITH live AS (
    SELECT FROM bus_held
    WHERE EXISTS (
        SELECT FROM pg_locks
        WHERE locktype = 'advisory' AND granted AND classid = %(space)s AND objid = slot AND pid = backend
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
), look AS (
    DELETE FROM bus_look WHERE NOT EXISTS (SELECT FROM live)
), held AS (
    DELETE FROM bus_held WHERE NOT EXISTS (SELECT FROM live)
)
SELECT count(*) FROM live;

-- name: now
-- Tells a moment that is before whatever is read next.
SELECT clock_timestamp();

-- name: hold
-- Writes down what a holder has, and a moment since which it has read all that had been sent to it.
INSERT INTO bus_held AS h (holder, slot, backend, looked_at, events, bytes, oldest_at)
VALUES (%(holder)s, %(slot)s, pg_backend_pid(),
        coalesce(%(looked_at)s::timestamptz, '-infinity'),
        %(events)s, %(bytes)s, %(oldest_at)s)
ON CONFLICT (holder) DO UPDATE SET
    slot = excluded.slot, backend = excluded.backend, looked_at = greatest(h.looked_at, excluded.looked_at),
    events = excluded.events, bytes = excluded.bytes, oldest_at = excluded.oldest_at;

-- name: count_attempt
-- Counts the attempt at a suspect, before the work. Its first delivery was not counted.
INSERT INTO bus_attempt AS a (message_id, attempts) VALUES (%(message)s, 2)
ON CONFLICT (message_id) DO UPDATE SET attempts = a.attempts + 1, counted_at = clock_timestamp()
RETURNING attempts;

-- name: uncount_attempt
-- Takes the attempt back: the fault was not the suspect's.
UPDATE bus_attempt SET attempts = attempts - 1 WHERE message_id = %(message)s;

-- name: settle
-- Counts settled batches in and out at once: a broker's batches enter the books when they leave it.
WITH counted AS (
    INSERT INTO bus_counter AS c (slot, appended_events, appended_bytes, removed_events, removed_bytes)
    VALUES (%(slot)s, %(events)s, %(bytes)s, %(events)s, %(bytes)s)
    ON CONFLICT (slot) DO UPDATE SET
        appended_events = c.appended_events + excluded.appended_events,
        appended_bytes = c.appended_bytes + excluded.appended_bytes,
        removed_events = c.removed_events + excluded.removed_events,
        removed_bytes = c.removed_bytes + excluded.removed_bytes
), judged AS (
    DELETE FROM bus_attempt WHERE message_id = ANY(%(suspects)s)
)
UPDATE bus_held SET
    events = %(held_events)s, bytes = %(held_bytes)s, oldest_at = %(oldest_at)s,
    settled_messages = settled_messages + %(messages)s,
    settled_events = settled_events + %(events)s,
    settled_bytes = settled_bytes + %(bytes)s
WHERE holder = %(holder)s;

-- name: reap
-- Forgets holders whose session has ended, and this one's own account where it lost what it held: that is in the
-- broker again, so nothing younger may be called complete until the broker was seen empty anew, by a look that began
-- later.
WITH gone AS (
    DELETE FROM bus_held
    WHERE holder = %(own)s
       OR NOT EXISTS (
           SELECT FROM pg_locks
           WHERE locktype = 'advisory' AND granted AND classid = %(space)s AND objid = slot AND pid = backend
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
    RETURNING oldest_at
)
UPDATE bus_look SET
    empty_at = NULL, seen_at = clock_timestamp(), as_of = least(as_of, (SELECT min(oldest_at) FROM gone))
WHERE EXISTS (SELECT FROM gone);

-- name: begin_look
-- Makes this processor the one that looks at the broker, unless another did a moment ago.
UPDATE bus_look SET looked_at = clock_timestamp()
WHERE looked_at < clock_timestamp() - make_interval(secs => %(every)s)
RETURNING looked_at, (SELECT count(*) FROM bus_held);

-- name: end_look
-- Writes down what was seen. Where the broker was once seen empty, and every holder has read all that was sent to it
-- since that look was over, everything that came before the look is settled or among what holders have.
WITH holders AS (
    SELECT min(looked_at) AS read_at, sum(settled_messages) AS messages, sum(settled_events) AS events,
           sum(settled_bytes) AS bytes
    FROM bus_held
), judged AS (
    SELECT %(whole)s AND empty_at IS NOT NULL
           AND coalesce(seen_at + make_interval(secs => %(margin)s) <= read_at, false) AS complete,
           %(whole)s AND %(ready)s = 0 AND coalesce(seen_at <= %(at)s, true) AS empty
    FROM bus_look, holders
    FOR UPDATE OF bus_look
)
UPDATE bus_look SET
    ready_messages = %(ready)s,
    as_of = CASE WHEN complete THEN greatest(as_of, empty_at) ELSE as_of END,
    empty_at = CASE WHEN empty AND (complete OR empty_at IS NULL) THEN %(at)s WHEN NOT complete THEN empty_at END,
    seen_at = CASE WHEN empty AND (complete OR empty_at IS NULL) THEN clock_timestamp() ELSE seen_at END,
    mean_events = CASE WHEN messages > 0 THEN events / messages ELSE mean_events END,
    mean_bytes = CASE WHEN messages > 0 THEN bytes / messages ELSE mean_bytes END
FROM judged, holders;

-- name: known
-- Reads what is known of the broker without asking it: what processors hold, and what was ready when one last looked.
SELECT held.events, held.bytes, coalesce(look.ready_messages, 0), look.mean_events, look.mean_bytes,
       least(coalesce(look.as_of, to_timestamp(0)), held.oldest_at), clock_timestamp()
FROM (SELECT coalesce(sum(events), 0)::bigint AS events, coalesce(sum(bytes), 0)::bigint AS bytes,
             min(oldest_at) AS oldest_at
      FROM bus_held) AS held
LEFT JOIN bus_look AS look ON true;

-- name: left
-- Counts, roughly, what came before a moment and is not known to be settled: at least one where anything may be.
SELECT CASE WHEN least(coalesce((SELECT as_of FROM bus_look), '-infinity'), (SELECT min(oldest_at) FROM bus_held))
                 >= %(since)s THEN 0
            ELSE greatest(1, coalesce((SELECT sum(events) FROM bus_held), 0)
                             + coalesce((SELECT ready_messages * mean_events FROM bus_look), 0)) END::bigint;
