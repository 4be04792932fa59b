-- The rollups of defined metrics, by minute, hour and day. A row is of a definition, a bucket and the values of its
-- dimensions, NULL where it has none or an event has no such property. `slot` is the processor's number: two processors
-- never wait for one row; slot -1 belongs to rebuilds. Several rows of one group are merged by whoever reads.

-- Counts, and sums, the least and the greatest of numbers: `n` counts events, or those that have the number.
CREATE TABLE rollup_metric_1m (
    definition_id integer NOT NULL,
    bucket timestamptz NOT NULL,
    dim1 text,
    dim2 text,
    slot smallint NOT NULL,
    n bigint NOT NULL,
    sum numeric,
    min numeric,
    max numeric
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX rollup_metric_1m_key ON rollup_metric_1m
    (definition_id, bucket, dim1, dim2, slot) NULLS NOT DISTINCT;
CREATE TABLE rollup_metric_1h (LIKE rollup_metric_1m) WITH (fillfactor = 70);
CREATE UNIQUE INDEX rollup_metric_1h_key ON rollup_metric_1h
    (definition_id, bucket, dim1, dim2, slot) NULLS NOT DISTINCT;
CREATE TABLE rollup_metric_1d (LIKE rollup_metric_1m) WITH (fillfactor = 70);
CREATE UNIQUE INDEX rollup_metric_1d_key ON rollup_metric_1d
    (definition_id, bucket, dim1, dim2, slot) NULLS NOT DISTINCT;

-- Percentiles: how many numbers lie in each bin of a DDSketch with 1 % relative error.
CREATE TABLE rollup_metric_bin_1m (
    definition_id integer NOT NULL,
    bucket timestamptz NOT NULL,
    dim1 text,
    dim2 text,
    slot smallint NOT NULL,
    bin integer NOT NULL,
    n bigint NOT NULL
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX rollup_metric_bin_1m_key ON rollup_metric_bin_1m
    (definition_id, bucket, dim1, dim2, slot, bin) NULLS NOT DISTINCT;
CREATE TABLE rollup_metric_bin_1h (LIKE rollup_metric_bin_1m) WITH (fillfactor = 70);
CREATE UNIQUE INDEX rollup_metric_bin_1h_key ON rollup_metric_bin_1h
    (definition_id, bucket, dim1, dim2, slot, bin) NULLS NOT DISTINCT;
CREATE TABLE rollup_metric_bin_1d (LIKE rollup_metric_bin_1m) WITH (fillfactor = 70);
CREATE UNIQUE INDEX rollup_metric_bin_1d_key ON rollup_metric_bin_1d
    (definition_id, bucket, dim1, dim2, slot, bin) NULLS NOT DISTINCT;

-- Users: the hash of each. Those of a large group are folded into its registers, which stand below.
-- A hash may stand more than once: in a minute, where looking for it would cost more than storing it again, and where
-- two processors entered it at the same moment. No processor waits for another because of a user that both have.
CREATE TABLE rollup_metric_user_1m (
    definition_id integer NOT NULL,
    bucket timestamptz NOT NULL,
    hash bigint NOT NULL,
    dim1 text,
    dim2 text
);
CREATE INDEX rollup_metric_user_1m_key ON rollup_metric_user_1m (definition_id, bucket);
CREATE TABLE rollup_metric_user_1h (LIKE rollup_metric_user_1m);
CREATE INDEX rollup_metric_user_1h_key ON rollup_metric_user_1h (definition_id, bucket, hash);
CREATE TABLE rollup_metric_user_1d (LIKE rollup_metric_user_1m);
CREATE INDEX rollup_metric_user_1d_key ON rollup_metric_user_1d (definition_id, bucket, hash);

-- The large groups of users, as the registers of a HyperLogLog: a byte each, its greatest rank. Who came since they were
-- folded stands above. `stale`: so many of those in it have become others, and may count twice.
CREATE TABLE rollup_metric_dense_1m (
    definition_id integer NOT NULL,
    bucket timestamptz NOT NULL,
    dim1 text,
    dim2 text,
    stale integer NOT NULL DEFAULT 0,
    registers bytea NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX rollup_metric_dense_1m_key ON rollup_metric_dense_1m
    (definition_id, bucket, dim1, dim2) NULLS NOT DISTINCT;
CREATE TABLE rollup_metric_dense_1h (LIKE rollup_metric_dense_1m INCLUDING DEFAULTS);
CREATE UNIQUE INDEX rollup_metric_dense_1h_key ON rollup_metric_dense_1h
    (definition_id, bucket, dim1, dim2) NULLS NOT DISTINCT;
CREATE TABLE rollup_metric_dense_1d (LIKE rollup_metric_dense_1m INCLUDING DEFAULTS);
CREATE UNIQUE INDEX rollup_metric_dense_1d_key ON rollup_metric_dense_1d
    (definition_id, bucket, dim1, dim2) NULLS NOT DISTINCT;

-- Who has become another since he was counted: one row an alias, until his part in the rollups was moved.
CREATE TABLE metric_note (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    project_id integer NOT NULL,
    user_ids text[] NOT NULL,
    noted_at timestamptz NOT NULL -- when the event that said so was accepted
);
