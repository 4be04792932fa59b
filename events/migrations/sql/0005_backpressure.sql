-- A suspect: it was in work when a processor died, or most of its claim was refused. It is claimed alone, and not
-- before this moment; a batch that nobody suspects has none.
ALTER TABLE inbox ADD COLUMN parked_until timestamptz;
UPDATE inbox SET parked_until = clock_timestamp() WHERE attempts > 0;

-- Claims step from project to project, and look at suspects apart from all others.
DROP INDEX inbox_free;
CREATE INDEX inbox_free ON inbox (project_id, id) WHERE claimed_by IS NULL AND parked_until IS NULL;
CREATE INDEX inbox_parked ON inbox (project_id, parked_until, id) WHERE claimed_by IS NULL AND parked_until IS NOT NULL;
-- The lag is the age of the first of these, however many suspects are older.
-- Asked for by both columns: the planner then cannot think of walking the primary key through all suspects.
CREATE INDEX inbox_fresh ON inbox (parked_until, id) WHERE parked_until IS NULL;

-- What a project's quota has left. Not logged: after a crash every bucket is full again, and a lease waits for no disk.
CREATE UNLOGGED TABLE quota_bucket (
    project_id integer PRIMARY KEY REFERENCES project ON DELETE CASCADE,
    tokens double precision NOT NULL,
    leased double precision NOT NULL,
    refilled_at timestamptz NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
