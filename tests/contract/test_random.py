"""Whatever is written, caught up with, compressed and rebuilt in whatever order: rollups equal the raw events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.lib import clock
from tests.contract.driver import Engine
from tests.contract.moments import DAY, START, at
from tests.support.assertions import assert_balanced, assert_no_rollup_beyond_raw, assert_sessions_equal_raw
from tests.support.pipeline import append, catch_up, event, new_project, process_all, rebuild_sessions

#: The edges of buckets and days, and what lies between them.
_LATE = st.one_of(
    st.sampled_from([at(0), at(0, day=1), at(23, 59), at(1) - timedelta(microseconds=1), at(12, day=-1)]),
    st.timedeltas(timedelta(0), timedelta(days=3)).map(lambda after: START + after),
)
_FRESH = st.timedeltas(timedelta(0), timedelta(hours=30))
_MOMENTS = st.one_of(_LATE, _FRESH)
_EVENTS = st.tuples(
    st.sampled_from(["u1", "u2", "ü"]), _MOMENTS, st.sampled_from(["view", "buy"]), st.integers(-5, 5)
)
_STEPS = st.one_of(
    st.lists(_EVENTS, min_size=1, max_size=8),
    st.sampled_from(["process", "catch up", "compress", "rebuild"]),
)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(_STEPS, min_size=1, max_size=12))
def test_rollups_equal_the_raw_events_whatever_happens(engine: Engine, steps: list[Any]) -> None:
    project, sent = new_project(), 0
    for step in steps:
        if isinstance(step, list):
            append(project, [_event(*parts) for parts in step])
            sent += len(step)
        else:
            _do(engine, step)
    process_all()
    rebuild_sessions()
    assert engine.ask("SELECT count(*) FROM event WHERE project_id = %s", project) == [(sent,)]
    assert_no_rollup_beyond_raw(project)
    assert_sessions_equal_raw(project)
    assert_balanced()
    assert _drift(engine) == []


def _event(user: str, when: datetime | timedelta, type: str, value: int) -> dict[str, Any]:
    moment = clock.now() - when if isinstance(when, timedelta) else when
    return event(user, moment, type=type, value=value)


def _do(engine: Engine, step: str) -> None:
    match step:
        case "process":
            process_all()
        case "catch up":
            catch_up()
        case "compress":
            engine.store.compress(engine.link, DAY)
        case "rebuild":
            engine.rollups.rebuild(engine.link, START, START + timedelta(days=2))


def _drift(engine: Engine) -> list[Any]:
    """Compare every day that an example may have touched."""
    today = clock.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = [first + timedelta(days=n) for first in (START, today) for n in range(-2, 4)]
    return [found for day in days for found in engine.drift(day, day + timedelta(days=1))]
