-- name: slots
-- Counts the processors that hold a slot.
SELECT count(*) FROM pg_locks
WHERE locktype = 'advisory' AND granted AND classid = %(space)s
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database());

-- name: appended
-- Reads how many events were ever accepted.
SELECT coalesce(sum(appended_events), 0)::bigint FROM bus_counter;
