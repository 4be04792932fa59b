-- name: counting
-- Finds the definitions that count users.
SELECT id FROM metric_definition WHERE measure = 'users' AND state <> 'removing' ORDER BY id;

-- name: group
-- The condition that a row is of one group.
definition_id = %(definition)s AND bucket = %(bucket)s
AND dim1 IS NOT DISTINCT FROM %(dim1)s::text AND dim2 IS NOT DISTINCT FROM %(dim2)s::text

-- name: large
-- Finds groups of more users than are kept one by one. The buckets that may have such are found in the index alone.
SELECT bucket, dim1, dim2 FROM {table}
WHERE definition_id = %(definition)s AND bucket = ANY(ARRAY(
    SELECT bucket FROM {table}
    WHERE definition_id = %(definition)s AND bucket >= %(start)s AND bucket < %(end)s
    GROUP BY bucket HAVING count(*) > %(most)s))
GROUP BY 1, 2, 3 HAVING count(*) > %(most)s AND count(DISTINCT hash) > %(most)s ORDER BY 1, 2, 3;

-- name: grown
-- Finds groups that have registers, and beside them many rows, or any where the bucket is over. Those that are to be
-- computed anew are left to that.
SELECT d.bucket, d.dim1, d.dim2
FROM {dense} d CROSS JOIN LATERAL (
    SELECT count(*) AS n FROM (
        SELECT FROM {table} r
        WHERE r.definition_id = d.definition_id AND r.bucket = d.bucket
          AND r.dim1 IS NOT DISTINCT FROM d.dim1 AND r.dim2 IS NOT DISTINCT FROM d.dim2
        LIMIT %(worth)s + 1
    ) AS few
) AS beside
WHERE d.definition_id = %(definition)s AND d.bucket >= %(start)s AND d.bucket < %(end)s AND d.stale < %(stale)s
  AND (n > %(worth)s OR (n > 0 AND d.bucket + {unit}::interval <= %(now)s))
ORDER BY 1, 2, 3;

-- name: open
-- Gives a group registers, all empty, unless it has some; and waits for whoever removes the definition, who leaves none.
INSERT INTO {dense} (definition_id, bucket, dim1, dim2)
SELECT id, %(bucket)s, %(dim1)s, %(dim2)s FROM metric_definition
WHERE id = %(definition)s AND state <> 'removing' FOR KEY SHARE
ON CONFLICT DO NOTHING;

-- name: hold
-- Reads a group's registers, and lets nobody else fold into them until the transaction ends.
SELECT registers FROM {dense} WHERE {group} FOR UPDATE;

-- name: take
-- Removes a group's rows, and tells of each register the hash of the greatest rank: the one whose other bits are least,
-- which among those of one register is the least of all.
WITH gone AS (
    DELETE FROM {table} WHERE {group} RETURNING hash
), least AS (
    SELECT min(hash) AS hash FROM gone GROUP BY hash >> {rest}
)
SELECT string_agg(int8send(hash), ''::bytea) FROM least;

-- name: fill
-- Writes a group's registers.
UPDATE {dense} SET registers = %(registers)s WHERE {group};
