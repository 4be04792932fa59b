"""Every lifecycle equals a recomputation in plain Python: periods, time zones, days on which clocks change, aliases."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.cache import caches
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config import engine
from config.lib.postgres import connect
from events.maintenance import drop_before
from metrics.insights.lifecycle import LifecycleAnswer, ask_lifecycle
from tests.support.lifecycle_model import Life, lifecycle
from tests.support.pipeline import event, new_project, rows, store_all

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]
#: Around the days on which the clocks change in Berlin and in New York.
FIRST, DAYS = datetime(2025, 10, 20, tzinfo=UTC), 24
SOURCES = {
    "UTC": "rollup_users_1d", "Europe/Berlin": "rollup_users_1h", "America/New_York": "rollup_users_1h",
    "Asia/Kolkata": "event",
}  # fmt: skip
Seen = tuple[str, datetime, str]


def some_events() -> list[Seen]:
    """Return events of people who come rarely, many at midnights."""
    chance = random.Random(7)
    zones = [
        timedelta(0),
        timedelta(hours=22),
        timedelta(hours=23),
        timedelta(hours=4),
        timedelta(hours=18.5),
    ]
    edges = [
        timedelta(0),
        timedelta(microseconds=-1),
        timedelta(minutes=29),
        timedelta(minutes=chance.random() * 900),
    ]
    return [
        (
            f"u{chance.randrange(25)}",
            FIRST + timedelta(days=chance.randrange(DAYS)) + chance.choice(zones) + chance.choice(edges),
            chance.choice(["view", "buy"]),
        )
        for _ in range(160)
    ]


EVENTS = some_events()


@pytest.fixture
def project(pipeline: None) -> Iterator[int]:
    """Give a project with these events; another has users of the same names."""
    mine, other = new_project(), new_project()
    store_all(mine, [event(user, ts, type=kind, n=len(user)) for user, ts, kind in EVENTS])
    store_all(other, [event(f"u{n}", FIRST + timedelta(days=n % 9)) for n in range(25)])
    yield mine


def ask(project: int, **params: object) -> LifecycleAnswer:
    caches["answers"].clear()
    given_ = {name: value if isinstance(value, list) else [str(value)] for name, value in params.items()}
    return ask_lifecycle(project_id=project, params=given_)


def life_of(answer: LifecycleAnswer) -> Life:
    return {one.start: (one.new, one.returning, one.resurrecting, one.dormant) for one in answer.periods}


def expected(first: date, last: date, period: str, tz: str, kind: str = "", **stands_for: str) -> Life:
    seen = [(stands_for.get(user, user), ts) for user, ts, type_ in EVENTS if kind in ("", type_)]
    return lifecycle(seen, first=first, last=last, period=period, tz=tz)


@given(
    start=st.integers(-3, DAYS + 3),
    days=st.integers(1, 40),
    period=st.sampled_from(["day", "week", "month"]),
    tz=st.sampled_from(ZONES),
    kind=st.sampled_from(["", "buy"]),
)
@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_a_lifecycle_equals_a_recomputation(
    loaded: int, start: int, days: int, period: str, tz: str, kind: str
) -> None:
    first = FIRST.date() + timedelta(days=start)
    last = first + timedelta(days=days - 1)
    params = {"range": f"{first}/{last + timedelta(days=1)}", "period": period, "tz": tz}
    answer = ask(loaded, **params, type=[kind] if kind else [])
    assert life_of(answer) == expected(first, last, period, tz, kind)
    assert period != "day" or kind or answer.source == SOURCES[tz]


@pytest.fixture
def loaded(project: int) -> int:
    return project


def test_a_person_of_two_ids_is_new_once(project: int) -> None:
    with connect(name="test aliases", autocommit=True) as link:
        for alias, user in (("u1", "u2"), ("u3", "u2")):
            link.execute(
                "INSERT INTO user_alias (project_id, alias, user_id, since) VALUES (%s, %s, %s, now())",
                [project, alias, user],
            )
    first, last = FIRST.date(), FIRST.date() + timedelta(days=DAYS)
    for tz in ZONES:
        answer = ask(project, range=f"{first}/{last + timedelta(days=1)}", tz=tz)
        assert life_of(answer) == expected(first, last, "day", tz, u1="u2", u3="u2")


def test_filters_decide_what_coming_is(project: int) -> None:
    first, last = FIRST.date(), FIRST.date() + timedelta(days=DAYS)
    answer = ask(project, range=f"{first}/{last + timedelta(days=1)}", filter="type:ne:buy")
    assert answer.source == "event"
    assert life_of(answer) == expected(first, last, "day", "UTC", "view")


def test_the_first_time_is_known_after_the_events_were_dropped(project: int) -> None:
    first, last = FIRST.date() + timedelta(days=14), FIRST.date() + timedelta(days=DAYS)
    span = f"{first}/{last + timedelta(days=1)}"
    whole = ask(project, range=span)
    drop_before(store=engine.store(), rollups=engine.rollups(), day=first)
    assert rows("SELECT min(ts)::date >= %s FROM event", first) == [(True,)]
    kept = ask(project, range=span)
    assert (life_of(kept), kept.history_from) == (life_of(whole), None)
    raw = ask(project, range=span, type=["view", "buy"])
    assert raw.history_from is not None
    assert sum(one.new for one in raw.periods) > sum(one.new for one in whole.periods)


def test_the_period_in_progress_is_marked_and_none_comes_after_it(pipeline: None) -> None:
    project, now = new_project(), datetime.now(UTC)
    store_all(project, [event("ada", now - timedelta(days=1)), event("ben", now - timedelta(days=1))])
    store_all(project, [event("ada", now)])
    answer = ask(project, range=f"{now.date() - timedelta(days=1)}/{now.date() + timedelta(days=9)}")
    yesterday, today = answer.periods
    assert (yesterday.new, yesterday.in_progress) == (2, False)
    assert (today.returning, today.dormant, today.in_progress) == (1, 1, True)
