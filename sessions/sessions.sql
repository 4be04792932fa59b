-- name: touch
-- Notes which users' sessions the staged events touch, and where. Appends only: nobody waits for anybody.
INSERT INTO session_work (shard, project_id, users, user_ids, from_ts, to_ts, enqueued_at)
SELECT shard, project_id, count(*), array_agg(user_id), array_agg(first), array_agg(last), min(accepted)
FROM (
    SELECT mod(hashtext(user_id) & 2147483647, %(shards)s) AS shard, project_id, user_id,
           min(ts) AS first, max(ts) AS last, min(received_at) AS accepted
    FROM staging GROUP BY project_id, user_id
) AS touched
GROUP BY shard, project_id;

-- name: busy_shards
-- Lists the shards in a range that have work, those that have waited longest first.
SELECT shard FROM generate_series(%(first)s::integer, %(last)s) AS all_shards (shard)
WHERE EXISTS (SELECT FROM session_work w WHERE w.shard = all_shards.shard)
ORDER BY (SELECT min(w.id) FROM session_work w WHERE w.shard = all_shards.shard);

-- name: oldest_seconds
-- Tells how long the oldest work has waited, but for that of hot users: theirs waits by design.
SELECT extract(epoch FROM clock_timestamp() - min(enqueued_at))::float8 FROM session_work WHERE shard < %(shards)s;

-- name: lock_shard
-- Takes the shard for this transaction; false when another rebuild has it.
SELECT pg_try_advisory_xact_lock(%(space)s, %(shard)s);

-- name: take_work
-- Takes the oldest work of a shard off the list, one entry at least, and joins it by user, for the statements that
-- follow. Bounded in users: a busy user stands in every claim's entry, and is to be rebuilt once for all of them.
CREATE TEMP TABLE touched ON COMMIT DROP AS
WITH oldest AS (
    SELECT id, users, sum(users) OVER (ORDER BY id) AS users_up_to FROM session_work WHERE shard = %(shard)s
    ORDER BY id LIMIT %(limit)s
), taken AS (
    DELETE FROM session_work
    WHERE shard = %(shard)s AND id IN (SELECT id FROM oldest WHERE users_up_to - users < %(limit)s)
    RETURNING project_id, user_ids, from_ts, to_ts, enqueued_at
)
SELECT project_id, user_id, min(first) AS from_ts, max(last) AS to_ts, min(enqueued_at) AS enqueued_at,
       0::bigint AS events
FROM taken, unnest(user_ids, from_ts, to_ts) AS spans (user_id, first, last)
GROUP BY 1, 2;

-- name: take_hot
-- Takes all work of one user off the list of a shard's hot users, whose rows are of one user each.
CREATE TEMP TABLE touched ON COMMIT DROP AS
WITH oldest AS (
    SELECT project_id, user_ids FROM session_work WHERE shard = %(shard)s ORDER BY id LIMIT 1
), taken AS (
    DELETE FROM session_work w USING oldest
    WHERE w.shard = %(shard)s AND w.project_id = oldest.project_id AND w.user_ids = oldest.user_ids
    RETURNING w.project_id, w.user_ids[1] AS user_id, w.from_ts[1] AS first, w.to_ts[1] AS last, w.enqueued_at
)
SELECT project_id, user_id, min(first) AS from_ts, max(last) AS to_ts, min(enqueued_at) AS enqueued_at,
       0::bigint AS events
FROM taken GROUP BY 1, 2;

-- name: put_off_hot
-- Puts users whose spans hold very many events on a list of their own, so that nobody waits for them.
WITH hot AS (
    DELETE FROM touched WHERE events > %(hot_events)s RETURNING project_id, user_id, from_ts, to_ts, enqueued_at
)
INSERT INTO session_work (shard, project_id, users, user_ids, from_ts, to_ts, enqueued_at)
SELECT %(hot_shard)s, project_id, 1, ARRAY[user_id], ARRAY[from_ts], ARRAY[to_ts], enqueued_at FROM hot;

-- name: widen
-- Widens each span by the sessions it lies in or within a gap of: beyond them nothing can change.
UPDATE touched t SET
    from_ts = least(t.from_ts, s.start_ts),
    to_ts = greatest(t.to_ts, s.end_ts),
    events = s.events
FROM (
    SELECT t.project_id, t.user_id, min(s.start_ts) AS start_ts, max(s.end_ts) AS end_ts, sum(s.events) AS events
    FROM touched t JOIN session s
      ON s.project_id = t.project_id AND s.user_id = t.user_id
     AND s.end_ts >= t.from_ts - %(gap)s AND s.start_ts <= t.to_ts + %(gap)s
    GROUP BY 1, 2
) s
WHERE s.project_id = t.project_id AND s.user_id = t.user_id;

-- name: hold
-- Keeps raw events from being dropped while sessions are computed from them.
LOCK TABLE ONLY event IN ROW EXCLUSIVE MODE;

-- name: clamp
-- Begins after the days whose raw events were dropped, and after a session that began in them: neither can be computed
-- again.
UPDATE touched t SET from_ts = greatest(b.sealed_before, (
    SELECT max(s.end_ts) + interval '1 microsecond' FROM session s
    WHERE s.project_id = t.project_id AND s.user_id = t.user_id AND s.start_ts < b.sealed_before))
FROM rollup_bounds b WHERE t.from_ts < b.sealed_before;

-- name: leave_sealed
-- Leaves alone what lies in them altogether.
DELETE FROM touched WHERE from_ts > to_ts;

-- name: know
-- Lets the planner know how few they are: for each it would else open every chunk that lies in columns.
ANALYZE touched;

-- name: clear
-- Removes the sessions within the spans.
WITH gone AS (
    DELETE FROM session s USING touched t
    WHERE s.project_id = t.project_id AND s.user_id = t.user_id
      AND s.start_ts >= t.from_ts AND s.start_ts <= t.to_ts
    RETURNING s.project_id, s.start_ts, s.end_ts, s.events
)
INSERT INTO session_change SELECT project_id, %(slot)s, start_ts, end_ts, -1, events FROM gone;

-- name: build
-- Computes the sessions within the spans from the raw events. A session's id follows from its project, user
-- and start. Events of one moment are put in the order of their ids.
WITH made AS (
    INSERT INTO session (project_id, user_id, start_ts, end_ts, session_id, events, entry, exit)
    SELECT project_id, user_id, min(ts), max(ts),
           md5(project_id || '/' || user_id || '/' || extract(epoch FROM min(ts)))::uuid,
           count(*), (array_agg(place ORDER BY ts, event_id))[1], (array_agg(place ORDER BY ts DESC, event_id DESC))[1]
    FROM (
        SELECT project_id, user_id, ts, event_id, place,
               count(*) FILTER (WHERE starts) OVER (PARTITION BY project_id, user_id ORDER BY ts, event_id) AS session
        FROM (
            SELECT e.project_id, e.user_id, e.ts, e.event_id,
                   left(coalesce(e.props ->> 'path', e.props ->> 'url', e.type), 500) AS place,
                   e.ts - lag(e.ts) OVER (PARTITION BY e.project_id, e.user_id ORDER BY e.ts, e.event_id) > %(gap)s
                       IS NOT FALSE AS starts
            FROM touched t JOIN event e
              ON e.project_id = t.project_id AND e.user_id = t.user_id AND e.ts >= t.from_ts AND e.ts <= t.to_ts
        ) AS steps
    ) AS numbered
    GROUP BY project_id, user_id, session
    RETURNING project_id, start_ts, end_ts, events
)
INSERT INTO session_change SELECT project_id, %(slot)s, start_ts, end_ts, 1, events FROM made;

-- name: count_touched
-- Counts the users whose sessions were built.
SELECT count(*) FROM touched;

-- name: touch_all
-- Puts every user with events in a range on the list.
INSERT INTO session_work (shard, project_id, users, user_ids, from_ts, to_ts)
SELECT shard, project_id, count(*), array_agg(user_id), array_agg(first), array_agg(last)
FROM (
    SELECT mod(hashtext(user_id) & 2147483647, %(shards)s) AS shard, project_id, user_id,
           min(ts) AS first, max(ts) AS last
    FROM event WHERE ts >= %(start)s AND ts < %(end)s GROUP BY project_id, user_id
) AS touched
GROUP BY shard, project_id;

-- name: list
-- Lists sessions that start in a range, newest first, from a cursor on.
SELECT session_id, user_id, start_ts, end_ts, events, entry, exit FROM session
WHERE project_id = %(project_id)s
  AND (%(start)s::timestamptz IS NULL OR start_ts >= %(start)s)
  AND (%(end)s::timestamptz IS NULL OR start_ts < %(end)s)
  AND (%(cursor_ts)s::timestamptz IS NULL OR (start_ts, session_id) < (%(cursor_ts)s, %(cursor_id)s))
ORDER BY start_ts DESC, session_id DESC LIMIT %(limit)s;

-- name: list_of
-- Lists those of some user ids: the newest of each, merged.
SELECT s.session_id, s.user_id, s.start_ts, s.end_ts, s.events, s.entry, s.exit
FROM unnest(%(user_ids)s::text[]) AS ids (user_id)
CROSS JOIN LATERAL (
    SELECT * FROM session
    WHERE project_id = %(project_id)s AND user_id = ids.user_id
      AND (%(start)s::timestamptz IS NULL OR start_ts >= %(start)s)
      AND (%(end)s::timestamptz IS NULL OR start_ts < %(end)s)
      AND (%(cursor_ts)s::timestamptz IS NULL OR (start_ts, session_id) < (%(cursor_ts)s, %(cursor_id)s))
    ORDER BY start_ts DESC LIMIT %(limit)s
) AS s
ORDER BY s.start_ts DESC, s.session_id DESC LIMIT %(limit)s;

-- name: get
-- Reads one session.
SELECT session_id, user_id, start_ts, end_ts, events, entry, exit FROM session
WHERE project_id = %(project_id)s AND session_id = %(session_id)s;

-- name: waiting
-- Counts the users that wait; one that was touched twice counts twice.
SELECT coalesce(sum(users), 0) FROM session_work;

-- name: hold_shard
-- Waits until nobody rebuilds a user's shard, and keeps it so until the transaction ends.
SELECT pg_advisory_xact_lock(%(space)s, mod(hashtext(%(user_id)s) & 2147483647, %(shards)s));

-- name: remove_user
-- Removes a user's sessions.
WITH gone AS (
    DELETE FROM session WHERE project_id = %(project_id)s AND user_id = %(user_id)s
    RETURNING project_id, start_ts, end_ts, events
)
INSERT INTO session_change
SELECT project_id, mod(hashtext(%(user_id)s) & 2147483647, %(shards)s), start_ts, end_ts, -1, events FROM gone;

-- name: count_user
-- Counts a user's sessions.
SELECT count(*) FROM session WHERE project_id = %(project_id)s AND user_id = %(user_id)s;
