-- name: matched
-- The events that are some step, with what each of them is.
CREATE OR REPLACE TEMP TABLE matched AS
SELECT e.person, e.ts, e.event_id, {steps} AS steps, {value} AS value
FROM event e WHERE {conditions};

-- name: first
-- Every event with which a chain may begin.
CREATE OR REPLACE TEMP TABLE chain AS
SELECT person, ts AS began, event_id AS entry, value, 1 AS step, ts, event_id
FROM matched WHERE steps[1] AND ts >= $start AND ts < $end;

-- name: next
-- From each chain the earliest event that goes on: none that comes later could lead further.
INSERT INTO chain
SELECT c.person, c.began, c.entry, any_value(c.value), $step, min((m.ts, m.event_id))[1], min((m.ts, m.event_id))[2]
FROM chain c JOIN matched m ON m.person = c.person AND m.steps[$step] AND (m.ts, m.event_id) > (c.ts, c.event_id)
WHERE c.step = $step - 1 GROUP BY c.person, c.began, c.entry;

-- name: reached
-- The shortest way of each person to each step, in seconds, of chains that are not too long; and with what he entered.
CREATE OR REPLACE TEMP TABLE reached AS
SELECT c.person, c.step, min(c.ts - c.began) / 1000000 AS seconds, e.value
FROM chain c JOIN (
    SELECT person, arg_min({{'value': value}}, (began, entry)).value AS value FROM chain WHERE step = 1 GROUP BY person
) e ON e.person = c.person
WHERE c.ts - c.began <= $window
GROUP BY c.person, c.step, e.value;

-- name: whole
-- How many got to each step, and how long it took them.
SELECT step, count(*), quantile_cont(seconds, 0.5), quantile_cont(seconds, 0.9), avg(seconds)
FROM reached GROUP BY step;

-- name: groups
-- The same by what they entered with, and how many that were: the most frequent values first, those with none last.
SELECT r.value, r.step, count(*), quantile_cont(r.seconds, 0.5), quantile_cont(r.seconds, 0.9), avg(r.seconds), v.place
FROM (
    SELECT r.person, r.step, r.seconds, v.place, CASE WHEN v.place <= $limit THEN v.value END AS value
    FROM reached r JOIN ({places}) v ON v.value IS NOT DISTINCT FROM r.value
) r JOIN ({places}) v ON v.place = least(r.place, $limit + 1)
GROUP BY r.value, r.step, v.place;

-- name: places
-- The place of each value.
SELECT value, row_number() OVER (ORDER BY count(*) DESC, value NULLS LAST) AS place
FROM reached WHERE step = 1 GROUP BY value
