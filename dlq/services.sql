-- name: record
-- Writes one dead letter, within the processor's transaction; tells whether it is a new one. What is refused again is
-- the same letter, and open again where somebody had replayed it.
INSERT INTO dead_letter AS d (project_id, identity, stage, reason, field, message, raw, lane, received_at)
VALUES (%(project_id)s, %(identity)s, %(stage)s, %(reason)s, %(field)s, %(message)s, %(raw)s, %(lane)s, now())
ON CONFLICT (project_id, identity) DO UPDATE SET
    refusals = d.refusals + 1,
    state = CASE d.state WHEN 'replayed' THEN 'new' ELSE d.state END,
    resolved_at = CASE d.state WHEN 'replayed' THEN NULL ELSE d.resolved_at END,
    resolved_by = CASE d.state WHEN 'replayed' THEN '' ELSE d.resolved_by END
RETURNING project_id, refusals = 1 AS fresh;
