-- name: hold
-- Keeps chunks from being dropped until the transaction ends. The chunks themselves are left alone: to wait for one
-- that is being compressed would hold up all the others.
LOCK TABLE ONLY event IN ROW EXCLUSIVE MODE;

-- name: keep_out
-- Keeps writers out until the transaction ends. Better to fail soon than to hold up all who come after.
SET LOCAL lock_timeout = '2s';
LOCK TABLE ONLY event IN SHARE ROW EXCLUSIVE MODE;

-- name: insert
-- Moves the fresh events into the store.
INSERT INTO event (project_id, event_id, ts, received_at, type, user_id, anonymous_id, props, flags)
SELECT project_id, event_id, ts, received_at, type, user_id, anonymous_id, props, flags FROM staging;

-- name: is_history
-- Tells whether the fresh events are many and all so old that they belong into columns at once.
SELECT count(*) >= %(least)s AND max(ts) < now() - %(after)s::interval FROM staging;

-- name: can_insert_columns
-- Tells whether this version writes columns from an insert, beside continuous aggregates, as it is tested here.
SELECT string_to_array(split_part(extversion, '-', 1), '.')::integer[] >= '{2,29}' FROM pg_extension
WHERE extname = 'timescaledb';

-- name: write_columns
-- Lets inserts of this transaction write columns.
SET LOCAL timescaledb.enable_direct_compress_insert = on;

-- name: insert_columns
-- Moves the fresh events into the store as columns. The order makes whole batches: each change of chunk or segment
-- ends one. The extension must not be told that they are sorted: neighbouring claims overlap in time.
INSERT INTO event (project_id, event_id, ts, received_at, type, user_id, anonymous_id, props, flags)
SELECT project_id, event_id, ts, received_at, type, user_id, anonymous_id, props, flags FROM staging
ORDER BY date_trunc('day', ts, 'UTC'), project_id, type, ts;

-- name: write_rows
-- Lets them write rows again.
SET LOCAL timescaledb.enable_direct_compress_insert = off;

-- name: chunks
-- Lists chunks with their estimated rows and bytes with indexes, but for those that are dropped meanwhile.
SELECT c.range_start, c.range_end,
       approximate_row_count(to_regclass(format('%I.%I', c.chunk_schema, c.chunk_name))), s.total_bytes
FROM timescaledb_information.chunks c
JOIN chunks_detailed_size('event') s USING (chunk_schema, chunk_name)
WHERE c.hypertable_name = 'event' AND c.hypertable_schema = current_schema()
  AND to_regclass(format('%I.%I', c.chunk_schema, c.chunk_name)) IS NOT NULL
ORDER BY c.range_start DESC;

-- name: chunks_and_columns
-- Lists chunks as above, with what those that lie in columns took before.
SELECT c.range_start, c.range_end,
       approximate_row_count(to_regclass(format('%I.%I', c.chunk_schema, c.chunk_name))),
       s.total_bytes, c.is_compressed, z.before_compression_total_bytes
FROM timescaledb_information.chunks c
JOIN chunks_detailed_size('event') s USING (chunk_schema, chunk_name)
LEFT JOIN chunk_compression_stats('event') z USING (chunk_schema, chunk_name)
WHERE c.hypertable_name = 'event' AND c.hypertable_schema = current_schema()
  AND to_regclass(format('%I.%I', c.chunk_schema, c.chunk_name)) IS NOT NULL
ORDER BY c.range_start DESC;

-- name: ranges
-- Lists what times the chunks span.
SELECT range_start, range_end FROM timescaledb_information.chunks
WHERE hypertable_name = 'event' AND hypertable_schema = current_schema();

-- name: drop_before
-- Drops the chunks that end by a moment.
SELECT drop_chunks('event', older_than => %(before)s::timestamptz);

-- name: compress
-- Turns the chunk of a day into columns. One that lies in columns already takes in what came late; no row where that
-- is done: the status is 1 where a chunk is compressed and nothing else, such as partial or unordered.
SELECT compress_chunk(format('%%I.%%I', chunk_schema, chunk_name)::regclass, if_not_compressed => true)
FROM timescaledb_information.chunks
WHERE hypertable_name = 'event' AND hypertable_schema = current_schema()
  AND range_start <= %(day)s::timestamptz AND range_end > %(day)s::timestamptz
  AND _timescaledb_functions.chunk_status(format('%%I.%%I', chunk_schema, chunk_name)::regclass) <> 1;

-- name: erase
-- Removes a project's events, or one user's. Columns are opened as far as needed, however many that are.
SET LOCAL timescaledb.max_tuples_decompressed_per_dml_transaction = 0;

-- name: erase_project
-- Removes a project's events.
DELETE FROM event WHERE project_id = %(project_id)s;

-- name: erase_user
-- Removes the events of one user.
DELETE FROM event WHERE project_id = %(project_id)s AND user_id = %(user_id)s;

-- name: chunk_interval
-- Reads how much time a new chunk will span.
SELECT time_interval FROM timescaledb_information.dimensions
WHERE hypertable_name = 'event' AND hypertable_schema = current_schema() AND dimension_number = 1;

-- name: set_chunk_interval
-- Sets it; chunks that exist stay as they are.
SELECT set_chunk_time_interval('event', %(interval)s);

-- name: compress_after
-- Reads after which age the policy turns chunks into columns; no row where there is no policy.
SELECT (config ->> 'compress_after')::interval FROM timescaledb_information.jobs
WHERE proc_name = 'policy_compression' AND hypertable_name = 'event' AND hypertable_schema = current_schema();

-- name: remove_compression
-- Ends the policy.
SELECT remove_compression_policy('event', if_exists => true);

-- name: add_compression
-- Makes the policy.
SELECT add_compression_policy('event', compress_after => %(after)s::interval);

-- name: policies
-- Lists what the database does by itself with our relations, and how it went last. A job whose query has parallel
-- workers has a row of statistics for each of them.
SELECT CASE j.proc_name
           WHEN 'policy_compression' THEN 'compress'
           WHEN 'policy_refresh_continuous_aggregate' THEN 'refresh'
           ELSE j.proc_name::text END,
       coalesce(a.view_name, j.hypertable_name)::text, j.schedule_interval,
       nullif(s.last_run_started_at, '-infinity'), nullif(s.last_successful_finish, '-infinity'),
       nullif(s.next_start, '-infinity'),
       coalesce(s.total_runs, 0), coalesce(s.total_failures, 0),
       s.last_run_status = 'Success', coalesce(s.job_status = 'Running', false)
FROM timescaledb_information.jobs j
LEFT JOIN (SELECT DISTINCT ON (job_id) * FROM timescaledb_information.job_stats
           ORDER BY job_id, job_status = 'Running' DESC) s USING (job_id)
LEFT JOIN timescaledb_information.continuous_aggregates a
       ON a.materialization_hypertable_name = j.hypertable_name
WHERE coalesce(a.view_schema, j.hypertable_schema) = current_schema()
ORDER BY 1, 2;
