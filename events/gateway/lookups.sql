-- name: key
-- Finds a key that works by its digest, and its project's quota.
SELECT k.project_id, k.kind, p.quota_events_per_second, p.quota_burst_events
FROM api_key k JOIN project p ON p.id = k.project_id
WHERE k.digest = %(digest)s AND k.revoked_at IS NULL;
