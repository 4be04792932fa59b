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
-- Lets it connect, and do nothing here: what it had before is taken back, and temporary tables are for the owner.
GRANT CONNECT ON DATABASE {database} TO {role};
GRANT TEMPORARY ON DATABASE {database} TO CURRENT_USER;
REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC;
REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC;
GRANT USAGE ON SCHEMA {schema} TO {role};
REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {role};
REVOKE ALL ON ALL SEQUENCES IN SCHEMA {schema} FROM {role};

-- name: gateway
-- Lets it append to the bus and count that, look up keys by their digest, and lease quota. Of what waits in the bus it
-- sees how much and how old, not what. Neither events nor keys can be read, and nothing can be removed.
GRANT INSERT (project_id, lane, events, bytes, rows_copy, rejects) ON inbox TO {role};
GRANT SELECT (id, project_id, events, bytes, claimed_by, enqueued_at, parked_until) ON inbox TO {role};
GRANT SELECT, INSERT (slot, appended_events, appended_bytes), UPDATE (appended_events, appended_bytes)
    ON bus_counter TO {role};
GRANT SELECT ON bus_held, bus_look TO {role};
GRANT SELECT (id, project_id, kind, digest, revoked_at) ON api_key TO {role};
GRANT SELECT (id, quota_events_per_second, quota_burst_events) ON project TO {role};
GRANT SELECT, INSERT, UPDATE ON quota_bucket TO {role};
ALTER ROLE {role} IN DATABASE {database} SET statement_timeout = {milliseconds};

-- name: read
-- Lets it read what questions are about, in tables to come as well, but no key, password, login or membership. Its
-- transactions are read-only and its statements end in time, even where a program forgets to say so.
GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role};
ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT ON TABLES TO {role};
REVOKE ALL ON api_key, membership, auth_user, auth_user_groups, auth_user_user_permissions, auth_group,
    auth_group_permissions, django_session, django_admin_log FROM {role};
ALTER ROLE {role} IN DATABASE {database} SET default_transaction_read_only = on;
ALTER ROLE {role} IN DATABASE {database} SET statement_timeout = {milliseconds};

-- name: place
-- Tells where this session is.
SELECT current_database()::text, current_schema()::text, current_user::text;
