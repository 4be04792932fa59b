-- TimescaleDB's time_bucket for a server without it: the same names, answers and refusals. With a constant width the
-- planner leaves nothing of these functions but date_bin. (STRICT, or a SET of the search path, would prevent that;
-- the bodies are parsed here and now, so no search path can change what they call.)
DROP FUNCTION time_bucket(interval, timestamptz);

-- Months are counted from the origin's month. All else is a number of microseconds, which date_bin cuts; it refuses
-- what is neither: months with days, zero, less than zero.
CREATE FUNCTION time_bucket(bucket_width interval, ts timestamp, origin timestamp) RETURNS timestamp
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN date_trunc('month', bucket_width) > '0' AND date_trunc('month', bucket_width) = bucket_width
             AND extract(day FROM bucket_width) = 0 AND isfinite(ts)
        THEN date_trunc('month', origin) + bucket_width * floor(
            (12 * date_part('year', age(date_trunc('month', ts), date_trunc('month', origin)))
                + date_part('month', age(date_trunc('month', ts), date_trunc('month', origin))))
            / (12 * date_part('year', bucket_width) + date_part('month', bucket_width)))
        ELSE date_bin(bucket_width, ts, origin)
    END;

-- The first of January 2000 begins a month, the third is a Monday.
CREATE FUNCTION time_bucket(bucket_width interval, ts timestamp) RETURNS timestamp
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN time_bucket(bucket_width, ts, '2000-01-03'::timestamp);

-- Without a time zone months are those of UTC.
CREATE FUNCTION time_bucket(bucket_width interval, ts timestamptz, origin timestamptz) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN date_trunc('month', bucket_width) = '0' THEN date_bin(bucket_width, ts, origin)
        ELSE time_bucket(bucket_width, ts AT TIME ZONE 'UTC', origin AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
    END;

CREATE FUNCTION time_bucket(bucket_width interval, ts timestamptz) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN time_bucket(bucket_width, ts, '2000-01-03 00:00:00+00'::timestamptz);

-- Goes back from a start that lies after its moment. In an hour that the clocks show twice, local time does not say
-- which of the two is meant, and Postgres takes the second.
CREATE FUNCTION time_bucket_back(bucket_width interval, ts timestamptz, start timestamptz) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN start <= ts THEN start
        WHEN date_trunc('month', bucket_width) = '0' THEN date_bin(bucket_width, ts, start)
        ELSE ((start AT TIME ZONE 'UTC') - bucket_width) AT TIME ZONE 'UTC'
    END;

-- In a time zone, what the clocks show is bucketed, and turned back into a moment.
CREATE FUNCTION time_bucket(
    bucket_width interval, ts timestamptz, timezone text, origin timestamptz DEFAULT NULL
) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN time_bucket_back(bucket_width, ts, time_bucket(
        bucket_width, ts AT TIME ZONE timezone, coalesce(origin AT TIME ZONE timezone, '2000-01-03'::timestamp)
    ) AT TIME ZONE timezone);
