"""A defined metric answers what it keeps: by name, or asked for in other words; raw events answer the rest."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from metrics.definitions.spec import BEGINNING, Definition
from metrics.language.filters import parse_filters
from metrics.language.matching import EventMatch
from metrics.query.parse import parse_question
from metrics.query.planner import Plan, plan
from metrics.query.spec import Question
from metrics.segments.rules import Did, Segment

NOW = datetime(2025, 6, 15, 12, tzinfo=UTC)
DAYS = "2025-06-01/2025-06-11"
PRO = "props.plan:eq:pro"


def defined(
    measure: str = "count",
    prop: str | None = None,
    *,
    types: tuple[str, ...] = ("order",),
    filters: tuple[str, ...] = (PRO,),
    dimensions: tuple[str, ...] = ("type", "props.country"),
    covered_from: datetime | None = BEGINNING,
    id: int = 7,
) -> Definition:
    match = EventMatch(types, parse_filters(filters))
    return Definition(id, 1, "paid", match, measure, prop, dimensions, covered_from)


def question(**params: str | list[str]) -> Question:
    asked = {"range": DAYS, "step": "1d", "metric": "count", "type": "order", "filter": PRO} | params
    listed = {name: value if isinstance(value, list) else [value] for name, value in asked.items() if value}
    return parse_question(project_id=1, params=listed, now=NOW)


def parts(asked: Question, *definitions: Definition) -> list[tuple[str, str]]:
    """Return the plan's parts: relation, and its start as `DD HH:MM`."""
    return [(part.relation, part.start.strftime("%d %H:%M")) for part in plan(asked, definitions).parts]


@pytest.mark.parametrize(
    ("metric", "measure", "prop", "table"),
    [
        ("count", "count", None, "rollup_metric"),
        ("users", "users", None, "rollup_metric_user"),
        ("sum:props.v", "sum", "v", "rollup_metric"),
        ("avg:props.v", "sum", "v", "rollup_metric"),
        ("max:props.v", "min", "v", "rollup_metric"),
        ("p99:props.v", "percentile", "v", "rollup_metric_bin"),
    ],
)
@pytest.mark.parametrize(("step", "grain"), [("1d", "1d"), ("1w", "1d"), ("1h", "1h"), ("5m", "1m")])
def test_a_question_in_other_words_is_answered_by_the_metric_that_measures_it(
    metric: str, measure: str, prop: str | None, table: str, step: str, grain: str
) -> None:
    asked = question(metric=metric, step=step)
    assert parts(asked, defined(measure, prop)) == [(f"{table}_{grain}", "01 00:00")]


def test_ragged_ends_are_read_from_finer_tables_and_seconds_from_the_events() -> None:
    asked = question(range="2025-06-01T22:58:30Z/2025-06-03T01:00:00Z")
    assert parts(asked, defined()) == [
        ("event", "01 22:58"),
        ("rollup_metric_1m", "01 22:59"),
        ("rollup_metric_1h", "01 23:00"),
        ("rollup_metric_1d", "02 00:00"),
        ("rollup_metric_1h", "03 00:00"),
    ]


def test_what_it_does_not_cover_yet_is_read_from_the_events() -> None:
    covered = defined(covered_from=datetime(2025, 6, 5, tzinfo=UTC))
    assert parts(question(), covered) == [("event", "01 00:00"), ("rollup_metric_1d", "05 00:00")]
    assert parts(question(), replace(covered, covered_from=None)) == [("event", "01 00:00")]
    assert parts(question(), replace(covered, covered_from=NOW)) == [("event", "01 00:00")]


@pytest.mark.parametrize(
    "params",
    [
        {"filter": "props.plan:eq:free"},
        {"filter": "props.plan:ne:pro"},
        {"filter": ""},
        {"type": "view"},
        {"type": ["order", "view"]},
        {"type": ""},
        {"metric": "users"},
        {"metric": "sum:props.v"},
        {"groupBy": "props.other"},
        {"groupBy": ["type", "props.other"]},
        {"filter": [PRO, "props.other:eq:x"]},
        {"filter": [PRO, "props.country:ne:DE"]},
        {"filter": [PRO, "props.country:contains:D"]},
        {"filter": [PRO, "props.country:exists"]},
        {"filter": [PRO, "userId:eq:ada"]},
        # The text of a dimension does not tell whether it was a number, and long ones are cut.
        {"filter": [PRO, "props.country:eq:1"]},
        {"filter": [PRO, "props.country:in:DE,1e2"]},
        {"filter": [PRO, "props.country:eq:" + "x" * 201]},
    ],
)
def test_what_it_does_not_keep_is_not_read_from_it(params: dict[str, str | list[str]]) -> None:
    source = plan(question(**params), [defined()]).source
    assert not source.startswith("rollup_metric"), source


@pytest.mark.parametrize(
    "params",
    [
        {"groupBy": "props.country"},
        {"groupBy": "type"},
        {"groupBy": ["props.country", "type"]},
        {"filter": [PRO, "props.country:eq:DE"]},
        {"filter": ["props.country:in:DE,FR", PRO]},
        {"filter": [PRO, "type:eq:order"]},
        {"filter": "props.plan:in:pro"},
        {"filter": [PRO, PRO]},
    ],
)
def test_dimensions_group_and_filter_its_rows(params: dict[str, str | list[str]]) -> None:
    assert parts(question(**params), defined()) == [("rollup_metric_1d", "01 00:00")]


def test_some_of_its_types_are_told_by_the_dimension_of_types() -> None:
    both, any_type = defined(types=("order", "refund")), defined(types=())
    for one in (both, any_type):
        assert parts(question(), one) == [("rollup_metric_1d", "01 00:00")]
        assert parts(question(), replace(one, dimensions=())) == [("event", "01 00:00")]


def test_people_of_a_segment_are_known_to_events_only() -> None:
    asked = replace(question(), segment=Segment(1, "buyers", Did(EventMatch(("order",)))))
    assert parts(asked, defined()) == [("event", "01 00:00")]
    everybody = replace(question(type="", filter="", metric="users"), segment=asked.segment)
    assert parts(everybody) == [("rollup_users_1d", "01 00:00")]


def named(one: Definition, **params: str | list[str]) -> Plan:
    asked = question(filter="", **params)
    return plan(replace(asked, definition=one, types=one.match.types, filters=one.match.filters), [one])


def test_a_metric_that_is_named_is_read_before_what_every_project_has() -> None:
    plain = defined(filters=(), covered_from=datetime(2025, 6, 5, tzinfo=UTC))
    assert [part.relation for part in named(plain).parts] == ["rollup_events_1d", "rollup_metric_1d"]
    assert parts(question(filter=""), plain) == [("rollup_events_1d", "01 00:00")]


def test_of_several_the_one_that_is_named_is_read_else_the_one_that_covers_most() -> None:
    old, young = defined(id=1), defined(id=2, covered_from=datetime(2025, 6, 5, tzinfo=UTC))
    asked = question()
    for use, definition in ((plan(asked, [young, old]).use, old), (plan(asked, [old, young]).use, old)):
        assert use is not None
        assert use.definition is definition
    chosen = plan(replace(asked, definition=young), [old, young]).use
    assert chosen is not None
    assert chosen.definition is young


def test_users_are_never_read_as_names_and_as_hashes_together() -> None:
    everybody = defined("users", types=(), filters=(), covered_from=datetime(2025, 6, 5, tzinfo=UTC))
    assert {part.relation for part in named(everybody, metric="users", type="").parts} == {"rollup_users_1d"}


@pytest.mark.parametrize(
    ("asked", "definitions", "reasons"),
    [
        ({"filter": ""}, [], ["It keeps counts by type by day"]),
        ({}, [], [f"No rollup knows the filter {PRO}"]),
        ({"filter": "", "metric": "p50:props.v"}, [], ["No rollup keeps p50:props.v"]),
        ({"filter": "", "metric": "users"}, [], ["No rollup keeps users by type"]),
        ({"filter": "", "groupBy": "props.x"}, [], ["No rollup knows groups by props.x"]),
        ({}, [defined()], ["It keeps the metric paid by day"]),
        (
            {},
            [defined(covered_from=datetime(2025, 6, 5, tzinfo=UTC))],
            ["Kept is the metric paid from 2025-06-05 on", "It keeps the metric paid by day"],
        ),
        ({"metric": "sessions", "type": "", "filter": ""}, [], ["It keeps sessions by their start by day"]),
        ({"metric": "sessions", "filter": ""}, [], ["Sessions are kept as rows; whether an event"]),
    ],
)
def test_each_part_says_why_it_is_read(
    asked: dict[str, str], definitions: list[Definition], reasons: list[str]
) -> None:
    found = plan(question(**asked), definitions).parts
    assert [part.why.startswith(reason) for part, reason in zip(found, reasons, strict=True)] == [True] * len(
        reasons
    )
