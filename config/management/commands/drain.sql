-- name: left
-- Counts what still has to be done: events in the bus, users whose sessions are to be rebuilt, late events that
-- rollups miss.
SELECT (SELECT coalesce(sum(events), 0)::bigint FROM inbox), (SELECT count(*) FROM session_work),
       (SELECT count(*) FROM rollup_pending);
