-- name: lines
-- The lines of a log, numbered from 1, each with the id of its event.
CREATE TABLE line AS SELECT unnest($numbers) AS number, unnest($event_ids) AS event_id, unnest($texts) AS text;

-- name: sent
-- What a line says.
INSERT INTO sent
WITH split AS (
    SELECT number, event_id, string_split(text, ' ')[1] AS host,
           regexp_extract(text, '\[([^\]]+)\]', 1) AS time,
           regexp_extract(text, '\] "((?:[^"\\]|\\.)*)" (\d{3}) (\d+|-)(?: "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*))?',
                          ['request', 'status', 'bytes', 'referrer', 'agent']) AS f
    FROM line
), asked AS (
    SELECT *, string_split(f.request, ' ') AS words FROM split
), named AS (
    SELECT *, f.status::INTEGER AS status,
           CASE WHEN len(words) > 2 THEN array_to_string(words[2:-2], ' ') ELSE words[-1] END AS path
    FROM asked
)
SELECT number, event_id, epoch_us(strptime(time, '%d/%b/%Y:%H:%M:%S %z')),
       CASE WHEN status >= 400 THEN 'error'
            WHEN regexp_matches(lower(string_split(path, '?')[1]), '\.(png|jpe?g|gif|ico|css|js|svg|woff|ttf|eot)$') THEN 'asset'
            ELSE 'page_view' END,
       host, NULL,
       json_object(
           'method', CASE WHEN len(words) > 1 THEN words[1] ELSE '' END, 'path', path, 'status', status,
           'bytes', coalesce(TRY_CAST(f.bytes AS BIGINT), 0),
           'referrer', nullif(nullif(f.referrer, '-'), ''), 'userAgent', nullif(f.agent, '-'))
FROM named;
