"""Buckets and ranges agree about when a local day begins, also where midnight happens twice or not at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from metrics.insights.lifecycle_question import parse_lifecycle
from metrics.insights.retention_question import parse_retention
from metrics.language.ranges import parse_range
from metrics.query.parse import parse_question
from metrics.query.steps import STEPS

#: Where clocks go back to midnight, leap over it, or go back to the day before.
ODD = ["Atlantic/Azores", "America/Havana", "America/Asuncion", "America/St_Johns", "Pacific/Apia"]
#: The days on which midnight happens twice.
TWICE = [("Atlantic/Azores", "2026-10-25", "2026-10-27"), ("America/Havana", "2026-11-01", "2026-11-03")]
NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(("tz", "first", "end"), TWICE)
@pytest.mark.parametrize("step", ["1h", "1d"])
def test_the_first_bucket_of_a_day_with_two_midnights_begins_with_it(
    tz: str, first: str, end: str, step: str
) -> None:
    params = {"metric": ["count"], "range": [f"{first}/{end}"], "tz": [tz], "step": [step]}
    question = parse_question(project_id=1, params=params, now=NOON)
    assert question.starts[0] == question.start
    assert question.end - question.start == timedelta(hours=49)
    assert len(question.starts) == {"1h": 49, "1d": 2}[step]


@pytest.mark.parametrize(("tz", "first", "end"), TWICE)
@pytest.mark.parametrize(("name", "days_later"), [("today", 0), ("yesterday", 1)])
def test_named_days_begin_with_their_bucket(
    tz: str, first: str, end: str, name: str, days_later: int
) -> None:
    now = datetime.fromisoformat(f"{first}T12:00").replace(tzinfo=ZoneInfo(tz)).astimezone(UTC)
    start, until = parse_range(name, ZoneInfo(tz), now + timedelta(days=days_later))
    assert until - start == timedelta(hours=25)
    assert STEPS["1d"].floor(start, ZoneInfo(tz)) == start


@pytest.mark.parametrize(("tz", "first", "end"), TWICE)
def test_retention_and_lifecycle_lose_no_hour_of_such_a_day(tz: str, first: str, end: str) -> None:
    params = {"range": [f"{first}/{end}"], "tz": [tz], "period": ["day"]}
    start, _ = parse_range(f"{first}/{end}", ZoneInfo(tz), NOON)
    assert parse_retention(project_id=1, params=params, now=NOON).edges[0] == start
    assert parse_lifecycle(project_id=1, params=params, now=NOON).edges[1] == start


@given(
    moment=st.datetimes(datetime(1980, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),
    zone=st.sampled_from(ODD),
    step=st.sampled_from(sorted(STEPS)),
)
@example(moment=datetime(2026, 10, 25, 0, 30, tzinfo=UTC), zone="Atlantic/Azores", step="1d")
@example(moment=datetime(2026, 11, 1, 4, 30, tzinfo=UTC), zone="America/Havana", step="1h")
@example(moment=datetime(2025, 3, 9, 5, tzinfo=UTC), zone="America/Havana", step="1d")
@example(moment=datetime(2008, 11, 2, 3, tzinfo=UTC), zone="America/St_Johns", step="1d")
@example(moment=datetime(2011, 12, 30, 10, tzinfo=UTC), zone="Pacific/Apia", step="1d")
def test_every_moment_lies_in_its_bucket(moment: datetime, zone: str, step: str) -> None:
    tz = ZoneInfo(zone)
    starts = list(islice(STEPS[step].starts(moment, moment + timedelta(days=40), tz), 40))
    assert starts[0] <= moment < starts[1]
    assert starts == sorted(set(starts))
