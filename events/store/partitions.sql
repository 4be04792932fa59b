-- name: insert
-- Moves the fresh events into the store.
INSERT INTO event (project_id, event_id, ts, received_at, type, user_id, anonymous_id, props, flags)
SELECT project_id, event_id, ts, received_at, type, user_id, anonymous_id, props, flags FROM staging;

-- name: hold
-- Keeps days from being dropped until the transaction ends: an insert into a day that went is no event's fault.
LOCK TABLE ONLY event IN ROW EXCLUSIVE MODE;

-- name: lock
-- Lets only one transaction at a time make partitions.
SELECT pg_advisory_xact_lock(%(space)s, 0);

-- name: days
-- Lists the days that have a partition, by name.
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'event'::regclass;

-- name: make
-- Makes a table like `event` for one day, with its bounds as a constraint, so that attaching needs no scan.
CREATE TABLE {partition} (
    LIKE event INCLUDING DEFAULTS INCLUDING STORAGE,
    CONSTRAINT day_bounds CHECK (ts >= {start} AND ts < {end})
);

-- name: attach
-- Attaches the day. Unlike CREATE .. PARTITION OF this does not block those who write to other days.
ALTER TABLE event ATTACH PARTITION {partition} FOR VALUES FROM ({start}) TO ({end});

-- name: unbind
-- The partition's own bounds say the same.
ALTER TABLE {partition} DROP CONSTRAINT day_bounds;

-- name: sizes
-- Lists partitions with estimated rows and bytes with indexes. One that is dropped meanwhile has no size any more.
SELECT relname, rows, bytes
FROM (
    SELECT c.relname, greatest(c.reltuples, 0)::bigint AS rows, pg_total_relation_size(c.oid) AS bytes
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'event'::regclass
) AS found
WHERE bytes IS NOT NULL
ORDER BY relname DESC;

-- name: keep_out
-- Keeps writers out until the transaction ends. Better to fail soon than to hold up all who come after.
SET LOCAL lock_timeout = '2s';
LOCK TABLE ONLY event IN SHARE ROW EXCLUSIVE MODE;

-- name: drop
-- Drops one day.
DROP TABLE {partition};

-- name: erase_project
-- Removes a project's events.
DELETE FROM event WHERE project_id = %(project_id)s;

-- name: erase_user
-- Removes the events of one user.
DELETE FROM event WHERE project_id = %(project_id)s AND user_id = %(user_id)s;
