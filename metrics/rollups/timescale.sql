-- name: note
-- Notes where the staged events lie, for the refreshes: to the minute where they are recent, else to the hour.
INSERT INTO rollup_stale (spans, since)
SELECT range_agg(tstzrange(bucket, bucket + width)), min(since)
FROM (
    SELECT date_trunc(unit, ts, 'UTC') AS bucket, ('1 ' || unit)::interval AS width, min(received_at) AS since
    FROM (
        SELECT ts, received_at, CASE WHEN ts > now() - interval '1 day' THEN 'minute' ELSE 'hour' END AS unit
        FROM staging WHERE ts >= (SELECT sealed_before FROM rollup_bounds)
    ) AS fresh
    GROUP BY 1, 2
) AS touched
HAVING count(*) > 0;

-- name: has_sealed
-- Tells whether staged events lie in days whose raw events were dropped.
SELECT EXISTS (SELECT FROM staging WHERE ts < (SELECT sealed_before FROM rollup_bounds));

-- name: add_counts
-- Adds staged events to days that are never refreshed again. A (project, bucket, type) may show several rows.
INSERT INTO {table} (project_id, bucket, type, count)
SELECT project_id, time_bucket({width}, ts) AS bucket, type, count(*)
FROM staging WHERE ts < (SELECT sealed_before FROM rollup_bounds)
GROUP BY 1, 2, 3;

-- name: add_users
-- Adds users of staged events to days that are never refreshed again.
INSERT INTO {table} (project_id, bucket, user_id)
SELECT DISTINCT project_id, time_bucket({width}, ts) AS bucket, user_id
FROM staging s WHERE ts < (SELECT sealed_before FROM rollup_bounds) AND NOT EXISTS (
    SELECT FROM {table} k
    WHERE k.project_id = s.project_id AND k.bucket = time_bucket({width}, s.ts) AND k.user_id = s.user_id);

-- name: add_values
-- Adds numbers of staged events to days that are never refreshed again, as rows of their own.
INSERT INTO {table} (project_id, bucket, type, n, sum, min, max)
SELECT project_id, time_bucket({width}, ts) AS bucket, type, count(*), sum(v), min(v), max(v)
FROM (
    SELECT project_id, ts, type, (props ->> %(property)s::text)::numeric AS v
    FROM staging
    WHERE ts < (SELECT sealed_before FROM rollup_bounds) AND jsonb_typeof(props -> %(property)s::text) = 'number'
) AS numbers
GROUP BY 1, 2, 3;

-- name: tables
-- Finds the tables in which the aggregates keep their rows.
SELECT view_name::text, materialization_hypertable_schema::text, materialization_hypertable_name::text
FROM timescaledb_information.continuous_aggregates WHERE view_schema = current_schema();

-- name: is_settled
-- Tells whether everything before a day is in the aggregates, and no policy of those on the raw events reaches it.
SELECT NOT EXISTS (SELECT FROM rollup_stale WHERE lower(spans) < %(day)s::timestamptz)
   AND NOT EXISTS (
       SELECT FROM rollup_refresh
       WHERE relation = ANY(%(direct)s)
         AND (refreshed_until < %(day)s::timestamptz OR now() - policy_window < %(day)s::timestamptz));

-- name: erase_project
-- Removes a project from an aggregate.
DELETE FROM {table} WHERE project_id = %(project_id)s;

-- name: erase_user
-- Removes a user from an aggregate of users.
DELETE FROM {table} WHERE project_id = %(project_id)s AND user_id = ANY(%(ids)s);

-- name: note_erased
-- Notes where the events lie that are about to be removed: a project's, or one user's.
INSERT INTO rollup_stale (spans)
SELECT range_agg(tstzrange(hour, hour + interval '1 hour'))
FROM (
    SELECT DISTINCT date_trunc('hour', ts, 'UTC') AS hour FROM event
    WHERE project_id = %(project_id)s AND (%(ids)s::text[] IS NULL OR user_id = ANY(%(ids)s))
      AND ts >= (SELECT sealed_before FROM rollup_bounds)
) AS touched
HAVING count(*) > 0;

-- name: lend_event
-- Stores an event of nobody's that every aggregate has a part of.
INSERT INTO event (project_id, event_id, ts, received_at, type, user_id, props)
VALUES (0, gen_random_uuid(), %(ts)s, now(), '', '', '{"value": 0}');

-- name: take_event_back
-- Removes it.
DELETE FROM event WHERE project_id = 0 AND ts = %(ts)s;

-- name: policy
-- Reads an aggregate's policy; no row where it has none. The view of jobs names some aggregates by their tables.
SELECT j.schedule_interval, (j.config ->> 'start_offset')::interval, (j.config ->> 'end_offset')::interval,
       (j.config ->> 'buckets_per_batch')::integer
FROM timescaledb_information.jobs j
JOIN _timescaledb_catalog.continuous_agg a ON a.mat_hypertable_id = (j.config ->> 'mat_hypertable_id')::integer
WHERE j.proc_name = 'policy_refresh_continuous_aggregate'
  AND a.user_view_name = %(relation)s AND a.user_view_schema = current_schema();

-- name: remove_policy
-- Ends an aggregate's policy.
SELECT remove_continuous_aggregate_policy(%(relation)s, if_exists => true);

-- name: add_policy
-- Makes an aggregate's policy.
SELECT add_continuous_aggregate_policy(%(relation)s, start_offset => %(start)s, end_offset => %(lag)s,
                                       schedule_interval => %(every)s);

-- name: in_one_pass
-- Lets a policy refresh its window at once: in batches, newest first, it would leave holes while it is at work.
SELECT alter_job(job_id, config => config || '{"buckets_per_batch": 0}')
FROM timescaledb_information.jobs WHERE job_id = %(job)s;

-- name: unsealed
-- Tells how long ago the last dropped day ended: policies must not reach further. No row where none was dropped.
SELECT now() - sealed_before FROM rollup_bounds WHERE sealed_before > '-infinity';

-- name: set_lag
-- Writes down what is younger than the policies reach.
UPDATE rollup_bounds SET lag = %(lag)s WHERE lag <> %(lag)s;

-- name: set_windows
-- Writes down how far an aggregate's policy reaches, and how long it may be away without leaving a hole: a bucket
-- less, since it refreshes whole buckets only.
UPDATE rollup_refresh SET policy_window = %(start)s, max_gap = %(start)s - %(grain)s
WHERE relation = %(relation)s AND (policy_window, max_gap) IS DISTINCT FROM (%(start)s, %(start)s - %(grain)s);
