-- name: columns
-- Lists the columns of tables by name: two databases need not have made them in one order.
SELECT c.relname, array_agg(a.attname::text ORDER BY a.attname)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = ANY(%(tables)s)
  AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
GROUP BY 1;

-- name: whole
-- Counts a table's rows and sums up 64 bits of a hash of each one's text: whatever their order, equal rows give
-- equal sums on every engine and version.
SELECT count(*), coalesce(sum(('x' || left(md5(ROW({columns})::text), 16))::bit(64)::bigint), 0)
FROM {table};

-- name: by_time
-- The same by buckets of time.
SELECT date_bin({step}, {key}, '2000-01-01 00:00+00') AS bucket,
       count(*), sum(('x' || left(md5(ROW({columns})::text), 16))::bit(64)::bigint)
FROM {rows} GROUP BY 1 ORDER BY 1;

-- name: by_number
-- The same by buckets of numbers.
SELECT {key} / {step} * {step} AS bucket,
       count(*), sum(('x' || left(md5(ROW({columns})::text), 16))::bit(64)::bigint)
FROM {rows} GROUP BY 1 ORDER BY 1;

-- name: within
-- The condition of a span.
{key} >= {start} AND {key} < {end}

-- name: spanned
-- The rows of a span.
{table} WHERE {within}
