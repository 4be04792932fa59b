-- What sessions are by the hour and the day (UTC) of their start: how many, their events, bounces (those of one event),
-- and how long they last. Rebuilds add what they change, in their transaction, each shard of users in a slot of its own,
-- so that no two wait for each other. A value over a range is the sum over its buckets and slots.
CREATE TABLE rollup_sessions_1h (
    project_id integer NOT NULL,
    bucket timestamptz NOT NULL,
    slot smallint NOT NULL,
    sessions bigint NOT NULL,
    events bigint NOT NULL,
    bounces bigint NOT NULL,
    microseconds bigint NOT NULL,
    PRIMARY KEY (project_id, bucket, slot)
) WITH (fillfactor = 50);
CREATE TABLE rollup_sessions_1d (LIKE rollup_sessions_1h INCLUDING ALL) WITH (fillfactor = 50);

-- Sessions that are there already.
LOCK TABLE session IN SHARE ROW EXCLUSIVE MODE;
INSERT INTO rollup_sessions_1h
SELECT project_id, date_trunc('hour', start_ts, 'UTC'), 0, count(*), sum(events), count(*) FILTER (WHERE events = 1),
       sum(extract(epoch FROM end_ts - start_ts) * 1000000)
FROM session GROUP BY 1, 2;
INSERT INTO rollup_sessions_1d
SELECT project_id, date_trunc('day', bucket, 'UTC'), 0, sum(sessions), sum(events), sum(bounces), sum(microseconds)
FROM rollup_sessions_1h GROUP BY 1, 2;
