-- name: matched
-- The events that are some step. A chain that begins with one of them began then.
SELECT {person} COLLATE "C" AS person, e.ts, e.event_id, {value} AS value,
       CASE WHEN {first} AND e.ts < {end} THEN e.ts END AS {start}, {further}
FROM {events}
WHERE {condition} AND {types} AND ({some_step})

-- name: step
-- One step further: when the latest chain began that reaches this step with this event and is not too long. The latest
-- is the shortest, so no other need be known. Nothing is sorted anew: all steps look at the events in one order.
SELECT chains.*,
       CASE WHEN {is_step} AND ts - max({before}) OVER earlier <= {window} THEN max({before}) OVER earlier END AS {start}
FROM ({chains}) AS chains
WINDOW earlier AS (PARTITION BY person ORDER BY ts, event_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)

-- name: persons
-- One row for each person who entered: the seconds of the shortest chain to each step, NULL where none leads there.
SELECT {seconds}, {value} AS value
FROM ({chains}) AS chains GROUP BY person HAVING count({entry}) > 0

-- name: shortest
-- How long the shortest chain to a step took.
extract(epoch FROM min(ts - {start}))::float8

-- name: entry_value
-- The value of the first event with which a person entered.
(array_agg(value ORDER BY ts, event_id) FILTER (WHERE {entry} IS NOT NULL))[1]

-- name: together
-- Nobody is told apart.
SELECT persons.*, NULL::bigint AS place FROM ({persons}) AS persons

-- name: apart
-- Persons by their value: the most frequent value has the first place, and all without a place of their own the last.
SELECT sized.*, least(dense_rank() OVER (ORDER BY size DESC, value COLLATE "C" NULLS LAST), {limit} + 1) AS place
FROM (SELECT persons.*, count(*) OVER (PARTITION BY value) AS size FROM ({persons}) AS persons) AS sized

-- name: funnel
-- How many persons reached each step, and how long that took them; place NULL is everybody.
SELECT place, step, min(value) AS value, count(*) AS persons,
       percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY seconds) AS quantiles, avg(seconds) AS average
FROM ({placed}) AS placed CROSS JOIN LATERAL (VALUES {reached}) AS reached (step, seconds)
WHERE seconds IS NOT NULL
GROUP BY GROUPING SETS {sets};
