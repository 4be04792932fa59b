-- name: lives
-- Of each period: who is new, was there in the one before, came back after a pause, and is not there any more.
WITH period AS (
    SELECT unnest($starts) AS start_us, unnest($ends) AS end_us, unnest(range(len($starts))) AS number
), seen AS (
    SELECT e.person, e.ts FROM event e WHERE {conditions}
), active AS (
    SELECT DISTINCT s.person, p.number FROM seen s JOIN period p ON s.ts >= p.start_us AND s.ts < p.end_us
), began AS (
    SELECT person, min(ts) AS ts FROM seen GROUP BY person
), lives AS (
    SELECT a.person, a.number, b.ts >= p.start_us AS is_new,
           EXISTS (SELECT 1 FROM active o WHERE o.person = a.person AND o.number = a.number - 1) AS stayed
    FROM active a JOIN period p USING (number) JOIN began b USING (person)
)
SELECT p.number,
    (SELECT count(*) FROM lives l WHERE l.number = p.number AND l.is_new),
    (SELECT count(*) FROM lives l WHERE l.number = p.number AND l.stayed),
    (SELECT count(*) FROM lives l WHERE l.number = p.number AND NOT l.is_new AND NOT l.stayed),
    (SELECT count(*) FROM active o WHERE o.number = p.number - 1
        AND NOT EXISTS (SELECT 1 FROM active n WHERE n.person = o.person AND n.number = p.number))
FROM period p WHERE p.number > 0 ORDER BY p.number;
