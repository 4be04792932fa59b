-- name: key
-- Finds a key that works by its digest, with its project's quota and the version of its tracking plan.
SELECT k.project_id, k.kind, p.quota_events_per_second, p.quota_burst_events, coalesce(t.version, 0)
FROM api_key k JOIN project p ON p.id = k.project_id LEFT JOIN tracking_plan t ON t.project_id = p.id
WHERE k.digest = %(digest)s AND k.revoked_at IS NULL;
