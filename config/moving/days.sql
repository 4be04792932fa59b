-- name: days
-- Lists the UTC days that have events.
SELECT DISTINCT date_bin('1 day', ts, '2000-01-01 00:00+00') FROM event ORDER BY 1;
