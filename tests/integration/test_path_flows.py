"""Every flow equals a recomputation in plain Python: ties, pauses to the microsecond, anchors that come twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest
from django.core.cache import caches
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metrics.insights.path_question import parse_paths
from metrics.insights.path_sql import PathStatement
from metrics.insights.paths import PathAnswer, ask_paths
from metrics.language.people import SINGLE
from tests.support.funnel_model import Happened
from tests.support.paths_model import GAP, Flow, paths
from tests.support.pipeline import NOON
from tests.support.plans import indexes_read
from tests.support.shadow import hidden_tables, put

PROJECT = 3_000_001
TICK = timedelta(microseconds=1)
START, END = NOON, NOON + 4 * GAP
#: Gaps that make ties, and pauses that just do and just do not end a session.
GAPS = [timedelta(0), TICK, GAP / 2, GAP - TICK, GAP, GAP + TICK]
MAY_BE_SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@pytest.fixture
def hidden(pipeline: None) -> Iterator[None]:
    with hidden_tables():
        yield


@st.composite
def histories(draw: st.DrawFn) -> list[Happened]:
    """Return up to four persons' events, each a gap after the one before, some before the range and after it."""
    found = []
    ids = iter(draw(st.permutations(range(36))))
    for person in ("ada", "ben", "cyn", "dan")[: draw(st.integers(1, 4))]:
        moment = START + draw(st.sampled_from([-GAP, -TICK, TICK * 0, END - START - TICK, END - START]))
        for _ in range(draw(st.integers(0, 9))):
            moment += draw(st.sampled_from(GAPS))
            props = draw(st.sampled_from([{}, {"x": "1"}, {"x": "other"}, {"x": ""}]))
            found.append(Happened(person, moment, UUID(int=next(ids)), draw(st.sampled_from("aabc")), props))
    return found


@given(
    events=histories(),
    backwards=st.booleans(),
    by_property=st.booleans(),
    collapse=st.booleans(),
    filtered=st.booleans(),
    steps=st.integers(1, 6),
    top=st.integers(1, 3),
)
@settings(max_examples=300, suppress_health_check=MAY_BE_SLOW)
def test_a_flow_equals_following_each_session(
    hidden: None,
    events: list[Happened],
    backwards: bool,
    by_property: bool,
    collapse: bool,
    filtered: bool,
    steps: int,
    top: int,
) -> None:
    put(PROJECT, events)
    params = {
        "to" if backwards else "from": ["a"],
        "node": ["props.x" if by_property else "type"],
        "collapse": [str(int(collapse))],
        "steps": [str(steps)],
        "top": [str(top)],
        "filter": ["props.x:exists"] if filtered else [],
    }
    answer = ask(params)
    expected = paths(
        [one for one in events if START <= one.ts < END],
        anchor=lambda one: one.type == "a",
        is_step=lambda one: "x" in one.props or not filtered,
        node=lambda one: one.props.get("x") if by_property else one.type,
        backwards=backwards,
        steps=steps,
        top=top,
        collapse=collapse,
    )
    assert flow_of(answer) == expected
    assert_adds_up(answer)


@given(events=histories())
@settings(max_examples=60, suppress_health_check=MAY_BE_SLOW)
def test_two_ids_of_a_person_are_one_session(hidden: None, events: list[Happened]) -> None:
    stands_for = {"ben": "ada", "dan": "cyn"}
    put(PROJECT, events, aliases=stands_for)
    joined = [
        Happened(stands_for.get(one.person, one.person), one.ts, one.id, one.type, one.props)
        for one in events
        if START <= one.ts < END
    ]
    assert flow_of(ask({"from": ["a"]})) == paths(joined, anchor=lambda one: one.type == "a")


def test_all_stages_look_at_the_events_in_one_order(pipeline: None) -> None:
    for name in ("from", "to"):
        question = parse_paths(project_id=PROJECT, params={name: ["a"]}, now=NOON)
        statement = PathStatement(question, SINGLE)
        plan = indexes_read(statement.text, statement.params)
        sorts = [line for line in plan.splitlines() if "Sort Key" in line and "event_id" in line]
        assert len(sorts) == 1, plan


def ask(params: dict[str, list[str]]) -> PathAnswer:
    caches["answers"].clear()
    span = [f"{START.isoformat()}/{END.isoformat()}"]
    return ask_paths(project_id=PROJECT, params=params | {"range": span})


def flow_of(answer: PathAnswer) -> Flow:
    nodes = {(step, one.node): one for step, all_ in enumerate(answer.steps) for one in all_}
    return Flow(
        answer.anchors,
        {place: one.count for place, one in nodes.items()},
        {place: one.ended for place, one in nodes.items() if one.ended},
        {(one.step, one.source, one.target): one.count for one in answer.links},
    )


def assert_adds_up(answer: PathAnswer) -> None:
    """Whoever came to a node came by a link, and went on by one or ended there; beyond the last step nobody looks."""
    came, went = Counter[tuple[int, str | None]](), Counter[tuple[int, str | None]]()
    for link in answer.links:
        far, near = link.target, link.source
        if answer.question.backwards:
            far, near = near, far
        came[link.step, far] += link.count
        went[link.step - 1, near] += link.count
    for step, nodes in enumerate(answer.steps):
        for one in nodes:
            assert step == 0 or one.count == came[step, one.node]
            assert step == answer.question.steps or one.count == went[step, one.node] + one.ended
        assert answer.ended[step] == sum(one.ended for one in nodes)
    assert sum(one.count for one in answer.steps[0]) == answer.anchors
