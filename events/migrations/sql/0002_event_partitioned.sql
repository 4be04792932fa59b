-- The raw events, one partition a UTC day. No unique key: the ledger dedups.
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
) PARTITION BY RANGE (ts);
