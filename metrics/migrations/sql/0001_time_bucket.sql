-- The same call as TimescaleDB's, so that one query text runs on every engine; its weeks start on Monday too.
CREATE FUNCTION time_bucket(width interval, ts timestamptz) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
    RETURN date_bin(width, ts, '2000-01-03 00:00:00+00'::timestamptz);
