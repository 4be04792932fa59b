"""Answers that something may still change are not kept for an hour, whichever question they answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import caches
from django.db import connection

from metrics.insights.funnel import ask_funnel
from metrics.insights.lifecycle import ask_lifecycle
from metrics.insights.paths import ask_paths
from metrics.insights.retention import ask_retention
from metrics.query.ask import ask
from metrics.segments.reading import read_rules
from metrics.segments.services import create_segment
from tests.support.pipeline import NOON, append, event, process_all, rebuild_sessions, store_all
from tests.support.tenants import Tenant

DAYS = {"range": ["2025-06-02/2025-06-04"]}
HOUR, OPEN, LATE = 3600, 10, 15


def of_metrics(metric: str) -> Callable[..., int]:
    return lambda **asked: ask(**with_params(asked, metric=metric, step="1d")).seconds


ASKED: dict[str, Callable[..., int]] = {
    "metrics": of_metrics("count"),
    "funnels": lambda **asked: ask_funnel(**with_params(asked, steps='["a","b"]')).seconds_to_keep,
    "retention": lambda **asked: ask_retention(**with_params(asked, period="day")).seconds_to_keep,
    "paths": lambda **asked: ask_paths(**with_params(asked, to="a")).seconds_to_keep,
    "lifecycle": lambda **asked: ask_lifecycle(**with_params(asked)).seconds_to_keep,
}
EACH = pytest.mark.parametrize("asked", ASKED)


def with_params(asked: dict[str, Any], **params: str) -> dict[str, Any]:
    more = {name: [value] for name, value in params.items()}
    return {**asked, "params": {**DAYS, **more, **asked.get("params", {})}}


@pytest.fixture
def both(acme: Tenant, globex: Tenant) -> Tenant:
    """acme and globex with some events, all in the rollups and sessions."""
    for tenant in (acme, globex):
        store_all(tenant.id, [event("u1", NOON), event("u1", NOON + timedelta(minutes=1), type="order")])
    return acme


def wait_in(statement: str, project_id: int) -> None:
    """Let something wait that came three seconds ago."""
    with connection.cursor() as cursor:
        cursor.execute(statement, {"project_id": project_id})


@EACH
def test_what_can_change_no_more_is_kept_for_an_hour(both: Tenant, asked: str) -> None:
    assert ASKED[asked](project_id=both.id) == HOUR


@EACH
def test_while_something_is_to_be_counted_still_it_is_not(both: Tenant, asked: str) -> None:
    wait_in(
        "INSERT INTO metric_note (project_id, user_ids, noted_at) "
        "VALUES (%(project_id)s, '{u1}', clock_timestamp() - interval '3 s')",
        both.id,
    )
    assert ASKED[asked](project_id=both.id) == LATE


def test_nor_are_sessions_while_some_are_to_be_rebuilt(both: Tenant) -> None:
    assert of_metrics("sessions")(project_id=both.id) == HOUR
    append(both.id, [event("u2", NOON)])
    process_all()
    assert of_metrics("sessions")(project_id=both.id) == LATE
    rebuild_sessions()
    caches["answers"].clear()
    assert of_metrics("sessions")(project_id=both.id) == HOUR


@EACH
def test_who_is_in_a_segment_may_change_with_every_event(both: Tenant, asked: str) -> None:
    rules = read_rules({"did": "page_view", "within": "7d"})
    create_segment(project_id=both.id, name="lately", by="ann", rules=rules)
    assert ASKED[asked](project_id=both.id, params={"segment": ["lately"]}) == OPEN
