-- name: read
-- Reads the note that a copy leaves at its target.
SELECT obj_description(to_regclass('project'), 'pg_class');

-- name: write
-- Leaves it. A comment goes with its transaction like a row, and needs no table.
COMMENT ON TABLE project IS {text};

-- name: identity
-- Tells an installation from all others: the microsecond at which its first migration was applied.
SELECT md5(app || name || applied::text) FROM django_migrations ORDER BY id LIMIT 1;
