-- The bus: one row per appended batch, held by at most one processor slot at a time.
CREATE TABLE inbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    project_id integer NOT NULL,
    lane text NOT NULL,
    events integer NOT NULL,
    bytes integer NOT NULL,
    attempts smallint NOT NULL DEFAULT 0,
    claimed_by smallint,
    claimed_at timestamptz,
    enqueued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    rows_copy bytea NOT NULL,
    rejects bytea
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, fillfactor = 80);
-- A batch is already dense: compressing it again costs more than it saves.
ALTER TABLE inbox ALTER COLUMN rows_copy SET STORAGE EXTERNAL, ALTER COLUMN rejects SET STORAGE EXTERNAL;
CREATE INDEX inbox_free ON inbox (id) WHERE claimed_by IS NULL;
CREATE INDEX inbox_claimed ON inbox (claimed_by) WHERE claimed_by IS NOT NULL;

-- What went in and came out of the bus, summed per writer, so that its depth is read from a few rows.
CREATE TABLE bus_counter (
    slot smallint PRIMARY KEY,
    appended_events bigint NOT NULL DEFAULT 0,
    appended_bytes bigint NOT NULL DEFAULT 0,
    removed_events bigint NOT NULL DEFAULT 0,
    removed_bytes bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- The dedup ledger: exactly one row per (project, event id) seen within the window.
CREATE TABLE event_key (
    project_id integer NOT NULL,
    event_id uuid NOT NULL,
    ts timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    payload_hash bigint NOT NULL,
    PRIMARY KEY (project_id, event_id)
);
CREATE INDEX event_key_seen ON event_key USING brin (seen_at) WITH (pages_per_range = 32);

-- What became of every accepted event. The oldest minutes are folded into '-infinity'.
CREATE TABLE outcome_count (
    minute timestamptz NOT NULL,
    slot smallint NOT NULL,
    project_id integer NOT NULL,
    outcome text NOT NULL,
    events bigint NOT NULL,
    PRIMARY KEY (minute, slot, project_id, outcome)
) WITH (fillfactor = 70);
