-- One row per session: a user's events with no pause longer than the session gap.
CREATE TABLE session (
    project_id integer NOT NULL,
    user_id text NOT NULL,
    start_ts timestamptz NOT NULL,
    end_ts timestamptz NOT NULL,
    session_id uuid NOT NULL,
    events integer NOT NULL,
    entry text NOT NULL,
    exit text NOT NULL,
    PRIMARY KEY (project_id, user_id, start_ts)
);
CREATE INDEX session_newest ON session (project_id, start_ts DESC, session_id DESC);
CREATE INDEX session_by_id ON session (project_id, session_id);

-- What processors touched since: one row a claim, project and shard, with the users and their spans in arrays.
-- Append-only, so that processors never wait for each other or for a rebuild.
CREATE TABLE session_work (
    id bigint GENERATED ALWAYS AS IDENTITY,
    shard smallint NOT NULL,
    project_id integer NOT NULL,
    users integer NOT NULL,
    user_ids text[] NOT NULL,
    from_ts timestamptz[] NOT NULL,
    to_ts timestamptz[] NOT NULL,
    enqueued_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
ALTER TABLE session_work
    ALTER COLUMN user_ids SET STORAGE EXTERNAL,
    ALTER COLUMN from_ts SET STORAGE EXTERNAL,
    ALTER COLUMN to_ts SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX session_work_shard ON session_work (shard, id);
