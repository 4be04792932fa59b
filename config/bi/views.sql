-- name: view
-- Makes a view, or replaces it by one that has its columns. Behind the barrier only comparisons that cannot tell
-- anything are pushed down; but the planner estimates those from statistics over all projects, and EXPLAIN shows it.
-- So every column but the times that find a day stands in a greatest() of its own: of that there are no statistics.
CREATE OR REPLACE VIEW {schema}.{view} WITH (security_barrier) AS {query}

-- name: events
-- A project's events.
SELECT greatest(e.event_id) AS event_id, e.ts, greatest(e.received_at) AS received_at, greatest(e.type) AS type,
       coalesce(a.user_id, e.user_id) AS user_id, greatest(e.anonymous_id) AS anonymous_id, e.props
FROM event e LEFT JOIN user_alias a ON a.project_id = e.project_id AND a.alias = e.user_id
WHERE e.project_id = {project}

-- name: sessions
-- A project's sessions.
SELECT greatest(s.session_id) AS session_id, coalesce(a.user_id, s.user_id) AS user_id, s.start_ts,
       greatest(s.end_ts) AS end_ts, extract(epoch FROM s.end_ts - s.start_ts)::float8 AS duration_seconds,
       greatest(s.events) AS events, greatest(s.entry) AS entry, greatest(s.exit) AS exit
FROM session s LEFT JOIN user_alias a ON a.project_id = s.project_id AND a.alias = s.user_id
WHERE s.project_id = {project}

-- name: users
-- A project's users. Sessions know all of them, and what they did, without their events: those are many more, and may
-- have been dropped.
SELECT u.user_id, u.first_seen, u.last_seen, u.events, u.sessions, coalesce(t.traits, '{{}}') AS traits
FROM (
    SELECT coalesce(a.user_id, s.user_id) AS user_id, min(s.start_ts) AS first_seen, max(s.end_ts) AS last_seen,
           sum(s.events)::bigint AS events, count(*) AS sessions
    FROM session s LEFT JOIN user_alias a ON a.project_id = s.project_id AND a.alias = s.user_id
    WHERE s.project_id = {project} GROUP BY 1
) AS u
LEFT JOIN (
    SELECT p.user_id, jsonb_object_agg(p.name, p.value) AS traits
    FROM person_trait p WHERE p.project_id = {project} GROUP BY 1
) AS t ON t.user_id = u.user_id

-- name: rollup_counts
-- Events by bucket.
SELECT bucket, {grain}::text AS grain, 'count'::text AS metric, sum(count) AS value
FROM {events} WHERE project_id = {project} GROUP BY bucket

-- name: rollup_types
-- Events of each type by bucket.
SELECT bucket, {grain}::text, 'count:' || type, sum(count)
FROM {events} WHERE project_id = {project} GROUP BY bucket, type

-- name: rollup_users
-- Users by bucket.
SELECT u.bucket, {grain}::text, 'users'::text, count(DISTINCT coalesce(a.user_id, u.user_id))::numeric
FROM {users} u LEFT JOIN user_alias a ON a.project_id = u.project_id AND a.alias = u.user_id
WHERE u.project_id = {project} GROUP BY u.bucket

-- name: rollup_metrics
-- Defined metrics by bucket that count events, or compute with a number.
SELECT r.bucket, {grain}::text, greatest(d.name::text),
       CASE d.measure WHEN 'count' THEN sum(r.n) WHEN 'sum' THEN sum(r.sum) WHEN 'min' THEN min(r.min)
                      WHEN 'max' THEN max(r.max) ELSE sum(r.sum) / nullif(sum(r.n), 0) END
FROM metric_definition d JOIN {metrics} r ON r.definition_id = d.id AND r.bucket >= d.covered_from
WHERE d.project_id = {project} AND d.state <> 'removing' AND d.measure = ANY({measures})
GROUP BY d.id, d.name, d.measure, r.bucket

-- name: rollup_metric_users
-- Defined metrics by bucket that count users: exactly, or where some are folded into registers, as HyperLogLog does.
-- While many registers are empty, how many there are tells most; else the first terms of the series for them are all
-- that matters. OFFSET 0: the registers are unpacked once, not for each of them.
SELECT bucket, {grain}::text, name,
       CASE WHEN NOT dense THEN hashes
            WHEN empty > 0.3 THEN round(({registers} * -ln(empty))::numeric)
            ELSE round(({registers} ^ 2 / (2 * ln(2::float8) * (ranks + {registers} * (
                empty + empty ^ 2 + 2 * empty ^ 4 + 4 * empty ^ 8 + 8 * empty ^ 16))))::numeric) END
FROM (
    SELECT bucket, name, sum(hashes) AS hashes, bool_or(dense) AS dense,
           sum(2::float8 ^ -rank) AS ranks, 1 - count(*)::float8 / {registers} AS empty
    FROM (
        SELECT bucket, name, register, sum(hashes) AS hashes, bool_or(dense) AS dense, max(rank) AS rank
        FROM (
            SELECT bucket, name, register, hashes, false AS dense, {rank} AS rank
            FROM (
                SELECT bucket, name, {register} & {last} AS register, count(DISTINCT who) AS hashes, min({rest}) AS rest
                FROM (
                    SELECT u.bucket, greatest(d.name::text) AS name, u.hash AS who
                    FROM metric_definition d
                    JOIN {metric_users} u ON u.definition_id = d.id AND u.bucket >= d.covered_from
                    WHERE d.project_id = {project} AND d.state <> 'removing' AND d.measure = {measure}
                ) AS seen GROUP BY 1, 2, 3
            ) AS rows
            UNION ALL
            SELECT bucket, name, place, 0, true, get_byte(registers, place)
            FROM (
                SELECT t.bucket, greatest(d.name::text) AS name, t.registers || ''::bytea AS registers
                FROM metric_definition d JOIN {dense} t ON t.definition_id = d.id AND t.bucket >= d.covered_from
                WHERE d.project_id = {project} AND d.state <> 'removing' AND d.measure = {measure} OFFSET 0
            ) AS large, generate_series(0, {last}) AS place
            WHERE get_byte(registers, place) > 0
        ) AS parts GROUP BY 1, 2, 3
    ) AS filled GROUP BY 1, 2
) AS counted

-- name: rollup_metric_bins
-- Defined percentiles by bucket: the middle of the bin that holds it, or what lies between those of two.
SELECT bucket, {grain}::text, name,
       (min(middle) FILTER (WHERE upto > floor(place)) * (1 - max(place - floor(place)))
        + min(middle) FILTER (WHERE upto > ceil(place)) * max(place - floor(place)))::numeric
FROM (
    SELECT bucket, name, upto, quantile * (whole - 1) AS place,
           CASE WHEN bin = 0 THEN 0 ELSE sign(bin) * exp(
               least(709, greatest(-744, (abs(bin) - {offset}) * {log_gamma}::float8 + {to_middle}::float8))) END AS middle
    FROM (
        SELECT b.bucket, greatest(d.name::text) AS name, d.quantile, b.bin,
               (sum(sum(b.n)) OVER (PARTITION BY greatest(d.name::text), b.bucket ORDER BY b.bin))::float8 AS upto,
               (sum(sum(b.n)) OVER (PARTITION BY greatest(d.name::text), b.bucket))::float8 AS whole
        FROM metric_definition d JOIN {bins} b ON b.definition_id = d.id AND b.bucket >= d.covered_from
        WHERE d.project_id = {project} AND d.state <> 'removing' AND d.measure = {measure}
        GROUP BY d.id, d.name, d.quantile, b.bucket, b.bin
    ) AS ranked
) AS placed GROUP BY bucket, name
