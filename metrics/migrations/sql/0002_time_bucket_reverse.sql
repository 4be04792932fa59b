-- Brings back the function that knew neither months nor time zones.
DROP FUNCTION time_bucket(interval, timestamptz, text, timestamptz);
DROP FUNCTION time_bucket_back(interval, timestamptz, timestamptz);
DROP FUNCTION time_bucket(interval, timestamptz);
DROP FUNCTION time_bucket(interval, timestamptz, timestamptz);
DROP FUNCTION time_bucket(interval, timestamp);
DROP FUNCTION time_bucket(interval, timestamp, timestamp);
CREATE FUNCTION time_bucket(width interval, ts timestamptz) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
    RETURN date_bin(width, ts, '2000-01-03 00:00:00+00'::timestamptz);
