-- name: recorded
-- Reads which engine the database was made for, with which version of TimescaleDB, and when.
SELECT level, version, recorded_at FROM engine;

-- name: server
-- Reads the server's version, without what it was built with.
SELECT split_part(current_setting('server_version'), ' ', 1);
