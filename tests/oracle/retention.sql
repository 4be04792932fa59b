-- name: counts
-- The persons of each cohort, and how many of them came back so many periods later; NULL is the cohort itself.
WITH period AS (
    SELECT unnest($starts) AS start_us, unnest($ends) AS end_us, unnest(range(len($starts))) AS number
), first AS (
    SELECT e.person, e.ts FROM event e WHERE {first} AND {conditions} AND e.ts < (SELECT max(end_us) FROM period)
), came AS (
    {cohort}
), cohort AS (
    SELECT c.person, c.ts, p.number FROM came c JOIN period p ON c.ts >= p.start_us AND c.ts < p.end_us
), back AS (
    SELECT e.person, e.ts, p.number FROM event e JOIN period p ON e.ts >= p.start_us AND e.ts < p.end_us
    WHERE {back} AND {conditions}
)
SELECT number, NULL AS later, count(DISTINCT person) FROM cohort GROUP BY 1
UNION ALL
SELECT c.number, b.number - c.number, count(DISTINCT c.person)
FROM cohort c JOIN back b ON b.person = c.person AND (b.number > c.number OR (b.number = c.number AND b.ts >= c.ts))
GROUP BY 1, 2;

-- name: first_ever
-- A person's first time of all.
SELECT person, min(ts) AS ts FROM first GROUP BY person

-- name: first_in_range
-- A person's first time in the range.
SELECT person, min(ts) AS ts FROM first WHERE ts >= (SELECT min(start_us) FROM period) GROUP BY person

-- name: recurring
-- A person's first time in each period.
SELECT f.person, min(f.ts) AS ts FROM first f JOIN period p ON f.ts >= p.start_us AND f.ts < p.end_us GROUP BY f.person, p.number
