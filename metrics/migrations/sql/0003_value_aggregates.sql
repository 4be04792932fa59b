-- The JSON numbers named `value` by hour and day: how many, their sum, the least and the greatest. Others have no part.
-- Hours are computed from tens of minutes, as those of users are.
CREATE MATERIALIZED VIEW rollup_values_10m WITH (
    timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false
) AS
SELECT project_id, time_bucket('10 minutes', ts) AS bucket, type, count(*) AS n,
       sum((props ->> 'value')::numeric) AS sum,
       min((props ->> 'value')::numeric) AS min,
       max((props ->> 'value')::numeric) AS max
FROM event WHERE jsonb_typeof(props -> 'value') = 'number' GROUP BY 1, 2, 3
WITH NO DATA;

CREATE MATERIALIZED VIEW rollup_values_1h WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT project_id, time_bucket('1 hour', bucket) AS bucket, type, sum(n)::bigint AS n,
       sum(sum) AS sum, min(min) AS min, max(max) AS max
FROM rollup_values_10m GROUP BY 1, 2, 3
WITH NO DATA;

CREATE MATERIALIZED VIEW rollup_values_1d WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT project_id, time_bucket('1 day', bucket) AS bucket, type, sum(n)::bigint AS n,
       sum(sum) AS sum, min(min) AS min, max(max) AS max
FROM rollup_values_1h GROUP BY 1, 2, 3
WITH NO DATA;

-- What is in store already is a hole until it was refreshed.
SET LOCAL statement_timeout = '12h';
INSERT INTO rollup_refresh (relation, refreshed_until)
SELECT relation, coalesce((SELECT min(ts) FROM event), now())
FROM (VALUES ('rollup_values_10m'), ('rollup_values_1h'), ('rollup_values_1d')) AS made (relation);
