-- name: out
-- Reads rows as the server stores them.
COPY (SELECT {columns} FROM {table} WHERE {within}) TO STDOUT (FORMAT binary);

-- name: out_whole
-- Reads all rows of a table.
COPY (SELECT {columns} FROM {table}) TO STDOUT (FORMAT binary);

-- name: into
-- Takes them; identities are taken as they come.
COPY {table} ({columns}) FROM STDIN (FORMAT binary);

-- name: clear
-- Removes what is to be replaced.
DELETE FROM {table} WHERE {within};

-- name: clear_whole
-- Removes all rows of a table.
DELETE FROM {table};

-- name: drop_orphans
-- Removes the letters of projects that the source has removed since; they are compared and copied later.
DELETE FROM dead_letter WHERE project_id NOT IN (SELECT id FROM project);

-- name: analyze
-- Tells the planner what came.
ANALYZE {table};
