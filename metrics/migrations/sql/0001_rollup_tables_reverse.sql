-- Removes the rollups; they can be rebuilt from the raw events.
DROP VIEW rollup_events_1m, rollup_events_1h, rollup_events_1d;
DROP TABLE rollup_events_1m_slot, rollup_events_1h_slot, rollup_events_1d_slot, rollup_users_1h, rollup_users_1d;
