-- name: rows
-- Who was active when, from one relation.
SELECT {person} COLLATE "C" AS person, e.{time} AS ts
FROM {relation} e {aliases}
WHERE e.project_id = {project} AND e.{time} >= {since} AND e.{time} < {end} AND {conditions} AND {segment}

-- name: lifecycle
-- By period: how many persons came for the first time, came again, came back, and were gone afterwards. A period is its
-- number among the starts; 0 is all the time before them, and 1 is only there to be looked back at. A bit for each says
-- whether a person was there: one pass over who came, in any order. Many persons have the same bits, and one life.
SELECT period,
       coalesce(sum(persons) FILTER (WHERE previous IS NULL), 0)::bigint,
       coalesce(sum(persons) FILTER (WHERE previous = period - 1), 0)::bigint,
       coalesce(sum(persons) FILTER (WHERE previous < period - 1), 0)::bigint,
       coalesce(sum(persons) FILTER (WHERE next IS DISTINCT FROM period + 1), 0)::bigint
FROM (
    SELECT there, count(*) AS persons FROM (
        SELECT bit_or({before_all}::bit varying >> period) AS there
        FROM (
            SELECT person, width_bucket(ts, {starts}::timestamptz[]) AS period FROM ({window}) AS seen
            UNION ALL
            SELECT person, 0 FROM ({earlier}) AS before
        ) AS active GROUP BY person
    ) AS lives GROUP BY there
) AS alike CROSS JOIN LATERAL (
    SELECT n AS period, lag(n) OVER (ORDER BY n) AS previous, lead(n) OVER (ORDER BY n) AS next
    FROM generate_series(0, {last}) AS n WHERE get_bit(there, n) = 1
) AS life
WHERE period > 0
GROUP BY period;
