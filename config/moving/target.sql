-- name: tables
-- Lists the tables of the schema that belong to nobody's extension; a partition is part of its table.
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1;

-- name: has_rows
-- Tells whether a table has any.
SELECT EXISTS (SELECT FROM {table});

-- name: server
-- Reads what the server must be.
SELECT current_setting('server_version_num')::int / 10000, current_setting('server_encoding');

-- name: lock
-- Lets one copy at a time write here; false where another does. It ends with the connection.
SELECT pg_try_advisory_lock(%(space)s, 0);

-- name: clients
-- Lists the parts of Sluice that are connected: those with a name of ours, and pages, which have none.
SELECT DISTINCT CASE application_name WHEN '' THEN 'a client without a name' ELSE application_name END
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
  AND (application_name = '' OR application_name LIKE 'sluice %%')
  AND application_name NOT LIKE %(ours)s
ORDER BY 1;
