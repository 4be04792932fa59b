-- Removes the raw events.
DROP TABLE event;
