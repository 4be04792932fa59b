-- Suspects are batches like all others again.
DROP TABLE quota_bucket;
DROP INDEX inbox_fresh, inbox_parked, inbox_free;
ALTER TABLE inbox DROP COLUMN parked_until;
CREATE INDEX inbox_free ON inbox (id) WHERE claimed_by IS NULL;
