-- name: record
-- Writes one dead letter, within the processor's transaction.
INSERT INTO dead_letter (project_id, stage, reason, field, message, raw, lane, received_at)
VALUES (%(project_id)s, %(stage)s, %(reason)s, %(field)s, %(message)s, %(raw)s, %(lane)s, now());
