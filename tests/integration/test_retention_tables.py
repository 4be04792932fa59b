"""Every retention table equals a recomputation by calendar dates, from rollups and from raw events alike."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from events.models import Project
from metrics.insights.retention import RetentionAnswer, ask_retention
from tests.support.funnel_model import Happened, Wanted
from tests.support.pipeline import event, store_all
from tests.support.retention_model import Asked, retention

PROJECT, OTHER_PROJECT = 3_000_001, 3_000_002
#: Berlin's clocks go forward on 30 March.
FIRST_DAY, DAYS = date(2025, 3, 10), 40
ALIASES = {"u1": "u2", "u3": "u4", "u5": "nobody"}


def some_events(seed: int, count: int = 300) -> list[Happened]:
    """Return events of people who come at times and stay away at others, many of them around midnights."""
    chance = random.Random(seed)
    midnight = datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tzinfo=UTC)
    near = [
        timedelta(0),
        timedelta(microseconds=-1),
        timedelta(hours=-1),
        timedelta(hours=-2),
        timedelta(hours=12),
    ]

    def one(number: int) -> Happened:
        user = chance.randrange(25)
        day = min(DAYS - 1, user + int(chance.expovariate(0.15)))
        props = chance.choice([{}, {"x": "1"}])
        moment = midnight + timedelta(days=day) + chance.choice(near)
        return Happened(f"u{user}", moment, UUID(int=number), chance.choice(["a", "a", "b"]), props)

    return [one(number) for number in range(count)]


EVENTS = some_events(20250330)
JOINED = [replace(one, person=ALIASES.get(one.person, one.person)) for one in EVENTS]


def events_of(project_id: int) -> list[Happened]:
    """Return what is stored: of the other project less, so that its rows would show."""
    return EVENTS if project_id == PROJECT else EVENTS[:10]


@pytest.fixture
def stored(pipeline: None) -> None:
    for number, slug in ((PROJECT, "acme"), (OTHER_PROJECT, "globex")):
        Project.objects.create(pk=number, slug=slug)
        store_all(
            number, [event(one.person, one.ts, type=one.type, **one.props) for one in events_of(number)]
        )
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO user_alias (project_id, alias, user_id, since) VALUES (%s, %s, %s, now())",
            [(PROJECT, alias, person) for alias, person in ALIASES.items()],
        )


ANY = Wanted()
MATCHES = [ANY, ANY, Wanted(("a",)), Wanted(("b",)), Wanted((), (("x", "1"),)), Wanted(("a",), (("x", "1"),))]


@st.composite
def questions(draw: st.DrawFn) -> Asked:
    start = FIRST_DAY + timedelta(days=draw(st.integers(-3, DAYS)))
    return Asked(
        first=draw(st.sampled_from(MATCHES)),
        back=draw(st.sampled_from(MATCHES)),
        period=draw(st.sampled_from(["day", "week", "month"])),
        cohort=draw(st.sampled_from(["first_in_range", "first_ever", "recurring"])),
        tz=draw(st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata", "America/New_York"])),
        start=start,
        last=start + timedelta(days=draw(st.integers(0, 25))),
    )


BERLIN_WEEKS = Asked(ANY, ANY, "week", "first_ever", "Europe/Berlin", date(2025, 3, 20), date(2025, 4, 10))
UTC_DAYS = Asked(ANY, ANY, "day", "recurring", "UTC", date(2025, 3, 15), date(2025, 3, 25))
KOLKATA = Asked(ANY, ANY, "week", "first_in_range", "Asia/Kolkata", date(2025, 3, 15), date(2025, 3, 30))


@given(asked=questions())
@example(asked=BERLIN_WEEKS)
@example(asked=UTC_DAYS)
@example(asked=KOLKATA)
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_a_table_equals_a_recomputation(stored: None, asked: Asked) -> None:
    zone = ZoneInfo(asked.tz)
    found = [(one.start.astimezone(zone).date(), one.size, list(one.values)) for one in ask(asked).cohorts]
    assert found == retention(asked, JOINED)


@pytest.mark.parametrize(
    ("asked", "source"),
    [
        (UTC_DAYS, "rollup_users_1d"),
        (BERLIN_WEEKS, "rollup_users_1d"),
        (replace(BERLIN_WEEKS, period="day"), "rollup_users_1h"),
        (KOLKATA, "event"),
        (replace(UTC_DAYS, back=Wanted(("a",))), "event"),
    ],
)
def test_the_rollups_of_users_answer_where_they_can(stored: None, asked: Asked, source: str) -> None:
    assert ask(asked).source == source


def test_only_the_projects_events_count(stored: None) -> None:
    whole = replace(
        UTC_DAYS,
        start=FIRST_DAY - timedelta(days=1),
        last=FIRST_DAY + timedelta(days=DAYS),
        cohort="first_ever",
    )
    mine, theirs = (
        sum(one.size for one in ask(whole, number).cohorts) for number in (PROJECT, OTHER_PROJECT)
    )
    assert mine == len({one.person for one in JOINED})
    assert theirs == len({one.person for one in events_of(OTHER_PROJECT)})


def ask(asked: Asked, project_id: int = PROJECT) -> RetentionAnswer:
    params = {
        "period": [asked.period],
        "cohort": [asked.cohort],
        "tz": [asked.tz],
        "range": [f"{asked.start}/{asked.last + timedelta(days=1)}"],
    }
    matches = {"first": asked.first, "return": asked.back}
    wired = {name: [json.dumps(one.wire())] for name, one in matches.items() if one != ANY}
    return ask_retention(project_id=project_id, params=params | wired)
