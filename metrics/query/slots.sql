-- name: take
-- Takes a slot that is free, for as long as the transaction lasts. Those who wait for one already go first.
SELECT slot FROM generate_series(0, %(slots)s - 1) AS slot
WHERE pg_try_advisory_xact_lock(%(space)s, slot) LIMIT 1;

-- name: be_patient
-- Says how many milliseconds the next statement may wait.
SELECT set_config('lock_timeout', %(milliseconds)s, true);

-- name: wait
-- Waits for one slot.
SELECT pg_advisory_xact_lock(%(space)s, %(slot)s);

-- name: alone
-- Keeps a heavy statement to one core, however many there are. From here on it waits for locks as others do.
SELECT set_config('max_parallel_workers_per_gather', '0', true), set_config('lock_timeout', '0', true);
