-- name: table
-- Which engine this database was made for. Exactly one row.
CREATE TABLE IF NOT EXISTS engine (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    level text NOT NULL,
    version text,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- name: record
-- Writes down the engine, once.
INSERT INTO engine (level, version) VALUES (%(level)s, %(version)s) ON CONFLICT (single) DO NOTHING;

-- name: forget
-- Lets the next first migrate decide again.
DROP TABLE IF EXISTS engine;

-- name: is_recorded
-- Tells whether the table is there.
SELECT to_regclass('engine') IS NOT NULL;

-- name: recorded
-- Reads which engine the database was made for.
SELECT level FROM engine;

-- name: found
-- What the server has: the extension's version in this database, the one that could be created, the licence
-- (known once the library is loaded), and whether this role may create the extension here.
SELECT (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'),
       (SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb'),
       current_setting('timescaledb.license', true),
       coalesce((SELECT rolsuper FROM pg_roles WHERE rolname = current_user), false)
           OR has_database_privilege(current_database(), 'CREATE'),
       current_user::text,
       current_database()::text;

-- name: is_whole
-- Tells whether events lie in a hypertable, or not anywhere yet.
SELECT to_regclass('event') IS NULL OR EXISTS (
    SELECT FROM timescaledb_information.hypertables
    WHERE hypertable_schema = current_schema() AND hypertable_name = 'event');

-- name: create_extension
-- Creates the extension; it is a trusted one, so the database's owner may.
CREATE EXTENSION IF NOT EXISTS timescaledb;

-- name: is_partitioned
-- Tells whether events lie in partitions: a database that is older than the record of engines.
SELECT EXISTS (SELECT FROM pg_class WHERE oid = to_regclass('event') AND relkind = 'p');
