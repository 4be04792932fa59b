-- Counts by minute, hour and day. `slot` is the processor's number: two processors never wait for one row.
CREATE TABLE rollup_events_1m_slot (
    project_id integer NOT NULL,
    bucket timestamptz NOT NULL,
    type text NOT NULL,
    slot smallint NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY (project_id, bucket, type, slot)
) WITH (fillfactor = 70);
CREATE TABLE rollup_events_1h_slot (LIKE rollup_events_1m_slot INCLUDING ALL) WITH (fillfactor = 70);
CREATE TABLE rollup_events_1d_slot (LIKE rollup_events_1m_slot INCLUDING ALL) WITH (fillfactor = 70);

-- The names that questions use on every engine. A (project, bucket, type) may show several rows: sum them.
CREATE VIEW rollup_events_1m AS SELECT project_id, bucket, type, count FROM rollup_events_1m_slot;
CREATE VIEW rollup_events_1h AS SELECT project_id, bucket, type, count FROM rollup_events_1h_slot;
CREATE VIEW rollup_events_1d AS SELECT project_id, bucket, type, count FROM rollup_events_1d_slot;

-- Who was there: exact, one row per user and hour, and per user and day. A range's users are the distinct ones.
CREATE TABLE rollup_users_1h (
    project_id integer NOT NULL,
    bucket timestamptz NOT NULL,
    user_id text NOT NULL,
    PRIMARY KEY (project_id, bucket, user_id)
);
CREATE TABLE rollup_users_1d (LIKE rollup_users_1h INCLUDING ALL);
