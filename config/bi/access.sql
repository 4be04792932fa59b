-- name: grant
-- Lets a role read the views of one schema, and find them without saying so. It is asked not to write, not to wait and
-- not to stay: what it may not do does not rest on that. Tables are out of its reach, whatever is public. The comment
-- says that it is ours to change and to drop.
COMMENT ON ROLE {role} IS {mark};
REVOKE ALL ON SCHEMA {schema} FROM {role};
GRANT USAGE ON SCHEMA {views} TO {role};
GRANT SELECT ON ALL TABLES IN SCHEMA {views} TO {role};
ALTER ROLE {role} CONNECTION LIMIT {connections};
ALTER ROLE {role} IN DATABASE {database} SET search_path = {views}, {schema};
ALTER ROLE {role} IN DATABASE {database} SET default_transaction_read_only = on;
ALTER ROLE {role} IN DATABASE {database} SET statement_timeout = {milliseconds};
ALTER ROLE {role} IN DATABASE {database} SET idle_in_transaction_session_timeout = {milliseconds};

-- name: mark_of
-- Tells what a role's comment is.
SELECT coalesce(shobj_description(oid, 'pg_authid'), '') FROM pg_roles WHERE rolname = %s;

-- name: take_back
-- Takes back what a role was granted.
REVOKE ALL ON ALL TABLES IN SCHEMA {views} FROM {role};
REVOKE ALL ON SCHEMA {views} FROM {role};
REVOKE ALL ON DATABASE {database} FROM {role};

-- name: drop
-- Removes a role.
DROP ROLE {role};
