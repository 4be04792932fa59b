-- name: macros
-- What conditions on a single event mean, and the calendar.
CREATE MACRO text_of(props, name) AS json_extract_string(props, '/' || name);
CREATE MACRO number_of(props, name) AS
    CASE WHEN json_type(props, '/' || name) IN ('BIGINT', 'UBIGINT', 'HUGEINT', 'DOUBLE')
         THEN CAST(text_of(props, name) AS DECIMAL(38, 9)) END;
CREATE MACRO field_of(type, person, props, field) AS
    CASE field WHEN 'type' THEN type WHEN 'userId' THEN person ELSE text_of(props, substr(field, 7)) END;
CREATE MACRO field_number(props, field) AS
    CASE WHEN field LIKE 'props.%' THEN number_of(props, substr(field, 7)) END;
CREATE MACRO is_one_of(value, number, choices) AS
    coalesce(list_contains(choices, value), false)
    OR coalesce(list_contains(list_transform(choices, lambda c: TRY_CAST(c AS DECIMAL(38, 9))), number), false);
CREATE MACRO meets(type, person, props, field, op, choices) AS
    CASE op
        WHEN 'eq' THEN is_one_of(field_of(type, person, props, field), field_number(props, field), choices)
        WHEN 'in' THEN is_one_of(field_of(type, person, props, field), field_number(props, field), choices)
        WHEN 'ne' THEN NOT is_one_of(field_of(type, person, props, field), field_number(props, field), choices)
        WHEN 'contains' THEN coalesce(contains(field_of(type, person, props, field), choices[1]), false)
        WHEN 'exists' THEN (field_of(type, person, props, field) IS NOT NULL) = (choices[1] = 'true')
        WHEN 'gt' THEN coalesce(field_number(props, field) > TRY_CAST(choices[1] AS DECIMAL(38, 9)), false)
        WHEN 'gte' THEN coalesce(field_number(props, field) >= TRY_CAST(choices[1] AS DECIMAL(38, 9)), false)
        WHEN 'lt' THEN coalesce(field_number(props, field) < TRY_CAST(choices[1] AS DECIMAL(38, 9)), false)
        WHEN 'lte' THEN coalesce(field_number(props, field) <= TRY_CAST(choices[1] AS DECIMAL(38, 9)), false)
    END;
-- A moment in microseconds as the wall of a zone shows it, and back: of two such moments, an hour apart, the first.
CREATE MACRO wall(us, tz) AS timezone(tz, timezone('UTC', make_timestamp(us)));
CREATE MACRO latest(shown, tz) AS epoch_us(timezone(tz, shown));
CREATE MACRO moment(shown, tz) AS
    CASE WHEN wall(latest(shown, tz) - 3600000000, tz) = shown THEN latest(shown, tz) - 3600000000
         ELSE latest(shown, tz) END;

-- name: fixed
-- Buckets of some minutes, counted from the midnight before the range.
SELECT origin + n * width AS start_us, origin + (n + 1) * width AS end_us
FROM (SELECT moment(date_trunc('day', wall($start, $tz)), $tz) AS origin, $minutes::BIGINT * 60000000 AS width) AS one,
     LATERAL (SELECT unnest(range(($start - origin) // width, ($end - origin + width - 1) // width)) AS n) AS numbers
ORDER BY 1;

-- name: calendar
-- Days, weeks from Monday, or months of a zone.
SELECT moment(day, $tz) AS start_us, moment(day + INTERVAL (1) {unit}, $tz) AS end_us
FROM (
    SELECT unnest(range(date_trunc('{unit}', wall($start, $tz)), wall($end, $tz) + INTERVAL (1) DAY, INTERVAL (1) {unit})) AS day
) AS days
WHERE moment(day, $tz) < $end AND moment(day + INTERVAL (1) {unit}, $tz) > $start
ORDER BY 1;
