-- How many events broke the plan, by the hour in which they were processed; `slot` keeps processors apart.
CREATE TABLE plan_violation (
    project_id integer NOT NULL,
    type text NOT NULL,
    hour timestamptz NOT NULL,
    mode text NOT NULL CHECK (mode IN ('warn', 'enforce')),
    slot smallint NOT NULL,
    events bigint NOT NULL,
    PRIMARY KEY (project_id, type, hour, mode, slot)
) WITH (fillfactor = 70);
CREATE INDEX plan_violation_hour ON plan_violation (project_id, hour);
