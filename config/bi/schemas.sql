-- name: known
-- Lists the schemas of ours by the comment that they have, those of somebody else's left out.
SELECT nspname::text, (match)[1]::integer, (match)[2],
       ARRAY(SELECT relname::text FROM pg_class WHERE relnamespace = n.oid AND relkind = 'v' ORDER BY 1),
       ARRAY(SELECT DISTINCT rolname::text FROM aclexplode(nspacl) JOIN pg_roles r ON r.oid = grantee
             WHERE grantee <> nspowner ORDER BY 1)
FROM pg_namespace n, regexp_match(obj_description(n.oid, 'pg_namespace'), {form}) AS match
WHERE match IS NOT NULL AND pg_has_role(nspowner, 'USAGE')
ORDER BY 1;

-- name: is_taken
-- Tells whether there is a schema of this name.
SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = {name});

-- name: make
-- Makes a schema.
CREATE SCHEMA {schema};

-- name: mark
-- Says whose schema it is, and which views are in it.
COMMENT ON SCHEMA {schema} IS {text};

-- name: drop_views
-- Removes views; whoever built something on them is told.
DROP VIEW {views};

-- name: open
-- Lets a role read the views: making them anew forgets who might.
GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role};

-- name: remove
-- Removes a schema with all that is in it.
DROP SCHEMA {schema} CASCADE;

-- name: patience
-- Bounds what this transaction waits for others.
SET LOCAL lock_timeout = '10s';
