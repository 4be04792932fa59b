-- Where events were stored since: one row a claim, written in its transaction. An aggregate shows what is late only
-- after a refresh of its span, and rows stay here until that was done.
CREATE TABLE rollup_stale (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    spans tstzmultirange NOT NULL,
    since timestamptz NOT NULL DEFAULT clock_timestamp() -- when the first of them was accepted
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- Until when each aggregate is known to be without holes: a policy that was away for longer than its window leaves
-- one. What lies before the making of the database comes late, and is recorded as such. `policy_window`: how far back
-- the policy reaches; `max_gap`: how long it may be away.
CREATE TABLE rollup_refresh (
    relation text PRIMARY KEY,
    refreshed_until timestamptz NOT NULL DEFAULT now(),
    policy_window interval NOT NULL DEFAULT '1 day',
    max_gap interval NOT NULL DEFAULT '1 day'
);
INSERT INTO rollup_refresh (relation)
VALUES ('rollup_events_1m'), ('rollup_events_1h'), ('rollup_events_1d'),
       ('rollup_users_10m'), ('rollup_users_1h'), ('rollup_users_1d');

-- Since when accepted events may be missing from the rollups: what lies below the lag, or below a watermark where that
-- is further.
CREATE VIEW rollup_pending AS
SELECT since FROM rollup_stale
WHERE lower(spans) < greatest(date_trunc('minute', now() - (SELECT lag FROM rollup_bounds)), (
    SELECT _timescaledb_functions.to_timestamp(_timescaledb_functions.cagg_watermark(mat_hypertable_id))
    FROM _timescaledb_catalog.continuous_agg
    WHERE user_view_name = 'rollup_events_1m' AND user_view_schema = current_schema()))
UNION ALL
SELECT refreshed_until FROM rollup_refresh WHERE refreshed_until < now() - max_gap;
