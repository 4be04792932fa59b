-- Removes the rollups; they can be rebuilt from the raw events.
DROP MATERIALIZED VIEW rollup_events_1d;
DROP MATERIALIZED VIEW rollup_events_1h;
DROP MATERIALIZED VIEW rollup_events_1m;
DROP MATERIALIZED VIEW rollup_users_1d;
DROP MATERIALIZED VIEW rollup_users_1h;
DROP MATERIALIZED VIEW rollup_users_10m;
