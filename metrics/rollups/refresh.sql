-- name: lock
-- Lets one session at a time refresh what is stale; false when another does.
SELECT pg_try_advisory_lock(%(space)s, 1);

-- name: unlock
-- Lets the next one in.
SELECT pg_advisory_unlock(%(space)s, 1);

-- name: quieten
-- Keeps the extension from logging each refresh of this session, where the role may: there are some every second.
SELECT set_config('log_min_messages', 'panic', false) FROM pg_roles WHERE rolname = current_user AND rolsuper;

-- name: keep_still
-- Keeps raw events from being dropped while this session refreshes.
SELECT pg_advisory_lock_shared(%(space)s, 2);

-- name: let_go
-- Ends that.
SELECT pg_advisory_unlock_shared(%(space)s, 2);

-- name: keep_out
-- Waits for sessions that refresh, and lets no other begin until the transaction ends.
SELECT pg_advisory_xact_lock(%(space)s, 2);

-- name: stale
-- Reads the oldest notes, one row a span.
SELECT id, lower(span), upper(span)
FROM (SELECT id, spans FROM rollup_stale ORDER BY id LIMIT %(limit)s) AS oldest, unnest(spans) AS span
ORDER BY id;

-- name: clock
-- Reads what a refresh may cover now: from where on, up to where, and whether an aggregate may have a hole. Up to the
-- lag, or to the watermark where that is further: the lag may have been shorter a while ago.
SELECT greatest(b.sealed_before, '1970-01-01'),
       greatest(clock_timestamp() - b.lag, (
           SELECT _timescaledb_functions.to_timestamp(_timescaledb_functions.cagg_watermark(c.mat_hypertable_id))
           FROM _timescaledb_catalog.continuous_agg c
           WHERE c.user_view_name = r.relation AND c.user_view_schema = current_schema())),
       r.refreshed_until, r.refreshed_until < clock_timestamp() - r.max_gap
FROM rollup_bounds b, rollup_refresh r WHERE r.relation = %(relation)s;

-- name: arguments
-- Lists what a refresh can be told on this version of TimescaleDB.
SELECT proargnames FROM pg_proc WHERE proname = 'refresh_continuous_aggregate' AND 'options' = ANY(proargnames);

-- name: refresh
-- Brings an aggregate up to date in a span.
CALL refresh_continuous_aggregate(%(relation)s, %(start)s::timestamptz, %(end)s::timestamptz{how});

-- name: in_one_pass
-- Refreshes a span at once. In batches of ten buckets, as is usual, a day of minutes takes a hundred times as long.
, options => '{"buckets_per_batch": 0}'

-- name: forced
-- Computes anew what has not changed either.
, force => true

-- name: is_closed
-- Writes down that an aggregate has no hole before a moment.
UPDATE rollup_refresh SET refreshed_until = %(until)s WHERE relation = %(relation)s;

-- name: shorten
-- Takes a span that was refreshed out of notes.
UPDATE rollup_stale SET spans = spans - tstzmultirange(tstzrange(%(start)s, %(end)s))
WHERE id = ANY(%(ids)s) AND spans && tstzrange(%(start)s, %(end)s);

-- name: forget_far
-- Takes out of notes what is so young that no policy can have missed it.
UPDATE rollup_stale SET spans = spans - tstzmultirange(tstzrange(%(near)s, NULL))
WHERE id = ANY(%(ids)s) AND spans && tstzrange(%(near)s, NULL);

-- name: forget
-- Removes notes of which nothing is left.
DELETE FROM rollup_stale WHERE isempty(spans);

-- name: follow
-- Writes down how far the policies have come. One that was never away for longer than its window left no hole.
UPDATE rollup_refresh r SET refreshed_until = w.watermark
FROM (
    SELECT c.user_view_name::text AS relation, least(clock_timestamp() - (SELECT lag FROM rollup_bounds),
           _timescaledb_functions.to_timestamp(_timescaledb_functions.cagg_watermark(c.mat_hypertable_id))) AS watermark
    FROM _timescaledb_catalog.continuous_agg c WHERE c.user_view_schema = current_schema()
) AS w
WHERE w.relation = r.relation AND w.watermark > r.refreshed_until + interval '1 minute'
  AND r.refreshed_until >= clock_timestamp() - r.max_gap;
