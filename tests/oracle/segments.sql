-- name: everybody
-- Who was ever seen.
SELECT DISTINCT person FROM event

-- name: did
-- Who did it at least and at most so often; 0 times is for those who were seen.
SELECT p.person FROM (SELECT DISTINCT person FROM event) p
LEFT JOIN event e ON e.person = p.person AND {matches} AND e.ts >= {start} AND e.ts < {end}
GROUP BY p.person HAVING count(e.event_id) BETWEEN {least} AND {most}

-- name: trait
-- Whose trait meets a condition; a trait that nobody told is absent.
SELECT p.person FROM (SELECT DISTINCT person FROM event) p
LEFT JOIN trait t ON t.person = p.person AND t.name = {name}
WHERE {condition}

-- name: keep
-- Keeps who is in a segment, for questions about its people.
INSERT INTO member SELECT {name}, person FROM ({rules}) AS found;

-- name: list
-- Lists who is in it.
SELECT person FROM member WHERE segment = $name ORDER BY person;
