-- Who is on the list of a segment that is one. An id may be an alias, and need not have been seen.
CREATE TABLE segment_member (
    segment_id integer NOT NULL REFERENCES segment (id) ON DELETE CASCADE,
    user_id text NOT NULL,
    PRIMARY KEY (segment_id, user_id)
);
