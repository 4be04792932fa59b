-- name: ways
-- Each person's events along the way that is asked about, `place` counting from its beginning, in sessions of that way.
CREATE OR REPLACE TEMP TABLE way AS
WITH seen AS (
    SELECT e.person, e.ts, e.event_id, left(field_of(e.type, e.person, e.props, $node), 500) AS node,
           {anchors} AS anchors, {counts} AS counts
    FROM event e WHERE e.ts >= $start AND e.ts < $end AND {segment}
), marked AS (
    SELECT *, coalesce(ts - lag(ts) OVER w > 1800 * 1000000, true) AS starts
    FROM seen WINDOW w AS (PARTITION BY person ORDER BY ts, event_id)
), named AS (
    SELECT *, sum(starts::INTEGER) OVER (PARTITION BY person ORDER BY ts, event_id) AS session FROM marked
)
SELECT *, row_number() OVER (PARTITION BY person, session ORDER BY ts {direction}, event_id {direction}) AS place FROM named;

-- name: steps
-- Per session the nodes from the anchor on, as one list: the anchor, then what counts.
CREATE OR REPLACE TEMP TABLE path AS
SELECT w.person, w.session,
       list({{'node': w.node}} ORDER BY w.place) FILTER (WHERE w.place = a.place OR (w.place > a.place AND w.counts)) AS nodes
FROM way w JOIN (
    SELECT person, session, min(place) AS place FROM way WHERE anchors GROUP BY person, session
) a ON a.person = w.person AND a.session = w.session
GROUP BY w.person, w.session;

-- name: walked
-- Each path step by step, without those that repeat the node before where these are left out; 0 is the anchor.
CREATE OR REPLACE TEMP TABLE walked AS
WITH each AS (
    SELECT person, session, unnest(nodes).node AS node, unnest(range(len(nodes))) AS number FROM path
), told AS (
    SELECT *, number = 0 OR NOT $collapse OR node IS DISTINCT FROM lag(node) OVER (PARTITION BY person, session ORDER BY number) AS shown
    FROM each
)
SELECT person, session, node, row_number() OVER w - 1 AS step, lead(node) OVER w AS next, lead(number) OVER w IS NULL AS ended
FROM told WHERE shown WINDOW w AS (PARTITION BY person, session ORDER BY number);

-- name: kept
-- The most frequent nodes of each step; a node that is called like the rest is one of the rest.
CREATE OR REPLACE TEMP TABLE kept AS
SELECT step, node FROM (
    SELECT step, node, row_number() OVER (PARTITION BY step ORDER BY count(*) DESC, node NULLS FIRST) AS rank
    FROM walked WHERE node IS DISTINCT FROM 'other' AND step <= $steps GROUP BY step, node
) AS ranked WHERE rank <= $top;

-- name: flow
-- How many sessions went from where to where.
SELECT w.step, h.step IS NULL AS is_rest, h.node, w.ended, t.step IS NULL AS next_is_rest, t.node, count(*)
FROM walked w
LEFT JOIN kept h ON h.step = w.step AND h.node IS NOT DISTINCT FROM w.node
LEFT JOIN kept t ON t.step = w.step + 1 AND t.node IS NOT DISTINCT FROM w.next AND NOT w.ended
WHERE w.step <= $steps GROUP BY ALL;
