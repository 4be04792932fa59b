-- name: types
-- Reads the types that came most often, or one of them, and how many there are. The first and last minutes are looked
-- for in the first and last hours only, and these in the days.
WITH days AS (
    SELECT type, min(bucket) AS first, max(bucket) AS last, sum(count)::bigint AS events, count(*) OVER () AS types
    FROM rollup_events_1d
    WHERE project_id = %(project_id)s AND (%(type)s::text IS NULL OR type = %(type)s)
    GROUP BY type
    ORDER BY events DESC, type LIMIT %(limit)s
), day_edges AS (
    SELECT d.day, h.type, h.first, h.last
    FROM (SELECT first AS day FROM days UNION SELECT last FROM days) AS d
    CROSS JOIN LATERAL (
        SELECT type, min(bucket) AS first, max(bucket) AS last FROM rollup_events_1h
        WHERE project_id = %(project_id)s AND bucket >= d.day AND bucket < d.day + interval '24 hours' GROUP BY type
    ) AS h
), hours AS (
    SELECT d.type, f.first, l.last, d.events, d.types
    FROM days d
    JOIN day_edges f ON f.type = d.type AND f.day = d.first
    JOIN day_edges l ON l.type = d.type AND l.day = d.last
), hour_edges AS (
    SELECT h.hour, m.type, m.first, m.last
    FROM (SELECT first AS hour FROM hours UNION SELECT last FROM hours) AS h
    CROSS JOIN LATERAL (
        SELECT type, min(bucket) AS first, max(bucket) AS last FROM rollup_events_1m
        WHERE project_id = %(project_id)s AND bucket >= h.hour AND bucket < h.hour + interval '1 hour' GROUP BY type
    ) AS m
)
SELECT h.type, f.first, l.last, h.events, h.types
FROM hours h
JOIN hour_edges f ON f.type = h.type AND f.hour = h.first
JOIN hour_edges l ON l.type = h.type AND l.hour = h.last
ORDER BY h.events DESC, h.type;

-- name: others
-- Counts the events of types that had no room.
SELECT coalesce(sum(events), 0)::bigint FROM observed_property WHERE project_id = %(project_id)s AND type = '';

-- name: properties
-- Reads what was observed of a type's properties.
SELECT name, kind, min(first_seen), max(last_seen), sum(events)::bigint, bool_or(sampled)
FROM observed_property WHERE project_id = %(project_id)s AND type = %(type)s
GROUP BY 1, 2 ORDER BY 1, 2;
