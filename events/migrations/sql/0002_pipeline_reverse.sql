-- Removes every event: reversing the first migration is a way to start over.
DROP TABLE outcome_count, event_key, bus_counter, inbox;
