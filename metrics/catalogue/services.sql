-- name: seen
-- Adds up the properties of the staged events by type, name and kind; of those that an id's hash picks where a claim is
-- sampled. The events themselves are counted with the name '' and the kind `event`. Says of each name whether it is
-- noted already.
WITH looked_at AS MATERIALIZED (
    SELECT project_id, type, ts, CASE WHEN jsonb_typeof(props) = 'object' THEN props ELSE '{{}}' END AS props
    FROM staging WHERE uuid_hash_extended(event_id, 34) & (%(sample)s - 1) = 0
), seen AS (
    SELECT project_id, type, '' AS name, 'event' AS kind,
           min(ts) AS first_seen, max(ts) AS last_seen, count(*) * %(sample)s AS events
    FROM looked_at GROUP BY 1, 2
    UNION ALL
    SELECT s.project_id, s.type, p.key AS name,
           CASE WHEN jsonb_typeof(p.value) <> 'number' THEN jsonb_typeof(p.value)
                WHEN strpos(p.value::text, '.') = 0 THEN 'integer'
                ELSE 'number'
           END AS kind,
           min(s.ts), max(s.ts), count(*) * %(sample)s
    FROM looked_at s CROSS JOIN LATERAL jsonb_each(s.props) AS p
    GROUP BY 1, 2, 3, 4
), probed AS MATERIALIZED (
    SELECT s.*, (SELECT true FROM observed_property k
                 WHERE k.project_id = s.project_id AND k.type = s.type AND k.name = s.name LIMIT 1) IS TRUE AS known
    FROM seen s
)

-- name: add
-- Adds to what is noted. Sorted, as all that several rows are written of.
INSERT INTO observed_property AS o (project_id, type, name, kind, slot, first_seen, last_seen, events, sampled)
SELECT project_id, type, name, kind, %(slot)s, min(first_seen), max(last_seen), sum(events), %(sample)s > 1
FROM {rows}
GROUP BY 1, 2, 3, 4
ORDER BY 1, 2, 3, 4
ON CONFLICT (project_id, type, name, kind, slot) DO UPDATE
SET first_seen = least(o.first_seen, excluded.first_seen), last_seen = greatest(o.last_seen, excluded.last_seen),
    events = o.events + excluded.events, sampled = o.sampled OR excluded.sampled

-- name: add_known
-- Adds the names that are noted already, and tells whether there are others. Most claims hold none.
{seen}, added AS ({add})
SELECT EXISTS (SELECT FROM probed WHERE NOT known);

-- name: known
-- Those that are noted already.
(SELECT * FROM probed WHERE known) AS known

-- name: add_new
-- Adds the other names while there is room, else as `other`: of the type, or of the project. The name '' has room
-- wherever its type has. Windows, not joins: however many names an attacker makes up, it is a few sorts.
{seen}, typed AS (
    SELECT *, bool_or(known AND name = '') OVER (PARTITION BY project_id, type) AS type_known FROM probed
), placed AS (
    SELECT *,
           dense_rank() OVER (PARTITION BY project_id, type_known ORDER BY type) AS type_place,
           dense_rank() OVER (PARTITION BY project_id, type ORDER BY name) AS place,
           dense_rank() OVER (PARTITION BY project_id ORDER BY type, name) AS project_place,
           row_number() OVER (PARTITION BY project_id, type_known ORDER BY type, name, kind) AS nth_of_types,
           row_number() OVER (PARTITION BY project_id, type ORDER BY name, kind) AS nth_of_type,
           row_number() OVER (PARTITION BY project_id ORDER BY type, name, kind) AS nth_of_project
    FROM typed WHERE NOT known
), roomy AS (
    SELECT *, CASE WHEN NOT type_known AND nth_of_types = 1 THEN (
        WITH RECURSIVE noted AS (
            SELECT (SELECT min(k.type) FROM observed_property k
                    WHERE k.project_id = p.project_id AND k.type > '') AS type
            UNION ALL
            SELECT (SELECT min(k.type) FROM observed_property k
                    WHERE k.project_id = p.project_id AND k.type > noted.type)
            FROM noted WHERE noted.type IS NOT NULL
        )
        SELECT %(most_types)s - count(type) FROM noted
    ) END AS types_left, CASE WHEN type_known AND nth_of_type = 1 THEN (
        SELECT %(most_properties)s - count(DISTINCT k.name) FROM observed_property k
        WHERE k.project_id = p.project_id AND k.type = p.type AND k.kind NOT IN ('event', 'other')
    ) END AS names_left, CASE WHEN nth_of_project = 1 THEN (
        SELECT %(most_rows)s - count(*) FROM (
            SELECT FROM observed_property k WHERE k.project_id = p.project_id LIMIT %(most_rows)s
        ) AS noted
    ) END AS rows_left
    FROM placed p
), judged AS (
    SELECT *, type_known OR type_place <= max(types_left) OVER (PARTITION BY project_id) AS type_fits,
           name = '' OR (
               octet_length(name) <= %(name_bytes)s
               AND place <= coalesce(max(names_left) OVER (PARTITION BY project_id, type), %(most_properties)s)
               AND project_place <= max(rows_left) OVER (PARTITION BY project_id)) AS fits
    FROM roomy
)
{add};

-- name: new
-- The others, as they are to be noted.
(
    SELECT project_id, CASE WHEN type_fits THEN type ELSE '' END AS type,
           CASE WHEN type_fits AND fits THEN name ELSE '' END AS name,
           CASE WHEN type_fits AND fits THEN kind ELSE 'other' END AS kind, first_seen, last_seen, events
    FROM judged WHERE type_fits OR kind = 'event'
) AS new
