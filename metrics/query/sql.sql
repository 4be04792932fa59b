-- name: answer_numbers
-- Aggregates the rows of all parts by bucket and group, and by group alone for the totals of the whole range.
-- A bucket is its number among the edges, from 1: time zones are worked out in one place only, and not here.
WITH segment (person) AS ({segment})
SELECT grouping(bucket) = 1 AS is_total, bucket, group1, group2, {measure} AS value
FROM (
    SELECT width_bucket(ts, %(edges)s::timestamptz[]) AS bucket, group1, group2, n, v, low, high
    FROM ({rows}) AS rows
) AS placed
GROUP BY GROUPING SETS ((bucket, group1, group2), (group1, group2))
LIMIT %(row_limit)s;

-- name: answer_people
-- Counts the people of each bucket and of the range.
WITH segment (person) AS ({segment})
SELECT grouping(bucket) = 1 AS is_total, bucket, group1, group2, count(DISTINCT who) AS value
FROM (
    SELECT width_bucket(ts, %(edges)s::timestamptz[]) AS bucket, group1, group2, who FROM ({rows}) AS rows
) AS placed
GROUP BY GROUPING SETS ((bucket, group1, group2), (group1, group2))
LIMIT %(row_limit)s;

-- name: answer_people_once
-- The same where a rollup's buckets are the answer's: nobody is twice in one of them, so nobody need be told apart
-- there. The other rows, at the ends of the range, are few.
WITH segment (person) AS ({segment})
SELECT false AS is_total, width_bucket(ts, %(edges)s::timestamptz[]) AS bucket, group1, group2, count(*) AS value
FROM ({once}) AS rows GROUP BY 2, 3, 4
UNION ALL
SELECT false, width_bucket(ts, %(edges)s::timestamptz[]), group1, group2, count(DISTINCT who)
FROM ({others}) AS rows GROUP BY 2, 3, 4
UNION ALL
SELECT true, NULL, group1, group2, count(*)
FROM (SELECT DISTINCT group1, group2, who FROM ({rows}) AS rows) AS people GROUP BY 3, 4
LIMIT %(row_limit)s;

-- name: answer_hashes
-- Counts hashes of people, which may stand more than once. Beside the counts come the registers of the large groups, and
-- for what these touch (a bucket, or the whole range) the hashes of the greatest ranks, which are the least of each
-- register: together they are an estimate, which counts replace where there is no large group.
WITH segment (person) AS ({segment}), large AS MATERIALIZED (
    SELECT width_bucket(ts, %(edges)s::timestamptz[]) AS bucket, group1, group2, registers FROM ({large}) AS rows
), known AS MATERIALIZED (
    SELECT width_bucket(ts, %(edges)s::timestamptz[]) AS bucket, group1, group2, who
    FROM ({rows}) AS rows GROUP BY 1, 2, 3, 4
), least AS (
    SELECT false AS is_total, bucket, group1, group2, min(who) AS who FROM known
    WHERE bucket IN (SELECT bucket FROM large) GROUP BY 2, 3, 4, {register}
    UNION ALL
    SELECT true, NULL, group1, group2, min(who) FROM known
    WHERE EXISTS (SELECT FROM large) GROUP BY 3, 4, {register}
)
SELECT false AS is_total, bucket, group1, group2, count(*) AS value, NULL::bytea AS hashes, NULL::bytea AS registers
FROM known GROUP BY 2, 3, 4
UNION ALL
SELECT true, NULL, group1, group2, count(*), NULL, NULL
FROM (SELECT DISTINCT group1, group2, who FROM known) AS people GROUP BY 3, 4
UNION ALL
SELECT is_total, bucket, group1, group2, NULL, string_agg(int8send(who), ''::bytea), NULL FROM least GROUP BY 1, 2, 3, 4
UNION ALL
(SELECT false, bucket, group1, group2, NULL, NULL, registers FROM large LIMIT %(large_limit)s)
ORDER BY is_total, bucket, group1, group2
LIMIT %(row_limit)s;

-- name: answer_bins
-- Finds the two bins that a percentile lies between, and how far from the first, as percentile_cont does with numbers.
WITH segment (person) AS ({segment}), binned AS (
    SELECT grouping(bucket) = 1 AS is_total, bucket, group1, group2, bin, sum(n)::float8 AS n
    FROM (
        SELECT width_bucket(ts, %(edges)s::timestamptz[]) AS bucket, group1, group2, bin, n FROM ({rows}) AS rows
    ) AS placed
    GROUP BY GROUPING SETS ((bucket, group1, group2, bin), (group1, group2, bin))
), ranked AS (
    SELECT is_total, bucket, group1, group2, bin, sum(n) OVER (cell ORDER BY bin) AS upto,
           %(quantile)s::float8 * (sum(n) OVER cell - 1) AS place
    FROM binned WINDOW cell AS (PARTITION BY is_total, bucket, group1, group2)
)
SELECT is_total, bucket, group1, group2,
       min(bin) FILTER (WHERE upto > floor(place)) AS low, min(bin) FILTER (WHERE upto > ceil(place)) AS high,
       max(place - floor(place)) AS share
FROM ranked GROUP BY 1, 2, 3, 4
LIMIT %(row_limit)s;

-- name: rows_counts
-- Reads one part from a count rollup.
SELECT e.bucket AS ts, {group1} AS group1, {group2} AS group2, e.count AS n,
       NULL::numeric AS v, NULL::numeric AS low, NULL::numeric AS high
FROM {relation} e
WHERE e.project_id = %(project_id)s AND e.bucket >= {start} AND e.bucket < {end} AND {condition}

-- name: rows_values
-- Reads one part from a rollup of numbers: `v` is the sum of n numbers, the least and the greatest stand beside it.
SELECT e.bucket AS ts, {group1} AS group1, {group2} AS group2, e.n, e.sum AS v, e.min AS low, e.max AS high
FROM {relation} e
WHERE e.project_id = %(project_id)s AND e.bucket >= {start} AND e.bucket < {end} AND {condition}

-- name: rows_session_counts
-- Reads one part from a rollup of sessions.
SELECT e.bucket AS ts, {group1} AS group1, {group2} AS group2, e.sessions AS n,
       NULL::numeric AS v, NULL::numeric AS low, NULL::numeric AS high
FROM {relation} e
WHERE e.project_id = %(project_id)s AND e.bucket >= {start} AND e.bucket < {end} AND {condition}

-- name: rows_users
-- Reads one part from a user rollup.
SELECT e.bucket AS ts, {group1} AS group1, {group2} AS group2, {person} AS who
FROM {relation} e {aliases}
WHERE e.project_id = %(project_id)s AND e.bucket >= {start} AND e.bucket < {end} AND {condition}

-- name: rows_events
-- Reads one part from the raw events.
SELECT ts, {group1} AS group1, {group2} AS group2, {columns}
FROM (
    SELECT e.ts, {text1} AS group1, {text2} AS group2, {value} AS v, {person} AS person
    FROM event e {aliases}
    WHERE e.project_id = %(project_id)s AND e.ts >= {start} AND e.ts < {end} AND {condition}
) AS meant

-- name: columns_numbers
-- What of an event counts and sums are made of.
1 AS n, v, v AS low, v AS high

-- name: columns_people
-- What of an event users are told apart by.
person AS who

-- name: columns_hashes
-- The same as a defined metric keeps it.
{hash} AS who

-- name: columns_bins
-- What of an event a defined percentile keeps.
{bin} AS bin, 1 AS n

-- name: rows_sessions
-- Reads sessions by their start; with conditions, those in which some event meets them all.
SELECT s.start_ts AS ts, NULL::text AS group1, NULL::text AS group2, 1 AS n,
       NULL::numeric AS v, NULL::numeric AS low, NULL::numeric AS high
FROM (SELECT e.project_id, e.user_id, e.start_ts, e.end_ts, {person} AS person FROM session e {aliases}) AS s
WHERE s.project_id = %(project_id)s AND s.start_ts >= {start} AND s.start_ts < {end} AND {condition}

-- name: session_event
-- Tells whether a session has an event that meets the conditions.
EXISTS (
    SELECT FROM event e {aliases}
    WHERE e.project_id = s.project_id AND e.user_id = s.user_id AND e.ts >= s.start_ts AND e.ts <= s.end_ts
      AND {condition})

-- name: in_segment
-- Tells whether somebody is one of the segment's people.
{person} IN (SELECT person FROM segment)

-- name: no_segment
-- Stands for the people of a segment where none is asked about: nobody reads it.
SELECT NULL::text AS person

-- name: no_rows
-- Stands for rows where there are none of a kind.
SELECT NULL::timestamptz AS ts, NULL::text AS group1, NULL::text AS group2, {columns} WHERE false
