-- name: size
-- Counts who is in a segment.
SELECT count(DISTINCT person) FROM ({members}) AS found;

-- name: page
-- The next people in a segment, in an order that is the same whatever the database's own is.
SELECT person FROM ({members}) AS found
WHERE person COLLATE "C" > {after}
GROUP BY person ORDER BY person COLLATE "C" LIMIT {limit};

-- name: export
-- All of them as CSV. What a spreadsheet would take for a formula gets a quote before it; so does what has one already,
-- and nothing else begins so: whoever reads the list back takes one away.
COPY (
    SELECT CASE WHEN person ~ '^''*[=+\-@\t\r]' THEN '''' || person ELSE person END AS "userId"
    FROM ({members}) AS found GROUP BY person ORDER BY person COLLATE "C"
) TO STDOUT (FORMAT csv, HEADER)
