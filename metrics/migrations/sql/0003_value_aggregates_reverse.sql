-- Removes the rollups of numbers; they can be rebuilt from the raw events.
DELETE FROM rollup_refresh WHERE relation IN ('rollup_values_10m', 'rollup_values_1h', 'rollup_values_1d');
DROP MATERIALIZED VIEW rollup_values_1d;
DROP MATERIALIZED VIEW rollup_values_1h;
DROP MATERIALIZED VIEW rollup_values_10m;
