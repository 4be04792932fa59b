-- name: rows
-- Counts a table's rows, for the progress bar.
SELECT count(*) FROM {table};
