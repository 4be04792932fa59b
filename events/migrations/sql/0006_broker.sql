-- What each holder of a broker's messages has taken and not settled; `looked_at` is when it had read all that was sent.
CREATE TABLE bus_held (
    holder uuid PRIMARY KEY,
    slot smallint NOT NULL,
    backend integer NOT NULL,
    looked_at timestamptz NOT NULL,
    events bigint NOT NULL,
    bytes bigint NOT NULL,
    oldest_at timestamptz,
    settled_messages bigint NOT NULL DEFAULT 0,
    settled_events bigint NOT NULL DEFAULT 0,
    settled_bytes bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- What was seen of the broker: one row, or none where no broker is the bus. A look that found it empty began at
-- `empty_at` and was over at `seen_at`.
CREATE TABLE bus_look (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    looked_at timestamptz NOT NULL,
    ready_messages bigint NOT NULL DEFAULT 0,
    mean_events double precision,
    mean_bytes double precision,
    empty_at timestamptz,
    seen_at timestamptz,
    as_of timestamptz NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- How often a suspect message was in work. Its row goes when it is settled.
CREATE TABLE bus_attempt (
    message_id uuid PRIMARY KEY,
    attempts smallint NOT NULL,
    counted_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
