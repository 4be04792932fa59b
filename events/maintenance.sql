-- name: prune_ledger
-- Forgets a chunk of ids older than the dedup window.
DELETE FROM event_key WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM event_key
    WHERE seen_at < now() - make_interval(days => %(days)s)
    LIMIT %(chunk)s FOR UPDATE SKIP LOCKED
));

-- name: fold_outcomes
-- Folds old minutes into one that never ends, so that sums over all time stay cheap and exact.
WITH old AS (
    DELETE FROM outcome_count
    WHERE minute > '-infinity' AND minute < now() - make_interval(days => %(days)s)
    RETURNING slot, project_id, outcome, events
)
INSERT INTO outcome_count AS o (minute, slot, project_id, outcome, events)
SELECT '-infinity', slot, project_id, outcome, sum(events) FROM old GROUP BY 2, 3, 4
ON CONFLICT (minute, slot, project_id, outcome) DO UPDATE SET events = o.events + excluded.events;
