"""What an outage repeats is said once a minute, in one line."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from config import logs


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the console would show of three loggers."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.formatter())
    handler.addFilter(logs.CalmFilter())
    names = ("psycopg.pool", "celery.app.trace", "sluice.other")
    for name in names:
        logging.getLogger(name).addHandler(handler)
    yield stream
    for name in names:
        logging.getLogger(name).removeHandler(handler)


def shown(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def fail(error: Exception, task: str) -> None:
    """Log as Celery does when a task raises."""
    try:
        raise error
    except Exception:
        context = {
            "name": task,
            "id": "1",
            "exc": repr(error),
            "traceback": "Traceback ..",
            "description": "x",
        }
        logging.getLogger("celery.app.trace").error(
            "Task %(name)s[%(id)s] %(description)s: %(exc)s",
            context,
            exc_info=sys.exc_info(),
            extra={"data": context},
        )


def test_the_pool_says_it_once(lines: io.StringIO) -> None:
    for attempt in range(5):
        logging.getLogger("psycopg.pool").warning("error connecting in %r: %s", "pool-1", attempt)
    assert len(shown(lines)) == 1


def test_it_is_said_again_after_a_minute(lines: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    for moment in (0.0, 59.0, 61.0):
        monkeypatch.setattr(logs.time, "monotonic", lambda moment=moment: 1000.0 + moment)
        logging.getLogger("psycopg.pool").warning("error connecting")
    assert len(shown(lines)) == 2


def test_a_task_whose_database_is_away_is_one_short_line(lines: io.StringIO) -> None:
    for _ in range(3):
        fail(psycopg.OperationalError("connection refused\nIs it running?"), "sessions.tasks.rebuild_touched")
    fail(psycopg.OperationalError("connection refused"), "metrics.tasks.catch_up_rollups")
    first, second = shown(lines)
    assert first["message"].endswith("rebuild_touched was refused: OperationalError: connection refused")
    assert (first["level"], "exc_info" in first, "data" in first) == ("WARNING", False, False)
    assert "catch_up_rollups" in second["message"]


def test_a_fault_of_ours_keeps_its_traceback_each_time(lines: io.StringIO) -> None:
    for _ in range(2):
        fail(ValueError("a bug"), "sessions.tasks.rebuild_touched")
    assert ["Traceback" in line["exc_info"] for line in shown(lines)] == [True, True]


def test_other_loggers_may_repeat_themselves(lines: io.StringIO) -> None:
    for _ in range(2):
        logging.getLogger("sluice.other").warning("again")
    assert len(shown(lines)) == 2
