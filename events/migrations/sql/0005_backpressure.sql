-- A suspect: it was in work when a processor died, or most of its claim was refused. It is claimed alone, and not
-- before this moment; a batch that nobody suspects has none.
ALTER TABLE inbox ADD COLUMN parked_until timestamptz;
UPDATE inbox SET parked_until = clock_timestamp() WHERE attempts > 0;

-- Claims step from project to project, and look at suspects apart from all others.
DROP INDEX inbox_free;
CREATE INDEX inbox_free ON inbox (project_id, id) WHERE claimed_by IS NULL AND parked_until IS NULL;
CREATE INDEX inbox_parked ON inbox (parked_until) WHERE claimed_by IS NULL AND parked_until IS NOT NULL;

-- What a project's quota has left. Not logged: after a crash every bucket is full again, and a lease waits for no disk.
CREATE UNLOGGED TABLE quota_bucket (
    project_id integer PRIMARY KEY REFERENCES project ON DELETE CASCADE,
    tokens double precision NOT NULL,
    leased double precision NOT NULL,
    refilled_at timestamptz NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
