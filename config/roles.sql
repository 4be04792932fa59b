-- name: too_much
-- Tells what a role has that no grant here takes back, and whether it owns something here.
SELECT array_to_string(ARRAY[
    CASE WHEN rolsuper THEN 'SUPERUSER' END,
    CASE WHEN rolcreaterole THEN 'CREATEROLE' END,
    CASE WHEN rolcreatedb THEN 'CREATEDB' END,
    CASE WHEN rolbypassrls THEN 'BYPASSRLS' END,
    CASE WHEN rolreplication THEN 'REPLICATION' END,
    CASE WHEN EXISTS (SELECT FROM pg_auth_members WHERE member = role.oid) THEN 'membership in a role' END,
    CASE WHEN EXISTS (SELECT FROM pg_database WHERE datname = current_database() AND datdba = role.oid)
        OR EXISTS (SELECT FROM pg_namespace WHERE nspname = current_schema() AND nspowner = role.oid)
        OR EXISTS (SELECT FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relowner = role.oid)
        THEN 'tables of its own' END
], ', ')
FROM pg_roles AS role WHERE rolname = %s;

-- name: role
-- Makes a role that may log in, unless there is one of that name.
DO $roles$
BEGIN
    CREATE ROLE {role} LOGIN NOINHERIT CONNECTION LIMIT -1;
EXCEPTION WHEN duplicate_object THEN
    NULL;
END
$roles$;

-- name: password
-- Sets its password; what is sent is a verifier, from which nobody can read it.
ALTER ROLE {role} PASSWORD {verifier};

-- name: nothing
-- Lets it connect, and do nothing here: what it had before is taken back, also in tables to come, and temporary
-- tables are for the owner.
GRANT CONNECT ON DATABASE {database} TO {role};
GRANT TEMPORARY ON DATABASE {database} TO CURRENT_USER;
REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC;
REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC;
GRANT USAGE ON SCHEMA {schema} TO {role};
REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {role};
REVOKE ALL ON ALL SEQUENCES IN SCHEMA {schema} FROM {role};
ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} REVOKE ALL ON TABLES FROM {role};
ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} REVOKE ALL ON SEQUENCES FROM {role};

-- name: gateway
-- Lets it append to the bus and count that, look up keys by their digest and plans, and lease quota. Of what waits in the bus it
-- sees how much and how old, not what. Neither events nor keys can be read, and nothing can be removed.
GRANT INSERT (project_id, lane, events, bytes, rows_copy, rejects) ON inbox TO {role};
GRANT SELECT (id, project_id, events, bytes, claimed_by, enqueued_at, parked_until) ON inbox TO {role};
GRANT SELECT, INSERT (slot, appended_events, appended_bytes), UPDATE (appended_events, appended_bytes)
    ON bus_counter TO {role};
GRANT SELECT ON bus_held, bus_look TO {role};
GRANT SELECT (id, project_id, kind, digest, revoked_at) ON api_key TO {role};
GRANT SELECT (id, quota_events_per_second, quota_burst_events) ON project TO {role};
GRANT SELECT (project_id, version, unlisted) ON tracking_plan TO {role};
GRANT SELECT (project_id, type, mode, schema, weight) ON planned_type TO {role};
GRANT SELECT, INSERT, UPDATE ON quota_bucket TO {role};
ALTER ROLE {role} IN DATABASE {database} SET statement_timeout = {milliseconds};

-- name: read
-- Lets it read what questions are about, but no key, password, login, membership, share link, alert or audit trail. A
-- table that an upgrade brings is granted when this runs again, and a test asks for each whether it is secret. Its
-- transactions are read-only and its statements end in time, even where a program forgets to say so. Heavy questions
-- take turns by advisory locks, which `manage.py bi` takes from everybody.
GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role};
REVOKE ALL ON api_key, membership, auth_user, auth_user_groups, auth_user_user_permissions, auth_group,
    auth_group_permissions, django_session, django_admin_log, share_link, alert, alert_run, audit_entry FROM {role};
GRANT EXECUTE ON FUNCTION pg_try_advisory_xact_lock(integer, integer), pg_advisory_xact_lock(integer, integer)
    TO {role};
ALTER ROLE {role} IN DATABASE {database} SET default_transaction_read_only = on;
ALTER ROLE {role} IN DATABASE {database} SET statement_timeout = {milliseconds};

-- name: place
-- Tells where this session is.
SELECT current_database()::text, current_schema()::text, current_user::text;
