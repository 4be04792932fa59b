"""What Postgres really reads: rollup questions no raw event, raw questions only their days, lists an index."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from psycopg import sql

from events import selectors
from metrics.query.parse import parse_question
from metrics.query.planner import plan
from metrics.query.sql import Statement
from sessions.selectors import SQL as SESSIONS_SQL
from tests.support.pipeline import event, new_project, store_all
from tests.support.plans import explain, indexes_read

NOW = datetime(2025, 6, 15, 12, tzinfo=UTC)
FIRST = datetime(2025, 6, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def ten_days(pipeline: None) -> None:
    moments = (FIRST + timedelta(days=n % 10, minutes=n) for n in range(100))
    store_all(new_project(), [event(f"u{n % 7}", ts, value=n) for n, ts in enumerate(moments)])


def reads(**params: str) -> set[str]:
    """Return the relations that a question reads. A plan does not depend on whose question it is."""
    question = parse_question(project_id=1, params={name: [value] for name, value in params.items()}, now=NOW)
    statement = Statement(question, plan(question))
    return explain(statement.text, statement.params)


def days_read(relations: set[str]) -> set[str]:
    return {name for name in relations if name.startswith("event")}


@pytest.mark.parametrize("step", ["1m", "5m", "15m", "1h", "1d", "1w", "1mo"])
@pytest.mark.parametrize("params", [{}, {"groupBy": "type"}, {"type": "page_view"}])
def test_counts_over_aligned_ranges_touch_no_event(step: str, params: dict[str, str]) -> None:
    found = reads(metric="count", range="2025-06-02/2025-06-05", step=step, **params)
    assert found
    assert not days_read(found)


@pytest.mark.parametrize("step", ["1h", "1d", "1w", "1mo"])
@pytest.mark.parametrize("tz", ["UTC", "Europe/Berlin", "America/New_York"])
def test_users_over_aligned_ranges_touch_no_event(step: str, tz: str) -> None:
    assert not days_read(reads(metric="users", range="2025-06-02/2025-06-05", step=step, tz=tz))


@pytest.mark.parametrize(
    "metric", ["sum:props.value", "avg:props.value", "min:props.value", "max:props.value"]
)
@pytest.mark.parametrize(
    "params", [{"step": "1h"}, {"step": "1d", "groupBy": "type"}, {"step": "1d", "type": "a"}]
)
def test_kept_numbers_over_whole_hours_touch_no_event(metric: str, params: dict[str, str]) -> None:
    found = reads(metric=metric, range="2025-06-02T05:00Z/2025-06-05T17:00Z", **params)
    assert found
    assert not days_read(found)


@pytest.mark.parametrize("tz", ["Europe/Berlin", "Asia/Kolkata"])
def test_counts_in_other_zones_touch_no_event(tz: str) -> None:
    assert not days_read(reads(metric="count", range="2025-06-02/2025-06-05", step="1d", tz=tz))


def test_relative_ranges_are_aligned_to_minutes() -> None:
    assert not days_read(reads(metric="count", range="24h", step="5m"))


@pytest.mark.parametrize(
    "params", [{"metric": "sum:props.v"}, {"metric": "count", "filter": "props.a:exists"}]
)
def test_raw_questions_read_only_their_days(params: dict[str, str]) -> None:
    found = reads(range="2025-06-03/2025-06-05", step="1d", **params)
    assert days_read(found) == {"event_p20250603", "event_p20250604"}


def test_only_the_ragged_ends_of_a_range_are_read_raw() -> None:
    found = reads(metric="count", range="2025-06-02T10:00:30Z/2025-06-06T10:00:30Z", step="1d")
    assert days_read(found) == {"event_p20250602", "event_p20250606"}


def test_sessions_are_counted_without_events() -> None:
    assert reads(metric="sessions", range="2025-06-02/2025-06-05", step="1d") == {"rollup_sessions_1d"}


def test_a_page_of_events_reads_only_the_days_of_its_range() -> None:
    params: dict[str, Any] = dict.fromkeys(("user_id", "type", "cursor_ts", "cursor_id"))
    params |= {"project_id": 1, "limit": 11, "start": FIRST, "end": FIRST + timedelta(days=1)}
    found = explain(sql.SQL(selectors.SQL["list"].rstrip(";")), params)
    assert found == {"event_p20250601", "event_p20250602"}


MANY_SESSIONS = """
    INSERT INTO session (project_id, user_id, start_ts, end_ts, session_id, events, entry, exit)
    SELECT 1 + n %% 3, 'u' || n %% 500, %s::timestamptz + n * interval '1 minute',
           %s::timestamptz + n * interval '1 minute', gen_random_uuid(), 1, '/', '/'
    FROM generate_series(1, 20000) AS n
"""


def test_a_page_of_sessions_reads_the_index_of_the_newest() -> None:
    with connection.cursor() as cursor:
        cursor.execute(MANY_SESSIONS, [FIRST, FIRST])
        cursor.execute("ANALYZE session")
    params: dict[str, Any] = dict.fromkeys(("user_id", "cursor_ts", "cursor_id"))
    params |= {"project_id": 1, "limit": 11, "start": FIRST, "end": NOW}
    assert "session_newest" in indexes_read(sql.SQL(SESSIONS_SQL["list"].rstrip(";")), params)
