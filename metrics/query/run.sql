-- name: seen
-- The moment up to which this server has heard of everything: now; on a standby, the commit it replayed last. What was
-- accepted before a commit was told of lies before it in the log. One that has replayed nothing yet knows nothing.
SELECT CASE WHEN pg_is_in_recovery() THEN coalesce(pg_last_xact_replay_timestamp(), to_timestamp(0))
            ELSE clock_timestamp() END;

-- name: as_of
-- The moment up to which every accepted event is in the answer: the one above, or when the oldest waiting batch came
-- (with a broker: at the latest, for what is not known may be waiting, and without an account nothing is known); for
-- sessions, also when the oldest users to be rebuilt were touched, else when the oldest late event was stored, or that
-- was accepted which made one person of two whom defined metrics still count. The last three are of stored events: whether
-- there are any.
SELECT least(%(seen)s,
             (SELECT enqueued_at FROM inbox ORDER BY id LIMIT 1),
             coalesce((SELECT as_of FROM bus_look), CASE WHEN %(broker)s THEN to_timestamp(0) END),
             (SELECT min(oldest_at) FROM bus_held),
             stored.since),
       stored.since IS NOT NULL AS waits
FROM (SELECT least((SELECT min(enqueued_at) FROM session_work WHERE %(sessions)s),
                   (SELECT min(since) FROM rollup_pending WHERE NOT %(sessions)s),
                   (SELECT min(noted_at) FROM metric_note WHERE NOT %(sessions)s)) AS since) AS stored;

-- name: in_bulk
-- Joins by hashing or sorting. What was just loaded has no statistics, and is taken for a few rows: going through the
-- other side for each of them takes hours. Sessions are looked up one by one all the same: an index finds their events.
-- Reads what an index finds in the order in which it lies on disk. Postgres believes that it lies in the index's order,
-- for the leading column is one project and so in order; going by that, each page is read again for each event in it.
SELECT set_config('enable_nestloop', 'off', true), set_config('enable_indexscan', 'off', true);
