-- name: tables
-- What was sent, in the order of sending: the same event may be there more than once.
SET TimeZone = 'UTC';
CREATE TABLE sent (place BIGINT, event_id VARCHAR, ts BIGINT, type VARCHAR, user_id VARCHAR, anonymous_id VARCHAR, props JSON);
CREATE TABLE member (segment VARCHAR, person VARCHAR);

-- name: send
-- Takes columns as lists.
INSERT INTO sent SELECT unnest($place), unnest($event_id), unnest($ts), unnest($type), unnest($user_id),
    unnest($anonymous_id), unnest($props)::JSON;

-- name: alias
-- Who names an anonymous id first has it. No history here has chains of them.
CREATE TABLE alias AS
SELECT anonymous_id AS alias, arg_min(user_id, (ts, event_id)) AS user_id FROM sent
WHERE type IN ('identify', '$identify') AND anonymous_id <> user_id
GROUP BY anonymous_id;

-- name: event
-- Of each id what came first, and the person who did it.
CREATE TABLE event AS
SELECT s.* EXCLUDE (place), coalesce(a.user_id, s.user_id) AS person
FROM (SELECT DISTINCT ON (event_id) * FROM sent ORDER BY event_id, place) s
LEFT JOIN alias a ON a.alias = s.user_id;

-- name: session
-- A user's events without a pause of more than half an hour.
CREATE TABLE session AS
WITH marked AS (
    SELECT *, coalesce(ts - lag(ts) OVER (PARTITION BY user_id ORDER BY ts, event_id) > 1800 * 1000000, true) AS starts
    FROM event
), named AS (
    SELECT *, sum(starts::INTEGER) OVER (PARTITION BY user_id ORDER BY ts, event_id) AS number,
           left(coalesce(json_extract_string(props, '/path'), json_extract_string(props, '/url'), type), 500) AS place
    FROM marked
)
SELECT user_id, any_value(person) AS person, min(ts) AS start_ts, max(ts) AS end_ts, count(*) AS events,
       arg_min(place, (ts, event_id)) AS entry, arg_max(place, (ts, event_id)) AS exit
FROM named GROUP BY user_id, number;

-- name: trait
-- What was said last of each trait, over all ids of a person.
CREATE TABLE trait AS
WITH said AS (
    SELECT person, ts, event_id,
           CASE WHEN json_type(props, '/traits') = 'OBJECT' THEN json_extract(props, '/traits') ELSE props END AS traits
    FROM event WHERE type IN ('identify', '$identify')
), each AS (
    SELECT person, ts, event_id, unnest(json_keys(traits)) AS name, traits FROM said
)
SELECT person, name, json_object(name, json_extract(arg_max(traits, (ts, event_id)), '/' || name)) AS props
FROM each GROUP BY person, name;
