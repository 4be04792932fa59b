-- name: list
-- Lists events, newest first.
SELECT event_id, ts, received_at, type, user_id, anonymous_id, props, flags FROM event
WHERE project_id = %(project_id)s AND ts >= %(start)s AND ts < %(end)s
  AND (%(type)s::text IS NULL OR type = %(type)s)
  AND (%(cursor_ts)s::timestamptz IS NULL OR (ts, event_id) < (%(cursor_ts)s, %(cursor_id)s::uuid))
ORDER BY ts DESC, event_id DESC LIMIT %(limit)s;

-- name: list_of
-- Lists those of some user ids: the newest of each, merged.
SELECT e.event_id, e.ts, e.received_at, e.type, e.user_id, e.anonymous_id, e.props, e.flags
FROM unnest(%(user_ids)s::text[]) AS ids (user_id)
CROSS JOIN LATERAL (
    SELECT * FROM event
    WHERE project_id = %(project_id)s AND user_id = ids.user_id AND ts >= %(start)s AND ts < %(end)s
      AND (%(type)s::text IS NULL OR type = %(type)s)
      AND (%(cursor_ts)s::timestamptz IS NULL OR (ts, event_id) < (%(cursor_ts)s, %(cursor_id)s::uuid))
    ORDER BY ts DESC, event_id DESC LIMIT %(limit)s
) AS e
ORDER BY e.ts DESC, e.event_id DESC LIMIT %(limit)s;

-- name: get
-- Finds one event: the ledger knows its time, so only one day is read.
SELECT e.event_id, e.ts, e.received_at, e.type, e.user_id, e.anonymous_id, e.props, e.flags
FROM event e
WHERE e.project_id = %(project_id)s AND e.event_id = %(event_id)s
  AND e.ts = (SELECT k.ts FROM event_key k
              WHERE k.project_id = %(project_id)s AND k.event_id = %(event_id)s);

-- name: balance
-- Reads accepted, waiting and outcomes from one snapshot.
SELECT (SELECT coalesce(sum(appended_events), 0)::bigint FROM bus_counter),
       (SELECT coalesce(sum(events), 0)::bigint FROM inbox),
       (SELECT coalesce(jsonb_object_agg(outcome, total), '{}')
        FROM (SELECT outcome, sum(events) AS total FROM outcome_count GROUP BY outcome) AS o);

-- name: events_by_day
-- Counts events by UTC day: a project's, and all projects'.
SELECT (bucket AT TIME ZONE 'UTC')::date, coalesce(sum(count) FILTER (WHERE project_id = %(project_id)s), 0)::bigint,
       sum(count)::bigint
FROM rollup_events_1d GROUP BY 1;

-- name: processors
-- Counts the slots that living sessions hold.
SELECT count(*) FROM pg_locks
WHERE locktype = 'advisory' AND granted AND classid = %(space)s
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database());
