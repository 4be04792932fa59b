"""The product and DuckDB say the same of a real log, whose lines each of them took apart itself."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings

from tests.oracle.drawn import questions
from tests.oracle.grounds import LOG
from tests.oracle.questions import Question, ask
from tests.oracle.world import World
from tests.support.pipeline import rows

MAY = "2015-05-17/2015-05-21"
MEASURES = ("count", "users", "sessions", "sum:props.bytes", "avg:props.bytes", "p95:props.bytes")
TABLE = [
    *(
        ask("metrics", metric=metric, range=MAY, step=step, tz=tz)
        for metric in (
            "count",
            "users",
            "sessions",
            "sum:props.bytes",
            "avg:props.bytes",
            "p95:props.bytes",
            *LOG.defined,
        )
        for step, tz in (("1h", "UTC"), ("1d", "America/New_York"))
    ),
    ask("metrics", metric="count", range=MAY, step="1d", groupBy=["type", "props.status"]),
    ask("sessions", range="2015-05-18T00:00:00Z/2015-05-18T12:00:00Z"),
    ask(
        "funnels", step=["page_view", "asset", "page_view"], range=MAY, window="30m", breakdown="props.status"
    ),
    ask("funnels", step=["page_view", "error"], range=MAY, window="1d", segment="readers"),
    ask("retention", range=MAY, period="day"),
    ask("retention", range=MAY, period="day", first="page_view", return_="page_view", cohort="recurring"),
    ask("paths", from_="page_view", range=MAY, node="props.path", top=5),
    ask("paths", to="error", range=MAY, steps=6, collapse=0),
    ask("lifecycle", range=MAY, period="day", tz="Asia/Kolkata"),
]


@pytest.mark.parametrize("question", TABLE, ids=str)
def test_both_say_the_same(logged: World, question: Question) -> None:
    logged.check(question)


@given(question=questions(LOG))
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_both_say_the_same_to_drawn_questions(logged: World, question: Question) -> None:
    logged.check(question)


@pytest.mark.parametrize("name", LOG.segments)
def test_both_put_the_same_people_in_a_segment(logged: World, name: str) -> None:
    logged.check_segment(name)


def test_both_read_the_same_out_of_each_line(logged: World) -> None:
    stored = {
        event_id: rest
        for event_id, *rest in rows(
            "SELECT event_id::text, type, user_id, (extract(epoch FROM ts) * 1000000)::bigint, props::text "
            "FROM event WHERE project_id = %s",
            logged.tenant.id,
        )
    }
    read = {
        event_id: (*rest, json.loads(props))
        for event_id, *rest, props in logged.duck.rows("SELECT event_id, type, user_id, ts, props FROM event")
    }
    assert len(read) == 10_000
    assert {event_id: (*rest, json.loads(props)) for event_id, (*rest, props) in stored.items()} == read
