-- Counts by minute, hour and day, each computed from the finer one. Real-time: what is not materialized yet is
-- computed when it is asked for. Their policies are made from the settings, after the migrations.
CREATE MATERIALIZED VIEW rollup_events_1m WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT project_id, time_bucket('1 minute', ts) AS bucket, type, count(*) AS count
FROM event GROUP BY 1, 2, 3
WITH NO DATA;

CREATE MATERIALIZED VIEW rollup_events_1h WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT project_id, time_bucket('1 hour', bucket) AS bucket, type, sum(count)::bigint AS count
FROM rollup_events_1m GROUP BY 1, 2, 3
WITH NO DATA;

CREATE MATERIALIZED VIEW rollup_events_1d WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT project_id, time_bucket('1 day', bucket) AS bucket, type, sum(count)::bigint AS count
FROM rollup_events_1h GROUP BY 1, 2, 3
WITH NO DATA;

-- Who was there: exact, one row per user and hour, and per user and day. A range's users are the distinct ones. Hours
-- are computed from tens of minutes, which nobody asks for: else a question about the present would read the raw
-- events of a whole hour, and so would the refresh of a single late event.
CREATE MATERIALIZED VIEW rollup_users_10m WITH (
    timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false
) AS
SELECT project_id, time_bucket('10 minutes', ts) AS bucket, user_id
FROM event GROUP BY 1, 2, 3
WITH NO DATA;

CREATE MATERIALIZED VIEW rollup_users_1h WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT project_id, time_bucket('1 hour', bucket) AS bucket, user_id
FROM rollup_users_10m GROUP BY 1, 2, 3
WITH NO DATA;

CREATE MATERIALIZED VIEW rollup_users_1d WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT project_id, time_bucket('1 day', bucket) AS bucket, user_id
FROM rollup_users_1h GROUP BY 1, 2, 3
WITH NO DATA;
