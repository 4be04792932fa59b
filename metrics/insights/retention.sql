-- name: events
-- When each person did the one thing first and the other last, by period: 0 is the time before all of them.
SELECT {person} AS person, width_bucket(e.ts, {starts}::timestamptz[]) AS period,
       min(e.ts) FILTER (WHERE {first}) AS first, max(e.ts) FILTER (WHERE {back}) AS back
FROM {events}
WHERE {condition} AND {types} AND (({first}) OR (({back}) AND e.ts >= {start}))
GROUP BY 1, 2

-- name: buckets
-- Whole days where they lie in one period, and the hours of those in which a period ends.
SELECT project_id, bucket, user_id FROM {days}
WHERE project_id = {project} AND bucket >= {since} AND bucket < {end} AND bucket <> ALL ({split}::timestamptz[])
UNION ALL
SELECT r.project_id, r.bucket, r.user_id
FROM unnest({split}::timestamptz[]) AS split (day)
JOIN {hours} r ON r.bucket >= split.day AND r.bucket < split.day + interval '24 hours'
WHERE r.project_id = {project} AND r.bucket >= {since} AND r.bucket < {end}

-- name: presence
-- The same of any events at all, which the rollups of users know by the hour: whoever was there came, and came back. A
-- bit for each period says whether a person was there. Many persons have the same bits and are counted as one.
WITH alike AS MATERIALIZED (
    SELECT ARRAY(SELECT n FROM generate_series(0, {last}) AS n WHERE get_bit(there, n) = 1 ORDER BY n) AS periods,
           count(*) AS persons
    FROM (
        SELECT bit_or({before_all}::bit varying >> width_bucket(e.bucket, {starts}::timestamptz[])) AS there
        FROM ({buckets}) AS e {aliases}
        WHERE {segment}
        GROUP BY {person}
    ) AS seen GROUP BY there
)
SELECT c.period, NULL::integer AS later, sum(persons)::bigint AS persons
FROM alike CROSS JOIN LATERAL unnest({came}) AS c (period)
WHERE c.period > 0 GROUP BY 1
UNION ALL
SELECT c.period, b.period - c.period, sum(persons)::bigint
FROM alike CROSS JOIN LATERAL unnest({came}) AS c (period) CROSS JOIN LATERAL unnest(periods) AS b (period)
WHERE c.period > 0 AND b.period >= c.period
GROUP BY 1, 2;

-- name: came_once
-- A person belongs to the first period.
periods[1:1]

-- name: came_each_time
-- A person belongs to every period.
periods

-- name: once
-- A person belongs to the period of the first time.
ARRAY[min(period) FILTER (WHERE first IS NOT NULL)] AS came, ARRAY[min(first)] AS began

-- name: each_time
-- A person belongs to every period in which it happened.
array_agg(period) FILTER (WHERE first IS NOT NULL) AS came, array_agg(first) FILTER (WHERE first IS NOT NULL) AS began

-- name: retention
-- The persons of each cohort, and how many of them came back so many periods later; `later` NULL is the cohort itself.
-- In its own period, who did the other thing only before the first came to stay has not come back. Arrays and not a
-- join: nobody knows beforehand how many rows it has, and a wrong plan of it takes hours.
WITH persons AS MATERIALIZED (
    SELECT {came}, array_agg(period) FILTER (WHERE back IS NOT NULL) AS backs,
           array_agg(back) FILTER (WHERE back IS NOT NULL) AS lasts
    FROM ({seen}) AS seen GROUP BY person
)
SELECT c.period, NULL::integer AS later, count(*) AS persons
FROM persons CROSS JOIN LATERAL unnest(came, began) AS c (period, first)
WHERE c.period > 0 GROUP BY 1
UNION ALL
SELECT c.period, b.period - c.period, count(*)
FROM persons CROSS JOIN LATERAL unnest(came, began) AS c (period, first)
     CROSS JOIN LATERAL unnest(backs, lasts) AS b (period, last)
WHERE c.period > 0 AND (b.period > c.period OR (b.period = c.period AND b.last >= c.first))
GROUP BY 1, 2;
