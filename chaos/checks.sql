-- name: create
-- Makes the oracle's own tables: what was sent, what was acknowledged, and how far its logs are loaded.
CREATE SCHEMA IF NOT EXISTS chaos;
CREATE TABLE IF NOT EXISTS chaos.sent (
    request integer NOT NULL,
    project_id integer NOT NULL,
    event_id uuid NOT NULL,
    hash uuid NOT NULL
);
CREATE TABLE IF NOT EXISTS chaos.acknowledged (request integer PRIMARY KEY);
CREATE TABLE IF NOT EXISTS chaos.loaded (log text PRIMARY KEY, bytes bigint NOT NULL);
INSERT INTO chaos.loaded VALUES ('sent', 0), ('acknowledged', 0) ON CONFLICT DO NOTHING;

-- name: loaded
-- Tells how many bytes of a log are in its table.
SELECT bytes FROM chaos.loaded WHERE log = %(log)s FOR UPDATE;

-- name: copy_sent
-- Takes lines of the oracle's log as they are.
COPY chaos.sent (request, project_id, event_id, hash) FROM STDIN;

-- name: copy_acknowledged
-- Takes lines of the oracle's log as they are.
COPY chaos.acknowledged (request) FROM STDIN;

-- name: note_loaded
-- Notes how far a log is loaded, within the transaction that loaded it.
UPDATE chaos.loaded SET bytes = %(bytes)s WHERE log = %(log)s;

-- name: letters
-- Lists the dead letters of the tested projects.
SELECT id, stage, reason, message, raw FROM dead_letter WHERE project_id = ANY(%(projects)s);

-- name: books
-- Lists accepted, what waits in the inbox and at processors, and each outcome, all of one moment.
SELECT 'accepted', coalesce(sum(appended_events), 0)::bigint FROM bus_counter
UNION ALL SELECT 'waiting', coalesce(sum(events), 0)::bigint FROM (
    SELECT events FROM inbox UNION ALL SELECT events FROM bus_held
) AS waiting
UNION ALL (SELECT outcome, sum(events)::bigint FROM outcome_count GROUP BY outcome);

-- name: reconcile
-- Compares what was sent with what is stored. `dead` are the ids of dead letters. Every id gets at most one verdict.
WITH stored AS (
    SELECT project_id, event_id, count(*) AS copies, min(hash) AS least, max(hash) AS greatest
    FROM (
        SELECT project_id, event_id,
               md5(concat_ws('|', type, user_id, (extract(epoch FROM ts) * 1000)::bigint, props::text)) AS hash
        FROM event WHERE project_id = ANY(%(projects)s)
    ) AS hashed
    GROUP BY 1, 2
), judged AS (
    SELECT event_id,
           CASE
               WHEN s.event_id IS NULL THEN 'never sent'
               WHEN e.copies > 1 THEN 'doubled'
               WHEN e.copies = 1 AND event_id = ANY(%(dead)s::uuid[]) THEN 'stored and dead'
               WHEN e.copies = 1 AND e.least <> replace(s.hash::text, '-', '') THEN 'altered'
               WHEN e.copies IS NULL AND a.request IS NOT NULL AND event_id <> ALL(%(dead)s::uuid[]) THEN 'lost'
           END AS verdict
    FROM chaos.sent s
    LEFT JOIN chaos.acknowledged a USING (request)
    FULL JOIN stored e USING (project_id, event_id)
)
SELECT verdict, count(*), (array_agg(event_id::text ORDER BY event_id))[1:5] FROM judged
WHERE verdict IS NOT NULL GROUP BY 1 ORDER BY 1;

-- name: events_of_users
-- Reads users and times of a share of the users, to compute their sessions from scratch.
SELECT user_id, ts FROM event
WHERE project_id = %(project_id)s AND abs(hashtext(user_id)::bigint) %% %(shares)s = %(share)s;

-- name: sessions_of_users
-- Reads the sessions of that share.
SELECT user_id, start_ts, end_ts, events FROM session
WHERE project_id = %(project_id)s AND abs(hashtext(user_id)::bigint) %% %(shares)s = %(share)s;

-- name: raw_counts
-- Counts the raw events by minute, once for all rollups of counts. What retention took cannot be compared.
CREATE TEMP TABLE raw_counts ON COMMIT DROP AS
SELECT project_id, date_trunc('minute', ts, 'UTC') AS bucket, type, count(*) AS events
FROM event, rollup_bounds WHERE ts >= sealed_before GROUP BY 1, 2, 3;

-- name: raw_users
-- Lists who was there in which hour.
CREATE TEMP TABLE raw_users ON COMMIT DROP AS
SELECT DISTINCT project_id, date_trunc('hour', ts, 'UTC') AS bucket, user_id
FROM event, rollup_bounds WHERE ts >= sealed_before;

-- name: raw_values
-- Sums up the numbers of each hour.
CREATE TEMP TABLE raw_values ON COMMIT DROP AS
SELECT project_id, date_trunc('hour', ts, 'UTC') AS bucket, type,
       count(*) AS n, sum(v) AS sum, min(v) AS least, max(v) AS greatest
FROM (
    SELECT project_id, ts, type, (props ->> 'value')::numeric AS v
    FROM event, rollup_bounds WHERE ts >= sealed_before AND jsonb_typeof(props -> 'value') = 'number'
) AS numbers
GROUP BY 1, 2, 3;

-- name: wrong_counts
-- Counts the buckets of a rollup of counts that differ from the raw events.
WITH raw AS (
    SELECT project_id, date_trunc({unit}, bucket, 'UTC') AS bucket, type, sum(events) AS events
    FROM raw_counts GROUP BY 1, 2, 3
), kept AS (
    SELECT project_id, bucket, type, sum(count) AS events
    FROM {relation}, rollup_bounds WHERE bucket >= sealed_before GROUP BY 1, 2, 3
)
SELECT count(*), (array_agg(concat_ws(' ', project_id, bucket, type, kept.events, 'for', raw.events)))[1:3]
FROM raw FULL JOIN kept USING (project_id, bucket, type) WHERE raw.events IS DISTINCT FROM kept.events;

-- name: wrong_users
-- Counts the users that a rollup has too much or too few.
WITH raw AS (
    SELECT DISTINCT project_id, date_trunc({unit}, bucket, 'UTC') AS bucket, user_id, 1 AS here FROM raw_users
), kept AS (
    SELECT DISTINCT project_id, bucket, user_id, 1 AS here
    FROM {relation}, rollup_bounds WHERE bucket >= sealed_before
)
SELECT count(*), (array_agg(concat_ws(' ', project_id, bucket, user_id)))[1:3]
FROM raw FULL JOIN kept USING (project_id, bucket, user_id) WHERE raw.here IS DISTINCT FROM kept.here;

-- name: wrong_values
-- Counts the buckets of a rollup of numbers that differ from the raw events.
WITH raw AS (
    SELECT project_id, date_trunc({unit}, bucket, 'UTC') AS bucket, type,
           array[sum(n), sum(sum), min(least), max(greatest)] AS figures
    FROM raw_values GROUP BY 1, 2, 3
), kept AS (
    SELECT project_id, bucket, type, array[sum(n), sum(sum), min(min), max(max)] AS figures
    FROM {relation}, rollup_bounds WHERE bucket >= sealed_before GROUP BY 1, 2, 3
)
SELECT count(*), (array_agg(concat_ws(' ', project_id, bucket, type, kept.figures, 'for', raw.figures)))[1:3]
FROM raw FULL JOIN kept USING (project_id, bucket, type) WHERE raw.figures IS DISTINCT FROM kept.figures;
