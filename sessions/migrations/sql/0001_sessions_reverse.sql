-- Removes the sessions; they can be rebuilt from the raw events.
DROP TABLE session_work, session;
