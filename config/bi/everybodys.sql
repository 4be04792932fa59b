-- name: open
-- Lists what everybody may call of PostgreSQL's functions that write to the disk without bound or hold an advisory
-- lock, and tells whether this user may take it back.
SELECT format('%I(%s)', p.proname, pg_get_function_identity_arguments(p.oid)), pg_has_role(p.proowner, 'USAGE')
FROM pg_proc p
WHERE p.pronamespace = 'pg_catalog'::regnamespace
  AND (p.proname ~ '^(lo_|pg_(try_)?advisory_)' OR p.proname IN ('loread', 'lowrite', 'pg_logical_emit_message'))
  AND EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner)))
              WHERE grantee = 0 AND privilege_type = 'EXECUTE')
ORDER BY 1;

-- name: readers
-- Lists who reads the tables themselves, as the role of questions does: those take turns by advisory locks.
SELECT rolname::text FROM pg_roles
WHERE has_table_privilege(oid, 'event', 'SELECT') AND NOT rolsuper AND rolname <> current_user
  AND rolname !~ '^pg_'
ORDER BY 1;

-- name: keep
-- Lets the owner of the tables go on, and give others what they need.
GRANT EXECUTE ON FUNCTION {functions} TO {owner} WITH GRANT OPTION;

-- name: keep_turns
-- Lets questions go on taking turns.
GRANT EXECUTE ON FUNCTION pg_try_advisory_xact_lock(integer, integer), pg_advisory_xact_lock(integer, integer)
    TO {reader};

-- name: take
-- Takes it from everybody else, in this database.
REVOKE EXECUTE ON FUNCTION {functions} FROM PUBLIC;
