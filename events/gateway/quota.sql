-- name: lease
-- Takes tokens out of a project's bucket, all that are needed or none; what the bucket holds is refilled by the time
-- since it was last looked at. `tokens` is what is left: after a refusal, what there is.
INSERT INTO quota_bucket AS b (project_id, tokens, leased, refilled_at)
SELECT %(project_id)s, %(burst)s - taken, taken, clock_timestamp()
FROM (SELECT CASE WHEN %(burst)s >= %(needed)s THEN least(%(burst)s, %(wanted)s) ELSE 0 END) AS lease (taken)
ON CONFLICT (project_id) DO UPDATE SET (tokens, leased, refilled_at) = (
    SELECT level - taken, taken, at
    FROM (SELECT clock_timestamp() AS at) AS clock
    CROSS JOIN LATERAL (
        SELECT least(%(burst)s, b.tokens + %(rate)s * greatest(0, extract(epoch FROM at - b.refilled_at)))
    ) AS refilled (level)
    CROSS JOIN LATERAL (
        SELECT CASE WHEN level >= %(needed)s THEN least(level, %(wanted)s) ELSE 0 END
    ) AS lease (taken)
)
RETURNING leased, tokens;
