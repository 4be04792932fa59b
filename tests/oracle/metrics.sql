-- name: chosen
-- The events that a question is about, with their group and the number that is measured.
CREATE OR REPLACE TEMP TABLE chosen AS
SELECT e.ts, e.person, {groups} AS grp, number_of(e.props, $prop) AS n
FROM event e
WHERE e.ts >= $start AND e.ts < $end AND {conditions};

-- name: chosen_sessions
-- The sessions that start in the range, and in which one event meets the conditions.
CREATE OR REPLACE TEMP TABLE chosen AS
SELECT s.start_ts AS ts, s.person, []::VARCHAR[] AS grp, NULL AS n
FROM session s
WHERE s.start_ts >= $start AND s.start_ts < $end AND {segment}
  AND EXISTS (SELECT 1 FROM event e WHERE e.user_id = s.user_id AND e.ts BETWEEN s.start_ts AND s.end_ts AND {conditions});

-- name: totals
-- The value of each group over the whole range.
SELECT grp, {measure} FROM chosen WHERE {kept} GROUP BY grp;

-- name: points
-- The value of each group in each bucket that has events.
SELECT c.grp, b.start_us, {measure}
FROM chosen c JOIN (SELECT unnest($starts) AS start_us, unnest($ends) AS end_us) b ON c.ts >= b.start_us AND c.ts < b.end_us
WHERE {kept} GROUP BY 1, 2;

-- name: count
-- Events, or sessions.
count(*)

-- name: users
-- People.
count(DISTINCT person)

-- name: sum
-- Adds up the numbers.
coalesce(sum(n), 0)

-- name: avg
-- The average, in double precision from the exact sum.
sum(n)::DOUBLE / nullif(count(n), 0)

-- name: min
-- The least.
min(n)

-- name: max
-- The greatest.
max(n)

-- name: percentile
-- The percentile, and the larger of the two numbers that it lies between.
CASE WHEN count(n) > 0 THEN {{
    'value': quantile_cont(n::DOUBLE, {share}),
    'around': greatest(
        abs(list(n ORDER BY n)[1 + floor({share} * (count(n) - 1))::INTEGER]),
        abs(list(n ORDER BY n)[1 + ceil({share} * (count(n) - 1))::INTEGER]))::DOUBLE
}} END
