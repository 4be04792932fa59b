-- name: state
-- Tells in one round trip whether the server takes writes, what the bus holds (of a broker: what it held at the last
-- look), and how many processors live.
SELECT current_setting('transaction_read_only') = 'off' AS writable,
       (SELECT coalesce(sum(appended_events - removed_events), 0)::bigint FROM bus_counter)
       + (SELECT coalesce(sum(events), 0)::bigint FROM bus_held)
       + coalesce((SELECT ready_messages * mean_events FROM bus_look), 0)::bigint AS events,
       (SELECT coalesce(sum(appended_events - removed_events), 0)::bigint FROM bus_counter) AS inbox,
       (SELECT coalesce(sum(appended_bytes - removed_bytes), 0)::bigint FROM bus_counter) AS bytes,
       coalesce((SELECT extract(epoch FROM clock_timestamp() - enqueued_at)
                 FROM inbox WHERE parked_until IS NULL ORDER BY parked_until, id LIMIT 1), 0)::float8 AS lag,
       (SELECT count(*)
        FROM pg_locks
        WHERE locktype = 'advisory' AND granted AND classid = %(space)s
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS processors;

-- name: applied
-- Tells which migrations were applied.
SELECT app, name FROM django_migrations;
