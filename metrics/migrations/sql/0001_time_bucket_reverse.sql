-- Removes the function.
DROP FUNCTION time_bucket(interval, timestamptz);
