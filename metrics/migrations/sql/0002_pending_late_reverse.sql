-- Removes what was noted about late events.
DROP TABLE rollup_stale, rollup_refresh;
