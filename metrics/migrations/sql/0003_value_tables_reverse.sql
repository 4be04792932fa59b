-- Removes the rollups of numbers; they can be rebuilt from the raw events.
DROP VIEW rollup_values_1h, rollup_values_1d;
DROP TABLE rollup_values_1h_slot, rollup_values_1d_slot;
