"""What Postgres really reads for a defined metric: no raw event, and of its tables only the rows of a span."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from config.lib.postgres import bounded_cursor, connect
from metrics.definitions.backfill import backfill
from metrics.definitions.selectors import definitions_of
from metrics.language.people import ALIASED, SINGLE
from metrics.query.parse import parse_question
from metrics.query.planner import plan
from metrics.query.sql import Statement
from tests.support.definitions_model import define
from tests.support.pipeline import event, new_project, store_all
from tests.support.plans import explain, indexes_read

NOW = datetime(2025, 6, 15, 12, tzinfo=UTC)
FIRST = datetime(2025, 6, 1, 12, tzinfo=UTC)
DAYS = "2025-06-02/2025-06-05"
MEASURES = {
    "orders": {"measure": "count"},
    "customers": {"measure": "users"},
    "turnover": {"measure": "sum", "property": "v"},
    "mean": {"measure": "avg", "property": "v"},
    "least": {"measure": "min", "property": "v"},
    "most": {"measure": "max", "property": "v"},
    "typical": {"measure": "percentile", "property": "v"},
}
#: The same in other words.
IN_WORDS = {
    "orders": "count",
    "customers": "users",
    "turnover": "avg:props.v",
    "mean": "max:props.v",
    "least": "sum:props.v",
    "most": "min:props.v",
    "typical": "p99:props.v",
}
MATCH = {"type": "order", "filters": ["props.plan:eq:pro"]}


@pytest.fixture
def project(pipeline: None) -> int:
    made = new_project()
    for name, measure in MEASURES.items():
        define(made, name, match=MATCH, dimensions=["type", "props.country"], **measure)
    moments = (FIRST + timedelta(days=n % 10, minutes=n) for n in range(100))
    sent = [event(f"u{n % 7}", ts, type="order", v=n, plan="pro") for n, ts in enumerate(moments)]
    store_all(made, sent)
    with connect(name="test definitions", autocommit=True) as link:
        while backfill(link, seconds=60):
            pass
    return made


def statement(project: int, **params: str | list[str]) -> Statement:
    listed = {name: value if isinstance(value, list) else [value] for name, value in params.items()}
    question = parse_question(project_id=project, params=listed, now=NOW)
    with bounded_cursor() as cursor:
        return Statement(question, plan(question, definitions_of(cursor, project)))


def reads(project: int, **params: str | list[str]) -> set[str]:
    """Return the relations that a question reads."""
    made = statement(project, **params)
    return explain(made.text, made.params)


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize(
    ("step", "grain"), [("5m", "1m"), ("1h", "1h"), ("1d", "1d"), ("1w", "1d"), ("1mo", "1d")]
)
def test_a_defined_metric_is_answered_from_its_own_tables(
    project: int, name: str, step: str, grain: str
) -> None:
    for asked in (
        {"metric": name},
        {"metric": IN_WORDS[name], "type": "order", "filter": "props.plan:eq:pro"},
    ):
        found = reads(project, range=DAYS, step=step, **asked)
        assert found
        assert all(one.startswith("rollup_metric") and one.endswith(f"_{grain}") for one in found), found


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize(
    "params",
    [
        {"groupBy": "props.country"},
        {"groupBy": ["props.country", "type"]},
        {"filter": "props.country:in:DE,FR"},
        {"tz": "Europe/Berlin"},
        {"tz": "Asia/Kolkata"},
    ],
)
def test_groups_filters_and_zones_touch_no_event(
    project: int, name: str, params: dict[str, str | list[str]]
) -> None:
    found = reads(project, metric=name, range=DAYS, step="1d", **params)
    assert found
    assert all(one.startswith("rollup_metric") for one in found), found


@pytest.mark.parametrize("name", MEASURES)
def test_only_the_ragged_ends_are_read_raw(project: int, name: str) -> None:
    found = reads(project, metric=name, range="2025-06-02T10:00:30Z/2025-06-06T10:00:30Z", step="1d")
    assert {one for one in found if one.startswith("event")} == {"event_p20250602", "event_p20250606"}


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("orders", "rollup_metric_1d_key"),
        ("typical", "rollup_metric_bin_1d_key"),
        ("customers", "rollup_metric_user_1d_key"),
    ],
)
def test_a_span_of_a_metric_is_found_by_an_index(project: int, name: str, index: str) -> None:
    made = statement(project, metric=name, range=DAYS, step="1d")
    found = indexes_read(made.text, made.params)
    assert index in found
    (condition,) = {line.strip() for line in found.splitlines() if "Cond" in line and "2025-06-05" in line}
    assert "definition_id" in condition


def test_a_project_without_aliases_looks_up_nobody(project: int) -> None:
    for people, looked_up in ((SINGLE, False), (ALIASED, True)):
        question = parse_question(
            project_id=project, params={"metric": ["users"], "range": [DAYS], "step": ["1d"]}, now=NOW
        )
        made = Statement(question, plan(question), people)
        assert ("user_alias" in explain(made.text, made.params)) is looked_up


def test_days_before_history_was_computed_are_read_raw_and_no_others(project: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE metric_definition SET covered_from = '2025-06-04T00:00Z' WHERE name = 'orders'"
        )
    found = reads(project, metric="orders", range=DAYS, step="1d")
    assert found == {"event_p20250602", "event_p20250603", "rollup_metric_1d"}
