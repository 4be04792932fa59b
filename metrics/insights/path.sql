-- name: seen
-- Every event of the people asked about: pauses are between all of them, whether they are steps or not.
SELECT {person} COLLATE "C" AS person, e.ts, e.event_id, left({node}, {longest}) AS node,
       coalesce({anchors}, false) AS anchors, coalesce({counts}, false) AS counts
FROM {events}
WHERE {condition}

-- name: starting
-- Numbers a person's events along the way that is asked about, and marks those that start a session: what came last
-- is more than a pause away.
SELECT seen.*, row_number() OVER way AS place,
       greatest(ts - lag(ts) OVER way, lag(ts) OVER way - ts) > {gap} IS NOT FALSE AS starts
FROM ({rows}) AS seen
WINDOW way AS (PARTITION BY person ORDER BY ts {direction}, event_id {direction})

-- name: in_sessions
-- Names each event's session by the place where it starts.
SELECT starting.*, max(place) FILTER (WHERE starts) OVER way AS session
FROM ({rows}) AS starting
WINDOW way AS (PARTITION BY person ORDER BY ts {direction}, event_id {direction})

-- name: anchored
-- Tells where in its session the anchor is: `first`, and `reached` from there on.
SELECT in_sessions.*,
       coalesce(max(place) FILTER (WHERE anchors) OVER way, 0) >= session AS reached,
       anchors AND coalesce(max(place) FILTER (WHERE anchors) OVER (
           way ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) < session AS first
FROM ({rows}) AS in_sessions
WINDOW way AS (PARTITION BY person ORDER BY ts {direction}, event_id {direction})

-- name: steps
-- The anchor, and what counts from there on.
SELECT anchored.*, first OR node IS DISTINCT FROM lag(node) OVER way AS differs
FROM ({rows}) AS anchored
WHERE reached AND (first OR counts)
WINDOW way AS (PARTITION BY person ORDER BY ts {direction}, event_id {direction})

-- name: numbered
-- Counts them through, without those that only repeat the one before where these are collapsed.
SELECT steps.*, row_number() OVER way AS number, lead(node) OVER way AS next,
       lead(first) OVER way IS NOT FALSE AS ended
FROM ({rows}) AS steps
WHERE differs OR NOT {collapse}
WINDOW way AS (PARTITION BY person ORDER BY ts {direction}, event_id {direction})

-- name: from_anchor
-- Counts from the anchor, which is step 0.
SELECT node, next, ended, number - max(number) FILTER (WHERE first) OVER way AS step
FROM ({rows}) AS numbered
WINDOW way AS (PARTITION BY person ORDER BY ts {direction}, event_id {direction})

-- name: flow
-- How many sessions went from which node to which, or ended there. A node is '=' and its text, '' where it has none, and
-- NULL where it is one of many: not among the top of its step, or named like these are.
WITH counted AS (
    SELECT step, coalesce('=' || node, '') COLLATE "C" AS node, ended,
           CASE WHEN NOT ended THEN coalesce('=' || next, '') END COLLATE "C" AS next, count(*) AS sessions
    FROM ({rows}) AS from_anchor WHERE step <= {steps} GROUP BY 1, 2, 3, 4
), ranked AS (
    SELECT step, node, row_number() OVER (PARTITION BY step ORDER BY sum(sessions) DESC, node) AS rank
    FROM counted WHERE node <> '=' || {other} GROUP BY step, node
), kept AS (
    SELECT step, node FROM ranked WHERE rank <= {top}
)
SELECT counted.step, here.node, counted.ended, there.node, sum(sessions)::bigint
FROM counted
LEFT JOIN kept AS here ON here.step = counted.step AND here.node = counted.node
LEFT JOIN kept AS there ON there.step = counted.step + 1 AND there.node = counted.next
GROUP BY 1, 2, 3, 4;
