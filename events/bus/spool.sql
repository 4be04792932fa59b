-- name: create
-- Makes an empty spool. `tally` holds the sums, so that telling what waits does not read all of it.
BEGIN;
CREATE TABLE entry (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    spooled_at REAL NOT NULL,
    events INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    batch BLOB NOT NULL
);
CREATE TABLE tally (
    id INTEGER PRIMARY KEY CHECK (id = 1), entries INTEGER NOT NULL, events INTEGER NOT NULL, bytes INTEGER NOT NULL
);
INSERT INTO tally VALUES (1, 0, 0, 0);
COMMIT;

-- name: tables
-- Names the tables of a file, which tell whether it is a spool.
SELECT name FROM sqlite_schema WHERE type = 'table';

-- name: add
-- Adds one batch.
INSERT INTO entry (spooled_at, events, bytes, batch) VALUES (?, ?, ?, ?);

-- name: count
-- Counts what was added, or with negative numbers what was removed.
UPDATE tally SET entries = entries + ?, events = events + ?, bytes = bytes + ? WHERE id = 1;

-- name: oldest
-- Reads batches in the order in which they were added, after one. A damaged file may hold values of any type and
-- size.
SELECT id, max(0, min(coalesce(CAST(events AS INTEGER), 0), 1000000000)),
    max(0, min(coalesce(CAST(bytes AS INTEGER), 0), 1000000000)),
    coalesce(CAST(batch AS BLOB), x'')
FROM entry WHERE id > ? ORDER BY id;

-- name: one
-- Reads one batch.
SELECT id, max(0, min(coalesce(CAST(events AS INTEGER), 0), 1000000000)),
    max(0, min(coalesce(CAST(bytes AS INTEGER), 0), 1000000000)),
    coalesce(CAST(batch AS BLOB), x'')
FROM entry WHERE id = ?;

-- name: last
-- Tells the number of the last batch that was ever added.
SELECT seq FROM sqlite_sequence WHERE name = 'entry';

-- name: remove
-- Removes one batch.
DELETE FROM entry WHERE id = ?;

-- name: depth
-- Tells what waits, and since when.
SELECT entries, events, bytes, (SELECT spooled_at FROM entry ORDER BY id LIMIT 1) FROM tally WHERE id = 1;

-- name: free
-- Tells how many bytes of the file nothing lies in.
SELECT freelist_count * (SELECT page_size FROM pragma_page_size) FROM pragma_freelist_count;
