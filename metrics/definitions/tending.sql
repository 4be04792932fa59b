-- name: lock
-- Takes the lock of whoever tends definitions, unless another session has it.
SELECT pg_try_advisory_lock(%(space)s, 0);
