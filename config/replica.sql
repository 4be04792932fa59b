-- name: behind
-- Tells for how many seconds a standby has lagged behind what it has received: 0 where it has replayed all of it, -1
-- where it has replayed no commit yet. NULL on a primary.
SELECT CASE
    WHEN NOT pg_is_in_recovery() THEN NULL
    WHEN pg_last_wal_replay_lsn() >= pg_last_wal_receive_lsn() THEN 0
    ELSE coalesce(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()), -1)
END;
