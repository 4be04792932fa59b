-- name: left
-- Counts what still has to be processed: events in the bus, and users whose sessions are to be rebuilt.
SELECT (SELECT coalesce(sum(events), 0)::bigint FROM inbox), (SELECT count(*) FROM session_work);
