-- The raw events, a hypertable. No unique key: the ledger dedups. Its chunks are UTC days unless set.
CREATE TABLE event (
    project_id integer NOT NULL,
    event_id uuid NOT NULL,
    ts timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    type text NOT NULL,
    user_id text NOT NULL,
    anonymous_id text,
    props jsonb NOT NULL,
    flags smallint NOT NULL DEFAULT 0
);
SELECT create_hypertable('event', by_range('ts', INTERVAL '1 day'), create_default_indexes => false);
