-- Which ids stand for which user. Always flat: a `user_id` here is never an `alias`, so one look-up finds the person.
CREATE TABLE user_alias (
    project_id integer NOT NULL,
    alias text NOT NULL,
    user_id text NOT NULL,
    since timestamptz NOT NULL, -- the time of the event that said so
    PRIMARY KEY (project_id, alias),
    CHECK (alias <> user_id)
);
CREATE INDEX user_alias_user ON user_alias (project_id, user_id);

-- What was last said of a user id, by the event's time and then its id: the order of arrival does not matter. Rows stay
-- with the id that they came with; `person_trait` makes one person of several ids.
CREATE TABLE user_trait (
    project_id integer NOT NULL,
    user_id text NOT NULL,
    name text NOT NULL,
    value jsonb NOT NULL,
    ts timestamptz NOT NULL,
    event_id uuid NOT NULL,
    PRIMARY KEY (project_id, user_id, name)
);
CREATE INDEX user_trait_name ON user_trait (project_id, name, user_id);

-- The traits of people: of all their ids, what was said last.
CREATE VIEW person_trait AS
SELECT DISTINCT ON (t.project_id, t.name, coalesce(a.user_id, t.user_id))
       t.project_id, coalesce(a.user_id, t.user_id) AS user_id, t.name, t.value, t.ts, t.event_id
FROM user_trait t LEFT JOIN user_alias a ON a.project_id = t.project_id AND a.alias = t.user_id
ORDER BY t.project_id, t.name, coalesce(a.user_id, t.user_id), t.ts DESC, t.event_id DESC;

-- Which properties arrive, by type of event and kind of value. `slot` is the processor's number: two never wait for one
-- row. `sampled`: some of `events` were not counted, but estimated from one in sixteen. With the name '', the kind
-- `event` counts the events that were looked at, and `other` what is beyond the bounds of a type; with the type '' too,
-- the events beyond those of a project.
CREATE TABLE observed_property (
    project_id integer NOT NULL,
    type text NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    slot smallint NOT NULL,
    first_seen timestamptz NOT NULL,
    last_seen timestamptz NOT NULL,
    events bigint NOT NULL,
    sampled boolean NOT NULL,
    PRIMARY KEY (project_id, type, name, kind, slot)
) WITH (fillfactor = 70);
