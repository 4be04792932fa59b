-- name: state
-- Tells in one round trip whether the server takes writes, what the bus holds, and how many processors live.
SELECT current_setting('transaction_read_only') = 'off' AS writable,
       (SELECT coalesce(sum(appended_events - removed_events), 0)::bigint FROM bus_counter) AS events,
       (SELECT coalesce(sum(appended_bytes - removed_bytes), 0)::bigint FROM bus_counter) AS bytes,
       (SELECT count(*)
        FROM pg_locks
        WHERE locktype = 'advisory' AND granted AND classid = 7301
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS processors;
