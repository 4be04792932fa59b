-- name: kept
-- Lists the definitions that have rows.
SELECT id, measure FROM metric_definition WHERE state <> 'removing' ORDER BY id;

-- name: count_rows
-- Counts a definition's rows in one table.
SELECT count(*) FROM {table} WHERE definition_id = %(id)s;

-- name: rows
-- Writes down how many rows a definition has.
UPDATE metric_definition SET rows = %(rows)s WHERE id = %(id)s;
