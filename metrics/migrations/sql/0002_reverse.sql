-- Removes what is known about the rollups.
DROP VIEW rollup_pending;
DROP TABLE rollup_bounds;
