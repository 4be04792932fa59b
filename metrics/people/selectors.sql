-- name: has_events
-- Tells whether an event of a user is stored.
SELECT EXISTS (SELECT FROM event WHERE project_id = %(project_id)s AND user_id = %(user_id)s);

-- name: people
-- Reads people's other ids, and what their sessions say, in the order in which they are asked for.
SELECT p.person, others.ids, s.first, s.last, s.events, s.sessions
FROM unnest(%(people)s::text[]) WITH ORDINALITY AS p (person, place)
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(k.alias ORDER BY k.alias), '{}') AS ids FROM user_alias k
    WHERE k.project_id = %(project_id)s AND k.user_id = p.person
) AS others
CROSS JOIN LATERAL (
    SELECT min(start_ts) AS first, max(end_ts) AS last, coalesce(sum(events), 0)::bigint AS events, count(*) AS sessions
    FROM session WHERE project_id = %(project_id)s AND user_id = ANY(p.person || others.ids)
) AS s
ORDER BY p.place;

-- name: traits
-- Reads people's traits: of all their ids, what was said last. What was set to null is gone. The times of what was set
-- once are mirrored at 1970 (`keep_traits`).
SELECT person, name, value::text,
    CASE WHEN ts < 'epoch' THEN timestamptz 'epoch' + (timestamptz 'epoch' - ts) ELSE ts END
FROM (
    SELECT DISTINCT ON (i.person, t.name) i.person, t.name, t.value, t.ts
    FROM (
        SELECT person, person AS id FROM unnest(%(people)s::text[]) AS p (person)
        UNION ALL
        SELECT user_id, alias FROM user_alias WHERE project_id = %(project_id)s AND user_id = ANY(%(people)s)
    ) AS i
    JOIN user_trait t ON t.project_id = %(project_id)s AND t.user_id = i.id
    ORDER BY i.person, t.name, t.ts DESC, t.event_id DESC
) AS last
WHERE jsonb_typeof(value) <> 'null';
