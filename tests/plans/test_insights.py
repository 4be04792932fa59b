"""What Postgres reads for funnels and retention: only the days and types asked about, sorted once, or rollups alone."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from psycopg import sql

from metrics.insights.funnel_question import parse_funnel
from metrics.insights.funnel_sql import FunnelStatement
from metrics.insights.lifecycle_question import parse_lifecycle
from metrics.insights.lifecycle_sql import LifecycleStatement
from metrics.insights.retention_question import parse_retention
from metrics.insights.retention_sql import RetentionStatement
from metrics.language.people import ALIASED, SINGLE, People
from metrics.query.run import asking
from metrics.segments.reading import read_rules
from metrics.segments.rules import Segment
from tests.support.pipeline import event, new_project, store_all
from tests.support.plans import explain, indexes_read

NOW = datetime(2025, 6, 15, 12, tzinfo=UTC)
FIRST = datetime(2025, 6, 1, 12, tzinfo=UTC)
PEOPLE = pytest.mark.parametrize("people", [SINGLE, ALIASED], ids=["single", "aliased"])


@pytest.fixture(autouse=True)
def ten_days(pipeline: None) -> None:
    moments = (FIRST + timedelta(days=n % 10, minutes=n) for n in range(100))
    store_all(new_project(), [event(f"u{n % 7}", ts) for n, ts in enumerate(moments)])


def funnel(people: People = SINGLE, **params: str) -> FunnelStatement:
    defaults = {"range": ["2025-06-03/2025-06-05"], "window": ["1d"], "steps": ['["a", "b", "c"]']}
    asked = defaults | {name: [value] for name, value in params.items()}
    return FunnelStatement(parse_funnel(project_id=1, params=asked, now=NOW), people)


def retention(people: People = SINGLE, **params: str) -> RetentionStatement:
    defaults = {"range": ["2025-06-02/2025-06-09"], "period": ["day"]}
    asked = defaults | {name: [value] for name, value in params.items()}
    return RetentionStatement(parse_retention(project_id=1, params=asked, now=NOW), people)


def days_read(statement: FunnelStatement | RetentionStatement) -> set[str]:
    return {name for name in explain(statement.text, statement.params) if name.startswith("event")}


@PEOPLE
def test_a_funnel_reads_its_days_and_those_of_its_window(people: People) -> None:
    assert days_read(funnel(people)) == {f"event_p2025060{day}" for day in (3, 4, 5)}


def test_a_funnel_whose_steps_name_types_reads_only_these() -> None:
    statement = funnel()
    assert "type = ANY ('{a,b,c}'::text[])" in indexes_read(statement.text, statement.params)


@PEOPLE
@pytest.mark.parametrize("breakdown", ["type", "props.x"])
def test_a_funnel_sorts_the_events_once_however_many_steps(people: People, breakdown: str) -> None:
    steps = '["a", {}, "b", {"filters": ["props.x:eq:1"]}, "c"]'
    statement = funnel(people, steps=steps, breakdown=breakdown)
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("EXPLAIN {}").format(statement.text), statement.params)
        plan = [line for (line,) in cursor.fetchall()]
    assert sum("Sort Key:" in line and "event_id" in line for line in plan) == 1
    assert sum("WindowAgg" in line for line in plan) == 4 + 2


@PEOPLE
@pytest.mark.parametrize("cohort", ["first_in_range", "first_ever", "recurring"])
@pytest.mark.parametrize("tz", ["UTC", "Europe/Berlin"])
def test_retention_of_any_events_reads_no_event(people: People, cohort: str, tz: str) -> None:
    assert days_read(retention(people, cohort=cohort, tz=tz)) == set()


def test_retention_of_some_events_reads_the_days_asked_about() -> None:
    assert days_read(retention(first="a")) == {f"event_p2025060{day}" for day in range(2, 9)}


def test_who_came_first_ever_needs_all_days_before() -> None:
    found = days_read(retention(first="a", cohort="first_ever"))
    assert found >= {f"event_p2025060{day}" for day in range(1, 9)}
    # Other tests may have left days that are earlier still.
    assert max(found) == "event_p20250608"


@PEOPLE
@pytest.mark.parametrize("asked", [{}, {"filter": "props.x:eq:1"}], ids=["presence", "events"])
@pytest.mark.parametrize("tz", ["UTC", "Europe/Berlin"])
def test_lifecycle_looks_nobody_up_in_what_came_before(
    people: People, asked: dict[str, str], tz: str
) -> None:
    params = {"range": ["2025-06-02/2025-06-09"], "period": ["day"], "tz": [tz]}
    question = parse_lifecycle(
        project_id=1, params=params | {name: [value] for name, value in asked.items()}, now=NOW
    )
    statement = LifecycleStatement(question, people)
    with transaction.atomic(), connection.cursor() as cursor:
        # Whatever statistics other tests left: one way to join, and no order to join by.
        cursor.execute("SET LOCAL enable_nestloop = off; SET LOCAL enable_mergejoin = off")
        cursor.execute(sql.SQL("EXPLAIN {}").format(statement.text), statement.params)
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert not [word for word in ("Semi", "CTE", "SubPlan") if word in plan]
    # Aliases are joined, where there are any; and the bits of many who are alike are told apart once.
    joins = re.findall("(?:Join|Nested Loop).*", plan)
    assert len(joins) == plan.count(" on user_alias ") + 1, plan
    assert (" on user_alias " in plan) is (people is ALIASED)


@PEOPLE
@pytest.mark.parametrize("cohort", ["first_in_range", "first_ever", "recurring"])
def test_a_segment_of_people_without_statistics_is_not_looked_through_for_each_event(
    people: People, cohort: str
) -> None:
    rules = read_rules({"did": {"type": "page_view"}, "atLeast": 2})
    params = {"range": ["2025-06-02/2025-06-09"], "period": ["day"], "cohort": [cohort], "first": ["a"]}
    question = parse_retention(project_id=1, params=params, now=NOW)
    scope = replace(question.scope, segment=Segment(1, "often", rules))
    statement = RetentionStatement(replace(question, scope=scope), people)
    with asking(heavy=True) as (link, _):
        link.execute(sql.SQL("EXPLAIN {}").format(statement.text), statement.params)
        plan = [line for (line,) in link.fetchall()]
    # Afterwards, each person's own arrays are gone through.
    persons = plan[: _end_of_cte(plan)]
    assert any("Join" in line for line in persons)
    assert not [line for line in persons if "Nested Loop" in line]


def _end_of_cte(plan: list[str]) -> int:
    """Return the number of the first line after the CTE of persons."""
    begin = next(number for number, line in enumerate(plan) if "CTE persons" in line)
    depth = len(plan[begin]) - len(plan[begin].lstrip())
    rest = enumerate(plan[begin + 1 :], begin + 1)
    return next((n for n, line in rest if len(line) - len(line.lstrip()) <= depth), len(plan))
