-- name: day
-- Writes a day of visits: a visitor's events follow each other by some seconds, and a few of them lead to a purchase.
INSERT INTO event (project_id, event_id, ts, received_at, type, user_id, props, flags)
SELECT %(project_id)s, gen_random_uuid(), ts, ts,
       CASE WHEN kind < 0.60 THEN 'page_view' WHEN kind < 0.85 THEN 'product_view' WHEN kind < 0.93 THEN 'add_to_cart'
            WHEN kind < 0.98 THEN 'search' ELSE 'purchase' END,
       'user-' || lpad(visitor::text, 7, '0'),
       jsonb_build_object(
           'path', '/products/' || path, 'referrer', 'https://search.example/',
           'device', CASE WHEN floor(kind * 100000)::integer %% 2 = 0 THEN 'phone' ELSE 'desktop' END,
           'country', (ARRAY['DE', 'FR', 'US'])[1 + visitor %% 3], 'amount', amount, 'value', amount),
       0
FROM (
    SELECT start + event * gap AS ts, visitor, random() AS kind, floor(random() * 500)::integer AS path,
           round((random() * 100)::numeric, 2) AS amount
    FROM (
        SELECT %(day)s::timestamptz + random() * interval '23 hours' AS start, random() * interval '60 seconds' AS gap,
               floor(%(users)s * random() ^ 2)::integer AS visitor, 1 + floor(random() * 15)::integer AS events
        FROM generate_series(1, %(visits)s)
    ) AS visit, generate_series(1, visit.events) AS event
) AS made;

-- name: seed
-- Makes what follows in this session repeatable, but for the ids.
SELECT setseed(%(seed)s);

-- name: stored
-- Counts what there is.
SELECT count(*) FROM event WHERE project_id = %(project_id)s;
