-- The version of a project's answers: kept answers of another version are not given any more. No row: none yet.
CREATE TABLE project_answers (
    project_id integer PRIMARY KEY,
    version bigint NOT NULL
);
