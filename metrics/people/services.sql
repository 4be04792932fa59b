-- name: anything_said
-- Tells whether a staged event says who somebody is. Most claims hold none.
SELECT EXISTS (SELECT FROM staging WHERE type = ANY(%(types)s));

-- name: keep_traits
-- Keeps what was said last of each trait, by the event's time and then its id, and counts what is left out: values
-- and names that are too large, and new names where a user id has very many. The order is the same in every
-- processor, so that two cannot deadlock. What `$set_once` says is kept at its time mirrored at 1970, before which no
-- event lies: so its first word is the last of them, and what is simply set comes after all of them, whoever compares.
WITH said AS MATERIALIZED (
    SELECT s.project_id, s.user_id, t.name, t.value, t.ts, s.event_id, t.nth,
           octet_length(t.value::text) <= %(bytes)s AND octet_length(t.name) <= %(name_bytes)s AS fits
    FROM staging s CROSS JOIN LATERAL (
        SELECT key AS name, value, s.ts, 1 AS nth FROM jsonb_each(CASE
            WHEN jsonb_typeof(s.props -> 'traits') = 'object' THEN s.props -> 'traits'
            WHEN jsonb_typeof(s.props -> '$set') = 'object' THEN s.props -> '$set'
            WHEN s.props ?| ARRAY['$set_once', '$unset', '$anon_distinct_id'] THEN '{}'
            WHEN jsonb_typeof(s.props) = 'object' THEN s.props
            ELSE '{}'
        END)
        UNION ALL
        SELECT key, value, %(epoch)s - (s.ts - %(epoch)s), 1 FROM jsonb_each(
            CASE WHEN jsonb_typeof(s.props -> '$set_once') = 'object' THEN s.props -> '$set_once' ELSE '{}' END)
        UNION ALL
        SELECT value #>> '{}', 'null', s.ts, 2 FROM jsonb_array_elements(
            CASE WHEN jsonb_typeof(s.props -> '$unset') = 'array' THEN s.props -> '$unset' ELSE '[]' END)
        WHERE jsonb_typeof(value) = 'string'
    ) AS t
    WHERE s.type = ANY(%(types)s)
), last AS (
    SELECT DISTINCT ON (project_id, user_id, name) project_id, user_id, name, value, ts, event_id
    FROM said WHERE fits
    ORDER BY project_id, user_id, name, ts DESC, event_id DESC, nth DESC
), looked_up AS (
    SELECT l.*, (SELECT true FROM user_trait k
                 WHERE k.project_id = l.project_id AND k.user_id = l.user_id AND k.name = l.name) AS known
    FROM last l
), placed AS (
    SELECT *, row_number() OVER (PARTITION BY project_id, user_id, known ORDER BY name) AS place FROM looked_up
), judged AS (
    SELECT *, known IS NOT NULL OR place + max(CASE WHEN known IS NULL AND place = 1 THEN (
        SELECT count(*) FROM user_trait k WHERE k.project_id = p.project_id AND k.user_id = p.user_id
    ) END) OVER (PARTITION BY project_id, user_id) <= %(most)s AS kept
    FROM placed p
), entered AS (
    INSERT INTO user_trait AS t (project_id, user_id, name, value, ts, event_id)
    SELECT project_id, user_id, name, value, ts, event_id FROM judged WHERE kept
    ORDER BY project_id, user_id, name
    ON CONFLICT (project_id, user_id, name) DO UPDATE
    SET value = excluded.value, ts = excluded.ts, event_id = excluded.event_id
    WHERE (t.ts, t.event_id) < (excluded.ts, excluded.event_id)
)
SELECT (SELECT count(*) FROM said WHERE NOT fits) + (SELECT count(*) FROM judged WHERE NOT kept);

-- name: pairs
-- Lists which ids are said to be one person's, by project, in the order of the events; not of aliases that are known.
SELECT project_id, alias, user_id, ts
FROM (
    SELECT project_id, CASE
               WHEN type = ANY(%(identify)s) THEN coalesce(anonymous_id, CASE
                   WHEN jsonb_typeof(props -> '$anon_distinct_id') IN ('string', 'number')
                   THEN props ->> '$anon_distinct_id'
               END)
               WHEN jsonb_typeof(props -> 'previousId') IN ('string', 'number') THEN props ->> 'previousId'
               WHEN jsonb_typeof(props -> 'alias') IN ('string', 'number') THEN props ->> 'alias'
           END AS alias, user_id, ts, event_id
    FROM staging WHERE type = ANY(%(types)s)
) AS said
WHERE alias <> user_id
  AND NOT EXISTS (SELECT FROM user_alias k WHERE k.project_id = said.project_id AND k.alias = said.alias)
ORDER BY project_id, ts, event_id;

-- name: lock
-- Lets one transaction at a time change a project's aliases.
SELECT pg_advisory_xact_lock(%(space)s, %(project_id)s);

-- name: known
-- Reads whom ids stand for, and how many ids that person has, with his own.
SELECT i.id, i.person, (SELECT count(*) + 1 FROM user_alias k
                        WHERE k.project_id = %(project_id)s AND k.user_id = i.person)
FROM (
    SELECT id, coalesce((SELECT a.user_id FROM user_alias a WHERE a.project_id = %(project_id)s AND a.alias = id), id)
    FROM unnest(%(ids)s::text[]) AS id
) AS i (id, person);

-- name: enter
-- Enters new aliases, and lets those of somebody who became one stand for the same person as he does; returns these.
WITH new AS (
    SELECT * FROM unnest(%(aliases)s::text[], %(users)s::text[], %(since)s::timestamptz[]) AS new (alias, user_id, since)
), entered AS (
    INSERT INTO user_alias (project_id, alias, user_id, since)
    SELECT %(project_id)s, alias, user_id, since FROM new
)
UPDATE user_alias k SET user_id = new.user_id FROM new
WHERE k.project_id = %(project_id)s AND k.user_id = new.alias
RETURNING k.alias;

-- name: forget_traits
-- Removes what is known of user ids.
DELETE FROM user_trait WHERE project_id = %(project_id)s AND user_id = ANY(%(ids)s);

-- name: forget_aliases
-- Removes whom ids stand for, and who stands for them.
DELETE FROM user_alias WHERE project_id = %(project_id)s AND (alias = ANY(%(ids)s) OR user_id = ANY(%(ids)s));
