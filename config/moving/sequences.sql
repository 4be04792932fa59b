-- name: sequences
-- Lists the sequences that number a column of these tables.
SELECT t.relname, a.attname, s.relname
FROM pg_depend d
JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
JOIN pg_class t ON t.oid = d.refobjid
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
  AND t.relnamespace = current_schema()::regnamespace AND t.relname = ANY(%(tables)s);

-- name: position
-- Reads how far a sequence has come.
SELECT last_value, is_called FROM {sequence};

-- name: set
-- Lets the target go on from there.
SELECT setval(%(sequence)s::regclass, %(value)s, %(called)s);
