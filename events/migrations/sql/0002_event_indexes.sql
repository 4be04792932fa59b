-- The same on every engine.
CREATE INDEX event_time ON event (project_id, ts);
CREATE INDEX event_user_timeline ON event (project_id, user_id, ts);
CREATE INDEX event_type_range ON event (project_id, type, ts);
