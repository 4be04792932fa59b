-- name: version
-- Reads the version of a project's answers; one that never changed has no row.
SELECT version FROM project_answers WHERE project_id = %(project_id)s;

-- name: bump
-- Gives a project's answers a version that they never had, not even before the database was restored from a backup.
INSERT INTO project_answers AS a (project_id, version)
VALUES (%(project_id)s, extract(epoch FROM clock_timestamp()) * 1000000)
ON CONFLICT (project_id) DO UPDATE SET version = greatest(a.version + 1, excluded.version);

-- name: bump_all
-- Does so for all projects, always in the same order.
INSERT INTO project_answers AS a (project_id, version)
SELECT id, extract(epoch FROM clock_timestamp()) * 1000000 FROM project ORDER BY id
ON CONFLICT (project_id) DO UPDATE SET version = greatest(a.version + 1, excluded.version);

-- name: bump_staged
-- Does so for the projects whose fresh events are as old as none should be, and for those given.
INSERT INTO project_answers AS a (project_id, version)
SELECT project_id, extract(epoch FROM clock_timestamp()) * 1000000
FROM (
    SELECT project_id FROM staging WHERE ts < %(before)s UNION SELECT unnest(%(also)s::integer[]) ORDER BY 1
) AS outdated (project_id)
ON CONFLICT (project_id) DO UPDATE SET version = greatest(a.version + 1, excluded.version);
