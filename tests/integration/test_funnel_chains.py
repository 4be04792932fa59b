"""Every funnel equals trying all chains: ties, events that are several steps, windows to the microsecond."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from uuid import UUID

import pytest
from django.core.cache import caches
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from metrics.insights.funnel import Funnel, ask_funnel
from tests.support.funnel_model import Happened, Stage, Wanted, by_value, funnel
from tests.support.pipeline import NOON
from tests.support.shadow import hidden_tables, put

PROJECT = 3_000_001
WINDOW, TICK = timedelta(seconds=10), timedelta(microseconds=1)
START, END = NOON, NOON + timedelta(seconds=20)
#: Gaps that make ties and chains that just fit, and just do not.
GAPS = [timedelta(0), TICK, WINDOW / 2, WINDOW - TICK, WINDOW, WINDOW + TICK]
X = (("x", "1"),)
STEPS = [Wanted(("a",)), Wanted(("b",)), Wanted(("a", "b")), Wanted(), Wanted((), X), Wanted(("a",), X)]


@pytest.fixture
def hidden(pipeline: None) -> Iterator[None]:
    with hidden_tables():
        yield


@st.composite
def histories(draw: st.DrawFn) -> list[Happened]:
    """Return up to four persons' events, each a gap after the one before, some before the range and after it."""
    found = []
    ids = iter(draw(st.permutations(range(28))))
    for person in ("ada", "ben", "cyn", "dan")[: draw(st.integers(1, 4))]:
        moment = START + draw(st.sampled_from([-WINDOW, -TICK, TICK * 0, END - START - TICK, END - START]))
        for _ in range(draw(st.integers(0, 7))):
            moment += draw(st.sampled_from(GAPS))
            props = draw(st.sampled_from([{}, {"x": "1"}, {"x": "2"}]))
            found.append(Happened(person, moment, UUID(int=next(ids)), draw(st.sampled_from("aab")), props))
    return found


@given(events=histories(), steps=st.lists(st.sampled_from(STEPS), min_size=2, max_size=4))
@example(
    events=[Happened("ada", NOON, UUID(int=1), "b"), Happened("ada", NOON, UUID(int=2), "a")],
    steps=[STEPS[0], STEPS[1]],
)
@example(events=[Happened("ada", NOON, UUID(int=1), "a")], steps=[STEPS[0], STEPS[0]])
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_a_funnel_equals_trying_every_chain(
    hidden: None, events: list[Happened], steps: list[Wanted]
) -> None:
    put(PROJECT, events)
    answer = ask(steps, breakdown="props.x", limit=1)
    assert_same(answer.whole, funnel(events, steps, WINDOW, START, END))
    expected = by_value(events, steps, WINDOW, START, END, name="x", limit=1)
    assert [(one.value, one.rest) for one in answer.groups] == [(value, rest) for value, rest, _ in expected]
    for one, (_, _, stages) in zip(answer.groups, expected, strict=True):
        assert_same(one, stages)


@given(events=histories(), steps=st.lists(st.sampled_from(STEPS), min_size=2, max_size=3))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_two_ids_of_a_person_are_one_in_a_chain(
    hidden: None, events: list[Happened], steps: list[Wanted]
) -> None:
    put(PROJECT, events, aliases={"ben": "ada", "dan": "cyn"})
    stands_for = {"ben": "ada", "dan": "cyn"}
    joined = [
        Happened(stands_for.get(one.person, one.person), one.ts, one.id, one.type, one.props)
        for one in events
    ]
    assert_same(ask(steps).whole, funnel(joined, steps, WINDOW, START, END))


def test_a_foreign_event_is_in_no_chain(hidden: None) -> None:
    put(PROJECT + 1, [Happened("ada", NOON, UUID(int=1), "a"), Happened("ada", NOON, UUID(int=2), "b")])
    assert ask(STEPS[:2]).whole.steps[0].persons == 0


def ask(steps: Sequence[Wanted], breakdown: str = "", limit: int = 10):  # type: ignore[no-untyped-def]
    caches["answers"].clear()
    params = {
        "steps": [json.dumps([one.wire() for one in steps])],
        "window": ["10s"],
        "range": [f"{START.isoformat()}/{END.isoformat()}"],
        "limit": [str(limit)],
    }
    return ask_funnel(project_id=PROJECT, params=params | ({"breakdown": [breakdown]} if breakdown else {}))


def assert_same(found: Funnel, expected: list[Stage]) -> None:
    assert [one.persons for one in found.steps] == [stage.persons for stage in expected]
    for one, stage in zip(found.steps, expected, strict=True):
        assert (one.seconds is None) == (stage.seconds is None)
        if one.seconds and stage.seconds:
            mine = (one.seconds.median, one.seconds.p90, one.seconds.average)
            assert mine == pytest.approx(stage.seconds, rel=1e-9, abs=1e-9)
