-- name: create_staging
-- One staging table a session, emptied by every commit. Its columns are those of a batch's COPY lines.
CREATE TEMP TABLE IF NOT EXISTS staging (
    project_id integer NOT NULL,
    event_id uuid NOT NULL,
    ts timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    type text NOT NULL,
    user_id text NOT NULL,
    anonymous_id text,
    props jsonb NOT NULL,
    flags smallint NOT NULL
) ON COMMIT DELETE ROWS;
-- name: create_duplicates
-- Where repeats of an id wait to be counted.
CREATE TEMP TABLE IF NOT EXISTS staging_duplicate (
    project_id integer NOT NULL,
    event_id uuid NOT NULL,
    payload_hash bigint NOT NULL
) ON COMMIT DELETE ROWS;

-- name: living
-- Finds which projects are there to stay, and lets their removal wait until this transaction ends.
SELECT id FROM project WHERE id = ANY(%(ids)s) AND NOT removing ORDER BY id FOR KEY SHARE;

-- name: copy
-- Takes a batch's lines as they are.
COPY staging FROM STDIN;

-- name: days
-- Lists the UTC days of the staged events.
SELECT DISTINCT (ts AT TIME ZONE 'UTC')::date FROM staging;

-- name: enter
-- Enters new ids in the ledger, in one order everywhere, so that two processors cannot deadlock.
INSERT INTO event_key (project_id, event_id, ts, seen_at, payload_hash)
SELECT project_id, event_id, ts, now(),
       hashtextextended(type, 0) # hashtextextended(user_id, 1) # jsonb_hash_extended(props, 2)
FROM staging
ORDER BY project_id, event_id, ctid
ON CONFLICT DO NOTHING;

-- name: set_aside
-- Leaves in staging only the first row of each id that this transaction entered (xmin tells), the rest aside.
WITH fresh AS (
    SELECT min(s.ctid) AS row
    FROM staging s JOIN event_key k USING (project_id, event_id)
    WHERE k.xmin = pg_current_xact_id()::xid
    GROUP BY s.project_id, s.event_id
), gone AS (
    DELETE FROM staging s
    WHERE NOT EXISTS (SELECT FROM fresh WHERE fresh.row = s.ctid)
    RETURNING project_id, event_id,
              hashtextextended(type, 0) # hashtextextended(user_id, 1) # jsonb_hash_extended(props, 2)
)
INSERT INTO staging_duplicate SELECT * FROM gone;

-- name: count_duplicates
-- Counts what was set aside by project, and whether the payload is that of the stored event.
-- An id that was pruned from the ledger meanwhile counts as a plain duplicate.
SELECT d.project_id, coalesce(d.payload_hash = k.payload_hash, true), count(*)
FROM staging_duplicate d LEFT JOIN event_key k USING (project_id, event_id)
GROUP BY 1, 2;

-- name: count_fresh
-- Counts what is about to be stored, by project.
SELECT project_id, count(*) FROM staging GROUP BY 1;

-- name: count_outcome
-- Adds to a minute's outcome counters.
INSERT INTO outcome_count AS o (minute, slot, project_id, outcome, events)
VALUES (date_trunc('minute', now()), %(slot)s, %(project_id)s, %(outcome)s, %(events)s)
ON CONFLICT (minute, slot, project_id, outcome) DO UPDATE SET events = o.events + excluded.events;
