"""`time_bucket` gives the same answers on every engine: months, weeks, time zones and their odd hours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from django.db.models import Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.lib.buckets import ZonedTimeBucket
from config.lib.engine import Level
from events.models import OutcomeCount
from events.selectors import throughput
from tests.contract.driver import Engine

Link = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def link(engine: Engine) -> Link:
    return engine.link


def bucket(link: Link, width: str, moment: str | datetime | None, *zone: str | None) -> Any:
    """Return the start of a bucket as Postgres writes it, in UTC."""
    more = ", %s::text" * len(zone)
    query = f"SELECT time_bucket(%s::interval, %s::timestamptz{more})::text"
    (found,) = link.execute(query, [width, moment, *zone]).fetchone() or (None,)
    return found


UTC_CASES = [
    ("5 minutes", "2024-02-28 10:07:59.999999+00", "2024-02-28 10:05:00+00"),
    ("90 minutes", "2024-02-28 10:07+00", "2024-02-28 09:00:00+00"),
    ("1 day", "2024-02-28 23:59+00", "2024-02-28 00:00:00+00"),
    ("1 day 12 hours", "2000-01-04 13:00+00", "2000-01-04 12:00:00+00"),
    # Weeks begin on Monday.
    ("1 week", "2024-02-28 10:00+00", "2024-02-26 00:00:00+00"),
    ("7 days", "2024-02-26 00:00+00", "2024-02-26 00:00:00+00"),
    ("14 days", "2000-01-16 23:00+00", "2000-01-03 00:00:00+00"),
    # Months are counted from January 2000.
    ("1 month", "2024-02-29 12:00+00", "2024-02-01 00:00:00+00"),
    ("3 months", "2024-03-31 23:59+00", "2024-01-01 00:00:00+00"),
    ("5 months", "2000-06-01 00:00+00", "2000-06-01 00:00:00+00"),
    ("1 year", "2024-12-31 12:00+00", "2024-01-01 00:00:00+00"),
    ("1 year 6 months", "2002-01-01 12:00+00", "2001-07-01 00:00:00+00"),
    # Before the origin, and before 1970, buckets go on.
    ("7 days", "1999-12-31 10:00+00", "1999-12-27 00:00:00+00"),
    ("5 months", "1999-12-31 10:00+00", "1999-08-01 00:00:00+00"),
    ("1 month", "1969-12-31 23:59:59+00", "1969-12-01 00:00:00+00"),
    ("1 day", "1969-12-31 23:59:59.999999+00", "1969-12-31 00:00:00+00"),
    ("7 hours", "1932-07-01 12:34+00", "1932-07-01 09:00:00+00"),
    ("1 year", "0850-05-05 00:00+00", "0850-01-01 00:00:00+00"),
]


@pytest.mark.parametrize(("width", "moment", "start"), UTC_CASES)
def test_a_bucket_in_utc(link: Link, width: str, moment: str, start: str) -> None:
    assert bucket(link, width, moment) == start


ZONE_CASES = [
    # The clocks of Berlin go forward: the day has 23 hours, and 02:00 does not exist.
    ("1 day", "2024-03-31 21:59+00", "Europe/Berlin", "2024-03-30 23:00:00+00"),
    ("1 day", "2024-03-31 22:00+00", "Europe/Berlin", "2024-03-31 22:00:00+00"),
    ("2 hours", "2024-03-31 01:30+00", "Europe/Berlin", "2024-03-31 01:00:00+00"),
    # They go back: the day has 25 hours, and 02:30 is there twice.
    ("1 day", "2024-10-27 22:59+00", "Europe/Berlin", "2024-10-26 22:00:00+00"),
    ("1 hour", "2024-10-27 00:30+00", "Europe/Berlin", "2024-10-27 00:00:00+00"),
    ("1 hour", "2024-10-27 01:30+00", "Europe/Berlin", "2024-10-27 01:00:00+00"),
    ("1 month", "2024-03-31 22:30+00", "Europe/Berlin", "2024-03-31 22:00:00+00"),
    ("1 year", "2024-06-01 00:00+00", "Europe/Berlin", "2023-12-31 23:00:00+00"),
    ("7 days", "2024-03-31 21:59+00", "Europe/Berlin", "2024-03-24 23:00:00+00"),
    ("1 day", "2024-03-10 12:00+00", "America/New_York", "2024-03-10 05:00:00+00"),
    ("1 day", "2024-11-03 05:30+00", "America/New_York", "2024-11-03 04:00:00+00"),
    ("15 minutes", "2024-11-03 05:50+00", "America/New_York", "2024-11-03 05:45:00+00"),
    ("1 month", "1999-11-01 04:59+00", "America/New_York", "1999-10-01 04:00:00+00"),
    # Half an hour off the rest of the world.
    ("1 day", "2024-02-28 10:00+00", "Asia/Kolkata", "2024-02-27 18:30:00+00"),
    ("1 hour", "2024-02-28 10:10+00", "Asia/Kolkata", "2024-02-28 09:30:00+00"),
    ("1 day", "1969-12-31 18:29+00", "Asia/Kolkata", "1969-12-30 18:30:00+00"),
    # Clocks that change by half an hour: 01:45 is there twice.
    ("30 minutes", "2024-04-06 14:45+00", "Australia/Lord_Howe", "2024-04-06 14:30:00+00"),
    ("30 minutes", "2024-04-06 15:15+00", "Australia/Lord_Howe", "2024-04-06 15:00:00+00"),
    ("1 hour", "2024-10-05 15:40+00", "Australia/Lord_Howe", "2024-10-05 15:30:00+00"),
    # Where midnight itself came twice, the first one belongs to the bucket before.
    ("1 day", "2009-11-01 02:30:30+00", "America/St_Johns", "2009-10-31 03:30:00+00"),
]


@pytest.mark.parametrize(("width", "moment", "zone", "start"), ZONE_CASES)
def test_a_bucket_in_a_time_zone(link: Link, width: str, moment: str, zone: str, start: str) -> None:
    assert bucket(link, width, moment, zone) == start


@pytest.mark.parametrize("zone", [(), ("Europe/Berlin",)])
@pytest.mark.parametrize("width", ["1 day", "1 month", "5 minutes"])
@pytest.mark.parametrize("moment", ["infinity", "-infinity"])
def test_infinity_is_its_own_bucket(link: Link, width: str, moment: str, zone: tuple[str, ...]) -> None:
    assert bucket(link, width, moment, *zone) == moment


@pytest.mark.parametrize("arguments", ["NULL, now()", "'1 day', NULL::timestamptz", "NULL, now(), 'UTC'"])
def test_nothing_has_no_bucket(link: Link, arguments: str) -> None:
    assert link.execute(f"SELECT time_bucket({arguments})").fetchone() == (None,)


def test_no_time_zone_has_no_bucket(link: Link) -> None:
    assert bucket(link, "1 day", "2024-02-28 10:00+00", None) is None


@pytest.mark.parametrize("zone", [(), ("Europe/Berlin",)])
@pytest.mark.parametrize("width", ["0 seconds", "-1 day", "-1 month", "1 month 1 day", "1 month 1 second"])
def test_a_width_that_is_none_is_refused(link: Link, width: str, zone: tuple[str, ...]) -> None:
    with pytest.raises((psycopg.DataError, psycopg.NotSupportedError)):
        bucket(link, width, "2024-02-28 10:00+00", *zone)


def test_an_unknown_time_zone_is_refused(link: Link) -> None:
    with pytest.raises(psycopg.DataError, match="Mars/Olympus"):
        bucket(link, "1 day", "2024-02-28 10:00+00", "Mars/Olympus")


def test_an_origin_moves_the_buckets(link: Link) -> None:
    query = (
        "SELECT time_bucket('1 day', ts, '2000-01-01 06:00+00'::timestamptz)::text, "
        "time_bucket('2 months', ts, '2000-02-15 00:00+00'::timestamptz)::text, "
        "time_bucket('7 days', ts, 'Europe/Berlin', origin => '2000-01-01 23:00+00')::text "
        "FROM (SELECT '2024-03-01 03:00+00'::timestamptz AS ts) AS one"
    )
    expected = ("2024-02-29 06:00:00+00", "2024-02-01 00:00:00+00", "2024-02-24 23:00:00+00")
    assert link.execute(query).fetchone() == expected


@dataclass(frozen=True)
class Width:
    """A width, as an interval and as the model counts it: months, or a span."""

    text: str
    months: int = 0
    span: timedelta = timedelta()


def span(**parts: int) -> Width:
    return Width(" ".join(f"{number} {unit}" for unit, number in parts.items()), span=timedelta(**parts))


def months(number: int) -> Width:
    return Width(f"{number} months", months=number)


ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "America/St_Johns",
    "America/Havana",
    "UTC",
)
ORIGIN = datetime(2000, 1, 3)


def model(width: Width, moment: datetime, zone: str) -> datetime:
    """Return the bucket's start, computed from Python's own calendar and time zones."""
    tz = ZoneInfo(zone)
    local = moment.astimezone(tz).replace(tzinfo=None)
    if width.months:
        number = (local.year * 12 + local.month - 1 - 24000) // width.months * width.months + 24000
        start = datetime(number // 12, number % 12 + 1, 1)
    else:
        start = ORIGIN + (local - ORIGIN) // width.span * width.span
    found = as_moment(start, tz)
    while found > moment:
        found = before(found, width)
    return found


def as_moment(local: datetime, tz: ZoneInfo) -> datetime:
    """Turn a clock's time into a moment: the second of two, the offset before the change where there is none."""
    first, second = (local.replace(tzinfo=tz, fold=fold).astimezone(UTC) for fold in (0, 1))
    return max(first, second) if local == second.astimezone(tz).replace(tzinfo=None) else first


def before(moment: datetime, width: Width) -> datetime:
    """Go back by a width, in UTC; a day that the month does not have becomes its last."""
    if not width.months:
        return moment - width.span
    number = moment.year * 12 + moment.month - 1 - width.months
    following = datetime((number + 1) // 12, (number + 1) % 12 + 1, 1)
    last = (following - timedelta(days=1)).day
    return moment.replace(year=number // 12, month=number % 12 + 1, day=min(moment.day, last))


def changes(zone: str) -> Iterator[datetime]:
    """Yield the hours from 1990 to 2030 before whose end the zone's clocks have changed."""
    tz, first = ZoneInfo(zone), datetime(1990, 1, 1, tzinfo=UTC)
    for day in (first + timedelta(days=number) for number in range(40 * 365)):
        if _changes(tz, day, timedelta(days=1)):
            hours = (day + timedelta(hours=hour) for hour in range(24))
            yield next(hour for hour in hours if _changes(tz, hour, timedelta(hours=1)))


def _changes(tz: ZoneInfo, moment: datetime, width: timedelta) -> bool:
    return moment.astimezone(tz).utcoffset() != (moment + width).astimezone(tz).utcoffset()


CHANGES = sorted({moment for zone in ZONES for moment in changes(zone)})
widths = st.one_of(
    st.sampled_from([months(n) for n in (1, 2, 3, 5, 6, 12, 120)]),
    st.sampled_from([span(days=n) for n in (1, 2, 7, 14, 30)]),
    st.sampled_from([span(minutes=n) for n in (1, 5, 7, 15, 30, 45, 60, 90, 120, 360, 1440)]),
    st.builds(span, days=st.integers(0, 9), hours=st.integers(0, 30), seconds=st.integers(1, 4000)),
    st.builds(span, seconds=st.integers(1, 10)),
)
anywhere = st.datetimes(datetime(1900, 1, 2), datetime(2099, 12, 30)).map(
    lambda naive: naive.replace(tzinfo=UTC)
)
near_a_change = st.builds(
    lambda change, seconds: change + timedelta(seconds=seconds),
    st.sampled_from(CHANGES),
    st.integers(-2 * 3600, 4 * 3600),
)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(width=widths, moment=st.one_of(near_a_change, anywhere), zone=st.sampled_from(ZONES))
def test_it_equals_a_model_in_python(link: Link, width: Width, moment: datetime, zone: str) -> None:
    query = "SELECT time_bucket(%s::interval, %s, %s::text)"
    assert link.execute(query, [width.text, moment, zone]).fetchone() == (model(width, moment, zone),)


@pytest.fixture
def counted(link: Link) -> None:
    """Outcomes around a midnight in Berlin and one in Kolkata."""
    for moment, events in (("21:59", 1), ("22:00", 2), ("18:29", 4), ("18:30", 8)):
        link.execute(
            "INSERT INTO outcome_count VALUES (%s, 0, 1, 'stored', %s)",
            [f"{datetime.now(UTC):%Y}-06-30 {moment}+00", events],
        )


def local_days(zone: str) -> list[tuple[str, int]]:
    """Return (day and time of its start in UTC, events), through the query tools."""
    days = OutcomeCount.timescale.values(bucket=ZonedTimeBucket("minute", "1 day", zone))
    summed = days.annotate(total=Sum("events")).order_by("bucket")
    return [(f"{row['bucket']:%d. %H:%M}", row["total"]) for row in summed]


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("UTC", [("30. 00:00", 15)]),
        ("Europe/Berlin", [("29. 22:00", 13), ("30. 22:00", 2)]),
        ("Asia/Kolkata", [("29. 18:30", 4), ("30. 18:30", 11)]),
    ],
)
def test_the_query_tools_bucket_by_a_zones_days(
    counted: None, zone: str, expected: list[tuple[str, int]]
) -> None:
    assert local_days(zone) == expected


def test_the_query_tools_bucket_by_month_without_a_zone(counted: None) -> None:
    months = OutcomeCount.timescale.time_bucket("minute", "1 month").annotate(total=Sum("events"))
    assert [(f"{row['bucket']:%d.%m. %H:%M}", row["total"]) for row in months] == [("01.06. 00:00", 15)]


def test_throughput_is_bucketed_as_asked(link: Link) -> None:
    link.execute("INSERT INTO outcome_count VALUES (date_trunc('minute', now()), 0, 1, 'stored', 3)")
    ((start, outcome, events),) = throughput(project_id=1, width="1 hour", zone="Asia/Kolkata")
    assert (start.minute, outcome, events) == (30, "stored", 3)


def test_a_width_that_is_known_leaves_only_date_bin_on_plain_postgres(engine: Engine) -> None:
    if engine.level is not Level.POSTGRES:
        pytest.skip("TimescaleDB brings its own function")
    query = "SELECT time_bucket('5 minutes', minute), time_bucket('1 day', minute, 'Asia/Kolkata') FROM outcome_count"
    plan = "\n".join(line for (line,) in engine.ask(f"EXPLAIN (VERBOSE, COSTS OFF) {query}"))
    assert "date_bin" in plan
    assert "time_bucket" not in plan
