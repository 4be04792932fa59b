-- name: of_project
-- Reads a project's plan in one snapshot: one row a type, or one without a type.
SELECT p.version, p.unlisted, t.type, t.mode, t.schema, t.weight
FROM tracking_plan p LEFT JOIN planned_type t USING (project_id)
WHERE p.project_id = %(project_id)s;

-- name: next_version
-- Makes or changes a project's plan as a whole; whoever changes it at the same time waits here.
INSERT INTO tracking_plan AS p (project_id, version, unlisted)
VALUES (%(project_id)s, 1, coalesce(%(unlisted)s, 'allow'))
ON CONFLICT (project_id) DO UPDATE SET version = p.version + 1, unlisted = coalesce(%(unlisted)s, p.unlisted)
RETURNING version;

-- name: room
-- Tells how many other types a plan names, what their schemas weigh together, and how long they are as texts.
SELECT count(*), coalesce(sum(weight), 0)::bigint, coalesce(sum(octet_length(schema)), 0)::bigint FROM planned_type
WHERE project_id = %(project_id)s AND type <> %(type)s;

-- name: count_warned
-- Counts the fresh events that broke a plan which warns, with the claim that stores them.
INSERT INTO plan_violation AS v (project_id, type, hour, mode, slot, events)
SELECT project_id, type, date_trunc('hour', now(), 'UTC'), 'warn', %(slot)s, count(*)
FROM staging WHERE flags & 2 <> 0
GROUP BY 1, 2
ON CONFLICT (project_id, type, hour, mode, slot) DO UPDATE SET events = v.events + excluded.events;

-- name: count_enforced
-- Counts the dead letters that this very transaction made of events that broke a plan: a repeat has its letter already.
INSERT INTO plan_violation AS v (project_id, type, hour, mode, slot, events)
SELECT project_id, given.type, date_trunc('hour', now(), 'UTC'), 'enforce', %(slot)s, count(*)
FROM (
    SELECT DISTINCT ON (project_id, identity) *
    FROM unnest(%(projects)s::integer[], %(identities)s::uuid[], %(types)s::text[]) AS g (project_id, identity, type)
) AS given JOIN dead_letter d USING (project_id, identity)
WHERE d.received_at = now() AND d.xmin = pg_current_xact_id()::xid
GROUP BY 1, 2
ON CONFLICT (project_id, type, hour, mode, slot) DO UPDATE SET events = v.events + excluded.events;

-- name: by_type
-- Sums a project's violations by type over some hours, most first.
SELECT type, coalesce(sum(events) FILTER (WHERE mode = 'warn'), 0)::bigint AS warned,
    coalesce(sum(events) FILTER (WHERE mode = 'enforce'), 0)::bigint AS quarantined
FROM plan_violation
WHERE project_id = %(project_id)s AND hour >= %(start)s AND hour < %(end)s
GROUP BY type ORDER BY sum(events) DESC, type LIMIT %(limit)s;

-- name: by_hour
-- Lists the hours in which events of a type broke the plan.
SELECT hour, coalesce(sum(events) FILTER (WHERE mode = 'warn'), 0)::bigint AS warned,
    coalesce(sum(events) FILTER (WHERE mode = 'enforce'), 0)::bigint AS quarantined
FROM plan_violation
WHERE project_id = %(project_id)s AND type = %(type)s AND hour >= %(start)s AND hour < %(end)s
GROUP BY hour ORDER BY hour;

-- name: examples
-- Finds the latest stored events of a type that were marked.
SELECT event_id, ts, props::text FROM event
WHERE project_id = %(project_id)s AND type = %(type)s AND ts >= %(start)s AND ts < %(end)s AND flags & 2 <> 0
ORDER BY ts DESC, event_id DESC LIMIT %(limit)s;

-- name: forget
-- Forgets the counts of long ago.
DELETE FROM plan_violation WHERE hour < now() - make_interval(days => %(days)s);
