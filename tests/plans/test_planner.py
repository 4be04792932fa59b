"""The planner reads the coarsest rollup that answers, and raw events only where none does."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from metrics.query.parse import parse_question
from metrics.query.planner import plan
from metrics.query.spec import Question

NOW = datetime(2025, 6, 15, 12, tzinfo=UTC)
DAYS = "2025-06-01/2025-06-11"


def question(**params: str | list[str]) -> Question:
    listed = {name: value if isinstance(value, list) else [value] for name, value in params.items()}
    return parse_question(project_id=1, params=listed, now=NOW)


def parts(**params: str | list[str]) -> list[tuple[str, str, str]]:
    """Return the plan's parts with bounds as `DD HH:MM:SS`."""
    form = "%d %H:%M:%S"
    found = plan(question(**params)).parts
    return [(part.relation, part.start.strftime(form), part.end.strftime(form)) for part in found]


def relations(**params: str | list[str]) -> list[str]:
    return [relation for relation, _, _ in parts(**params)]


@pytest.mark.parametrize(
    ("metric", "step", "relation"),
    [
        ("count", "1d", "rollup_events_1d"),
        ("count", "1w", "rollup_events_1d"),
        ("count", "1mo", "rollup_events_1d"),
        ("count", "1h", "rollup_events_1h"),
        ("count", "15m", "rollup_events_1m"),
        ("count", "5m", "rollup_events_1m"),
        ("users", "1d", "rollup_users_1d"),
        ("users", "1h", "rollup_users_1h"),
        ("sessions", "1h", "rollup_sessions_1h"),
        ("sessions", "15m", "session"),
        ("sum:props.value", "1w", "rollup_values_1d"),
        ("avg:props.value", "1d", "rollup_values_1d"),
        ("min:props.value", "1h", "rollup_values_1h"),
        ("max:props.value", "1h", "rollup_values_1h"),
    ],
)
def test_whole_days_are_read_from_one_relation(metric: str, step: str, relation: str) -> None:
    assert parts(metric=metric, range=DAYS, step=step) == [(relation, "01 00:00:00", "11 00:00:00")]


def test_ragged_ends_are_read_from_finer_relations_and_the_middle_from_the_coarsest() -> None:
    span = "2025-06-01T22:58:30Z/2025-06-04T01:01:15Z"
    assert parts(metric="count", range=span, step="1d") == [
        ("event", "01 22:58:30", "01 22:59:00"),
        ("rollup_events_1m", "01 22:59:00", "01 23:00:00"),
        ("rollup_events_1h", "01 23:00:00", "02 00:00:00"),
        ("rollup_events_1d", "02 00:00:00", "04 00:00:00"),
        ("rollup_events_1h", "04 00:00:00", "04 01:00:00"),
        ("rollup_events_1m", "04 01:00:00", "04 01:01:00"),
        ("event", "04 01:01:00", "04 01:01:15"),
    ]


def test_parts_never_overlap_and_leave_no_hole() -> None:
    found = parts(metric="users", range="2025-06-01T22:58:30Z/2025-06-04T01:01:15Z", step="1d")
    assert all(before[2] == after[1] for before, after in pairwise(found))


@pytest.mark.parametrize(
    ("tz", "relation"),
    [
        ("UTC", "rollup_events_1d"),
        ("Europe/Berlin", "rollup_events_1h"),
        ("Asia/Kolkata", "rollup_events_1m"),
    ],
)
def test_the_days_of_a_zone_need_the_grain_of_its_offset(tz: str, relation: str) -> None:
    assert set(relations(metric="count", range=DAYS, step="1d", tz=tz)) == {relation}


def test_users_of_a_half_hour_zone_need_raw_events() -> None:
    assert relations(metric="users", range=DAYS, step="1d", tz="Asia/Kolkata") == ["event"]


def test_one_bucket_does_not_need_its_edges_to_be_aligned() -> None:
    span = "2025-06-01T05:30:00Z/2025-06-03T05:30:00Z"
    assert "rollup_events_1d" in relations(metric="count", range=span, step="1mo")


@pytest.mark.parametrize(
    "params",
    [
        {"metric": "count", "filter": "props.a:eq:1"},
        {"metric": "count", "groupBy": "props.a"},
        {"metric": "users", "type": "order"},
        {"metric": "users", "groupBy": "type"},
        {"metric": "sum:props.v"},
        {"metric": "p50:props.value"},
        {"metric": "sum:props.value", "filter": "type:eq:order"},
        {"metric": "sum:props.value", "groupBy": "props.a"},
        {"metric": "sum:props.value", "step": "15m"},
    ],
)
def test_what_no_rollup_knows_is_read_raw(params: dict[str, str]) -> None:
    assert relations(**{"range": DAYS, "step": "1d", **params}) == ["event"]


@pytest.mark.parametrize("params", [{"type": ["a", "b"]}, {"groupBy": "type"}])
def test_types_are_known_to_the_rollups_of_counts_and_numbers(params: dict[str, str | list[str]]) -> None:
    assert relations(metric="count", range=DAYS, step="1d", **params) == ["rollup_events_1d"]
    assert relations(metric="avg:props.value", range=DAYS, step="1d", **params) == ["rollup_values_1d"]


def test_the_ragged_hours_of_numbers_are_read_raw() -> None:
    assert parts(metric="sum:props.value", range="2025-06-01T22:30:00Z/2025-06-03T00:00:00Z", step="1d") == [
        ("event", "01 22:30:00", "01 23:00:00"),
        ("rollup_values_1h", "01 23:00:00", "02 00:00:00"),
        ("rollup_values_1d", "02 00:00:00", "03 00:00:00"),
    ]


def test_the_source_is_the_relation_that_answers_the_most() -> None:
    ragged = question(metric="count", range="2025-06-01T00:00:30Z/2025-06-09T00:00:30Z", step="1d")
    assert plan(ragged).source == "rollup_events_1d"
