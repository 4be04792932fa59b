-- Removes the rollups of sessions; they can be computed from the sessions.
DROP TABLE rollup_sessions_1h, rollup_sessions_1d;
