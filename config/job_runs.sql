-- name: started
-- Notes that a run has begun.
INSERT INTO job_run (name, started_at) VALUES (%(name)s, %(started_at)s)
ON CONFLICT (name) DO UPDATE SET started_at = excluded.started_at;

-- name: finished
-- Adds runs and failures, and notes the last run; what failed before stays until something fails again.
INSERT INTO job_run AS known
       (name, started_at, finished_at, seconds, ok, message, runs, failures, last_failure_at, last_failure)
VALUES (%(name)s, %(started_at)s, %(finished_at)s, %(seconds)s, %(ok)s, %(message)s, %(runs)s, %(failures)s,
        %(last_failure_at)s, %(last_failure)s)
ON CONFLICT (name) DO UPDATE
SET started_at = excluded.started_at, finished_at = excluded.finished_at, seconds = excluded.seconds,
    ok = excluded.ok, message = excluded.message,
    runs = known.runs + excluded.runs, failures = known.failures + excluded.failures,
    last_failure_at = coalesce(excluded.last_failure_at, known.last_failure_at),
    last_failure = CASE WHEN excluded.last_failure_at IS NULL THEN known.last_failure ELSE excluded.last_failure END;
