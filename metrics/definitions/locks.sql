-- name: shared
-- Comes after whoever computes rollups anew, and lets none begin: what is read next is what they left. No table's lock:
-- one that is as strong would keep autovacuum from the table.
SELECT pg_advisory_xact_lock_shared(%(space)s, 0);

-- name: alone
-- Waits for processors, and holds them back while rollups are computed anew.
SELECT pg_advisory_xact_lock(%(space)s, 0);

-- name: turn
-- Waits for whoever else computes rollups anew, and lets no other begin; processors go on.
SELECT pg_advisory_xact_lock(%(space)s, 1);

-- name: patience
-- Reads how long a lock is waited for.
SELECT current_setting('lock_timeout');

-- name: wait
-- Says how long a lock is waited for until the transaction ends.
SELECT set_config('lock_timeout', %(patience)s, true);
