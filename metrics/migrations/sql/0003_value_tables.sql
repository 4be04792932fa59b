-- The JSON numbers named `value` by hour and day: how many, their sum, the least and the greatest. Others have no part.
CREATE TABLE rollup_values_1h_slot (
    project_id integer NOT NULL,
    bucket timestamptz NOT NULL,
    type text NOT NULL,
    slot smallint NOT NULL,
    n bigint NOT NULL,
    sum numeric NOT NULL,
    min numeric NOT NULL,
    max numeric NOT NULL,
    PRIMARY KEY (project_id, bucket, type, slot)
) WITH (fillfactor = 70);
CREATE TABLE rollup_values_1d_slot (LIKE rollup_values_1h_slot INCLUDING ALL) WITH (fillfactor = 70);

-- The names that questions use on every engine. A (project, bucket, type) may show several rows: merge them.
CREATE VIEW rollup_values_1h AS SELECT project_id, bucket, type, n, sum, min, max FROM rollup_values_1h_slot;
CREATE VIEW rollup_values_1d AS SELECT project_id, bucket, type, n, sum, min, max FROM rollup_values_1d_slot;

-- What is in store already, however much that is: from now on questions rely on these tables. Slot -1 belongs to
-- rebuilds.
SET LOCAL statement_timeout = '12h';
LOCK TABLE event IN SHARE ROW EXCLUSIVE MODE;
INSERT INTO rollup_values_1h_slot (project_id, bucket, type, slot, n, sum, min, max)
SELECT project_id, date_trunc('hour', ts, 'UTC'), type, -1, count(*), sum(v), min(v), max(v)
FROM (
    SELECT project_id, ts, type, (props ->> 'value')::numeric AS v
    FROM event WHERE jsonb_typeof(props -> 'value') = 'number'
) AS numbers
GROUP BY 1, 2, 3;
INSERT INTO rollup_values_1d_slot (project_id, bucket, type, slot, n, sum, min, max)
SELECT project_id, date_trunc('day', bucket, 'UTC'), type, -1, sum(n), sum(sum), min(min), max(max)
FROM rollup_values_1h_slot GROUP BY 1, 2, 3;
