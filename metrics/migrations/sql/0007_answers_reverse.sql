-- Forgets the versions.
DROP TABLE project_answers;
