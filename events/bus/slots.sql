-- name: lock_slot
-- Takes a processor slot for as long as this session lives.
SELECT pg_try_advisory_lock(%(space)s, %(slot)s);
